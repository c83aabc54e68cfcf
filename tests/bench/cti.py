#!/usr/bin/env python3
"""What T-Library clients cost, and how soon they are told.

`p99`: how long after a SIP message its event is at a native client on TCport and at one on the Smart Proxy, beside the message itself at who it is sent
on to. `calls`: CPU time of a call that a routing client sends to an agent, with a desktop, a recorder and a monitor, beside the plain call of the same
round, and what each was told. `legacy`: CPU time of the T-Controller for a call with 0, 1 and 5 clients that register every DN, on TCport and on the
Smart Proxy, with `smart-proxy-enabled` off and on.

Every kind is run once in each round. Fails when a call failed or a client was told too little.
"""

import argparse
import json
import os
import sys
import tempfile

from lab import table
from lab.modules import in_steps, modules
from lab.process import Failed, find_program, wait_for
from lab.subjects import BENCH, Description

# SIP, HTTP, default, TCport, IPport, SmartProxy.
PORTS = (5060, 8080, 7000, 7001, 7002, 7003)
CALLERS, CALLEES, POINT = 30000, 20000, 8000
PAIRS = 8
WARM = 200


class Floor:
    """The switch with DNs or without, and the load it gets."""

    def __init__(self, given):
        self.given = given
        self.sip, self.http, self.router, self.desks, self.recorders, self.monitors = given.ports

    def description(self, name, dns=()):
        """The switch with these blocks of [[dn]]."""
        listen = {"default": self.router, "TCport": self.desks, "IPport": self.recorders, "SmartProxy": self.monitors}
        ports = ",".join(f'{{name="{module}",bind="127.0.0.1:{port}"}}' for module, port in listen.items())
        settings = [f'sip.listen=[{{name="udp",bind="127.0.0.1:{self.sip}"}}]', f'http.bind="127.0.0.1:{self.http}"',
                    "tlib.requests_burst_max=1000000"]
        settings += [f"tlib.listen=[{ports}]", f"dn=[{','.join(dns)}]"] if dns else []
        options = [word for setting in settings for word in ("--set", setting)]

        def command(_work):
            return [find_program("JACKFIELD_BIN"), "run", "--config", os.path.join(BENCH, "lab.toml"), *options]
        return Description(name, self.sip, command)

    def run(self, name, dns, count, rate, *options):
        """One run: what came of it, with the CPU microseconds of a call, of the program and of each module, and the copies delivered."""
        with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
            running = self.description(name, dns).start(work)
            try:
                return self._load(running, name, count, rate, options)
            finally:
                running.stop()

    def _load(self, running, name, count, rate, options):
        wait_for(lambda: modules(self.http) is not None, "the HTTP API")
        command = [find_program("JACKFIELD_LOAD"), "cti", "--sip", f"127.0.0.1:{self.sip}", "--count", str(count), "--rate", str(rate)]
        command += ["--warm", str(self.given.warm), "--callers", str(CALLERS), "--callees", str(CALLEES), "--pairs", str(PAIRS), *options]
        (cpu, before), (cpu_after, after), outcome = in_steps(command, running, self.http)
        if outcome["failed"]:
            raise Failed(f"{name}: {outcome['failed']} failed: {outcome['errors']}")
        calls = outcome["ok"]
        outcome.update(name=name, cpu_us=round(1e6 * (cpu_after - cpu) / calls, 1))
        for key in ("cpu_us", "deliveries", "lost"):
            outcome[f"module_{key}"] = {tag: (after[tag][key] - before[tag][key]) / calls for tag in after}
        if any(outcome["module_lost"].values()):
            raise Failed(f"{name}: modules lost what they had for one another: {outcome['module_lost']}")
        # The answer to TRouteCall is the event itself, so that what clients are told is what modules deliver.
        told, delivered = sum(outcome.get("told", {}).values()) / calls, sum(outcome["module_deliveries"].values())
        if abs(told - delivered) * calls >= 1:
            raise Failed(f"{name}: {delivered} copies a call were delivered, and {told} came")
        return outcome

    def on(self, role, port, count=1):
        """A client of a role."""
        return ("--client", f"{role}@127.0.0.1:{port}*{count}")


def extension(first, count):
    return f'{{number="{first}-{first + count - 1}"}}'


def point():
    return f'{{number="{POINT}",type="routing-point"}}'


def cluster(enabled):
    flag = "true" if enabled else "false"
    return f'{{number="9999",type="voip-service",options={{service-type="sip-cluster-nodes",smart-proxy-enabled="{flag}"}}}}'


class Latency:
    """p99 from a SIP message to its event."""

    header = ["message", "event", "at", "passed on p50 ms", "p99 ms", "told p50 ms", "p99 ms", "p99 later by ms"]

    def __init__(self, floor, given):
        self.floor, self.given = floor, given

    def kinds(self):
        return ["timed"]

    def measure(self, _kind):
        floor = self.floor
        dns = [extension(CALLEES, PAIRS), extension(CALLERS, PAIRS)]
        clients = floor.on("desk", floor.desks) + floor.on("all", floor.monitors) + floor.on("record", floor.recorders)
        return floor.run("p99", dns, self.given.calls, self.given.timed_rate, "--caller-dns", "--timed", *clients)

    def report(self, runs):
        runs = runs["timed"]
        rows = []
        for number, first in enumerate(runs[0]["times"]):
            of = [run["times"][number] for run in runs]

            def ms(who, share):
                return [one[who][share] / 1e3 for one in of]
            later = [told - passed for told, passed in zip(ms("told", "p99"), ms("passed_on", "p99"))]
            rows.append([first["message"], first["event"], {"desk": "TCport", "all": "SmartProxy"}[first["client"]],
                         *(table.spread(ms(who, share), 2) for who in ("passed_on", "told") for share in ("p50", "p99")),
                         table.spread(later, 2)])
        table.show(self.header, rows)


class Calls:
    """CPU time of a call with clients and without."""

    header = ["calls", "CPU us a call", "of the plain call", "copies a call", "to whom", "CTI us", "TCO us", "IPR us", "SPX us"]

    def __init__(self, floor, given):
        self.floor, self.given = floor, given

    def kinds(self):
        return ["plain", "DNs, nobody told", "routed, nobody else told", "routed, desk, recorder, monitor"]

    def measure(self, kind):
        floor, given = self.floor, self.given
        dns = [extension(CALLEES, PAIRS), point()]
        route = ["--point", str(POINT), *floor.on("route", floor.router)]
        rest = floor.on("desk", floor.desks) + floor.on("record", floor.recorders) + floor.on("all", floor.monitors)
        dns, clients = [((), ()), (dns, ()), (dns, route), (dns, [*route, *rest])][self.kinds().index(kind)]
        return floor.run(kind, dns, given.calls, given.rate, *clients)

    def report(self, runs):
        plain = table.median([run["cpu_us"] for run in runs["plain"]])
        rows = []
        for kind in self.kinds():
            of = runs[kind]
            cost = [run["cpu_us"] for run in of]
            told = of[0].get("told", {})
            calls = of[0]["ok"]
            rows.append([kind, table.spread(cost, 0), f"{table.median(cost) / plain:.2f}", f"{sum(told.values()) / calls:.1f}",
                         ", ".join(f"{role} {count / calls:.1f}" for role, count in told.items()) or "-",
                         *(module_spread(of, tag) for tag in ("CTI", "TCO", "IPR", "SPX"))])
        table.show(self.header, rows)


class Legacy:
    """CPU time of the T-Controller with clients that register every DN."""

    header = ["clients", "on", "smart-proxy-enabled", "TCO us a call", "SPX us a call", "program us a call", "copies a call"]

    def __init__(self, floor, given):
        self.floor, self.given = floor, given

    def kinds(self):
        on = [(port, count) for count in self.given.legacy for port in (("TCport", "SmartProxy") if count else ("-",))]
        return [(port, count, enabled) for port, count in on for enabled in (False, True)]

    def measure(self, kind):
        floor, given = self.floor, self.given
        port, count, enabled = kind
        dns = [extension(CALLEES, given.dns), cluster(enabled)]
        to = {"TCport": floor.desks, "SmartProxy": floor.monitors}.get(port)
        clients = floor.on("all", to, count) if count else ()
        name = f"{count} on {port}, {'on' if enabled else 'off'}"
        return floor.run(name, dns, given.calls, given.rate, "--dns", str(given.dns), *clients)

    def report(self, runs):
        rows = []
        for kind in self.kinds():
            port, count, enabled = kind
            of = runs[kind]
            rows.append([count, port, "on" if enabled else "off", module_spread(of, "TCO"), module_spread(of, "SPX"),
                         table.spread([run["cpu_us"] for run in of], 0),
                         f"{sum(of[0].get('told', {}).values()) / of[0]['ok']:.1f}"])
        table.show(self.header, rows)


def module_spread(runs, tag):
    return table.spread([run["module_cpu_us"].get(tag) for run in runs], 1)


PARTS = {"p99": Latency, "calls": Calls, "legacy": Legacy}


def numbers(text):
    return [int(number) for number in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, separated by commas: {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind, interleaved (default 3)")
    parser.add_argument("--calls", type=int, default=5000, help="calls of one run (default 5000)")
    parser.add_argument("--rate", type=int, default=400, help="calls a second (default 400)")
    parser.add_argument("--timed-rate", type=int, default=200, help="calls a second of p99 (default 200)")
    parser.add_argument("--warm", type=int, default=WARM, help=f"calls before each run that do not count (default {WARM})")
    parser.add_argument("--dns", type=int, default=1000, help="DNs that legacy clients register (default 1000)")
    parser.add_argument("--legacy", type=numbers, default=[0, 1, 5], help="legacy clients (default 0,1,5)")
    parser.add_argument("--ports", type=numbers, default=PORTS, help="SIP, HTTP, default, TCport, IPport, SmartProxy")
    parser.add_argument("--json", help="write every single run to this file, one JSON object a line")
    given = parser.parse_args()
    names = given.only.split(",")
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    floor = Floor(given)
    parts = {name: PARTS[name](floor, given) for name in names}
    runs = {name: {kind: [] for kind in part.kinds()} for name, part in parts.items()}
    for _ in range(given.rounds):
        for name, part in parts.items():
            for kind in part.kinds():
                run = part.measure(kind)
                runs[name][kind].append(run)
                line = json.dumps({"part": name, **run})
                print(line, file=sys.stderr, flush=True)
                if given.json:
                    with open(given.json, "a") as file:
                        file.write(line + "\n")
    for name, part in parts.items():
        rate = given.timed_rate if name == "p99" else given.rate
        print(f"\n{name}: {given.calls} calls at {rate} a second, {given.rounds} rounds, median (range)\n")
        part.report(runs[name])


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"bench cti: {failure}")
