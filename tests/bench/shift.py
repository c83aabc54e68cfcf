#!/usr/bin/env python3
"""A shift in a contact centre: agents log in, calls from outside are routed to them by the strategy client, and all that clients are told must add up.

The program, the strategy of sdk/examples/strategy, SIPp as the callers, phones that answer by themselves, and desktops that hold, consult, transfer
and release, each over its own connections. It fails when a call has not one story, a party's events are no legal sequence, or an agent's state does
not add up. With --changes the plugins that say who gets what, who may what and whose a DN is are replaced so often meanwhile: clients on TCport, one of
them registered on all DNs at once, and one on the Smart Proxy must have been told the same of the same DNs, who subscribes in between a part of it,
and of two recorders each call one, all of it.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "sdk" / "tlib" / "python"), str(HERE)]

from floor.changes import OWNER, Changes, Recorders, Witness, files  # noqa: E402
from floor.desks import Desks  # noqa: E402
from floor.judge import Judge  # noqa: E402
from floor.phones import Phones  # noqa: E402
from jackfield_tlib import Client, RegisterMode  # noqa: E402
from lab.process import TICKS_PER_SECOND, Failed, Subject, tail  # noqa: E402

POINT = "8000"
FIRST, OFFICE_FIRST = 2001, 3001
#: A DN without a phone, for visitors.
SPARE = "4001"
CLIENTS = 4
PORTS = (5060, 8080, 7000, 7001, 5070, 5071, 5072, 5073, 7002, 7003)


def configuration(given, ports):
    """The file that the program is started with."""
    sip, http, router, desks = ports[:4]
    recorders, monitors = ports[8:]
    listen = (("default", router), ("TCport", desks), ("IPport", recorders), ("SmartProxy", monitors))
    listen = ", ".join(f'{{ name = "{name}", bind = "127.0.0.1:{port}" }}' for name, port in listen)
    last = FIRST + given.agents - 1
    office_last = OFFICE_FIRST + given.office - 1
    return f"""
[sip]
listen = [{{ name = "udp", bind = "127.0.0.1:{sip}" }}]
overload_wait_ms = 0
[http]
bind = "127.0.0.1:{http}"
[media]
mode = "bypass"
[tlib]
listen = [{listen}]
[[dn]]
number = ["{FIRST}-{last}"]
options = {{ wrap-up-time = "{given.wrap_up}" }}
[[dn]]
number = ["{OFFICE_FIRST}-{office_last}"]
[[dn]]
number = "{POINT}"
type = "routing-point"
[[dn]]
number = "{SPARE}"
[[dn]]
number = "cluster"
type = "voip-service"
options = {{ service-type = "sip-cluster-nodes", dn-owner-applications = "{OWNER}" }}
[journal]
entries_max = 100000
"""


class Callers:
    """SIPp three times: callers who stay, who leave and who give up before anybody answers."""

    def __init__(self, given, ports, folder):
        leave, give_up = given.calls // 10, given.calls // 20
        kinds = (("shift", given.calls - leave - give_up, 120_000), ("shift", leave, 1500), ("shift_gives_up", give_up, 0))
        self.processes = []
        for (name, calls, patience), port in zip(kinds, ports[5:8]):
            if not calls:
                continue
            place = folder / f"callers-{port}"
            place.mkdir()
            text = (HERE / "sipp" / f"{name}.xml").read_text().replace("@PATIENCE@", str(patience))
            (place / "scenario.xml").write_text(text)
            rate = max(given.rate * calls / given.calls, 0.1)
            command = ["sipp", f"127.0.0.1:{ports[0]}", "-s", POINT, "-sf", "scenario.xml", "-i", "127.0.0.1", "-p", str(port), "-m", str(calls)]
            command += ["-r", str(max(1, round(rate * 10))), "-rp", "10000", "-nostdin", "-trace_err", "-error_file", "errors", "-timeout", "3600"]
            output = open(place / "output", "w")
            process = subprocess.Popen(command, cwd=place, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            self.processes.append((process, place))

    def are_done(self):
        return all(process.poll() is not None for process, _ in self.processes)

    def faults(self):
        return [f"SIPp in {place.name} ended with {p.returncode}: {account(place)}" for p, place in self.processes if p.returncode]

    def stop(self):
        for process, _ in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def account(place):
    errors = place / "errors"
    return tail(errors if errors.exists() else place / "output")


def cpu_seconds(pid):
    """CPU time of each thread of a process, by its name."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
        fields = rest.split()
        found[name] = found.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
    return found


class Shift:
    """Everything that takes part."""

    def __init__(self, given, ports, folder):
        self.given, self.ports, self.folder = given, ports, folder
        self.agents = [str(FIRST + n) for n in range(given.agents)]
        self.office = [str(OFFICE_FIRST + n) for n in range(given.office)]
        self.judge = Judge([POINT])
        self.desks = Desks(self.judge, given.talk)
        self.told, self.recorders = Witness(), Recorders()
        self.witnesses = {name: Witness() for name in ("another client", "a client on all DNs", "a client of the Smart Proxy")}
        self.changes = None
        self.closing = []

    def start_switch(self):
        file = self.folder / "shift.toml"
        text = configuration(self.given, self.ports)
        if self.given.changes:
            files(self.folder, text, 0)
            self.changes = Changes(self.given.changes, self.folder, text, self.ports, self.agents, SPARE)
        else:
            file.write_text(text)
        program = os.environ.get("JACKFIELD_BIN", "jackfield")
        self.switch = Subject([program, "run", "--config", str(file)], self.folder / "log", self.ports[0], cwd=self.folder)
        self.closing.append(self.switch.stop)

    def start_phones(self):
        phones = Phones(self.agents + self.office, self.ports[4], self.ports[0], self.given.ring)
        phones.register()
        phones.start()
        self.closing.append(phones.stop)

    def connect(self, number, port, dns, keep=None, **registration):
        def told(event):
            self.told.take(event)
            self.desks.events.put((number, event))

        keep = keep or told
        client = Client("127.0.0.1", port, application=f"desks-{number}", on_event=keep).open()
        self.closing.append(client.close)
        for reference in [client.register_address(dn, **registration) for dn in dns]:
            reference.wait()
        return client

    def start_desks(self):
        everybody = self.agents + self.office
        for number in range(CLIENTS):
            dns = everybody[number::CLIENTS]
            client = self.connect(number, self.ports[3], dns)
            for dn in dns:
                self.desks.add(dn, client, number, dn in self.office)
        self.connect(CLIENTS, self.ports[2], [POINT], register_mode=RegisterMode.Monitor)
        another, on_all, on_proxy = (witness.take for witness in self.witnesses.values())
        self.connect("witness", self.ports[3], everybody, another)
        self.connect("all", self.ports[3], [], on_all).register_all().wait()
        self.connect("proxy", self.ports[9], everybody, on_proxy, register_mode=RegisterMode.Monitor)
        for number in range(2):
            recorder = self.connect(f"recorder-{number}", self.ports[8], [], self.recorders.taker(number))
            recorder.start_call_monitoring().wait()

    def start_strategy(self):
        skills = {"points": [POINT], "agents": {dn: ["all"] for dn in self.agents}, "numbers": {POINT: "all"}}
        (self.folder / "skills.json").write_text(json.dumps(skills))
        command = [sys.executable, str(ROOT / "sdk/examples/strategy/strategy.py"), str(self.folder / "skills.json")]
        command += ["--router", f"127.0.0.1:{self.ports[2]}", "--agents", f"127.0.0.1:{self.ports[3]}"]
        log = open(self.folder / "strategy", "w")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        self.closing.append(lambda: (process.kill(), process.wait()))
        if process.stdout.readline().strip() != "ready":
            raise Failed(f"the strategy did not start:\n{tail(self.folder / 'strategy')}")
        self.strategy = process

    def work(self):
        """The shift: gives its figures, and what was wrong."""
        desks, judge, given = self.desks, self.judge, self.given
        desks.begin()
        ready = lambda: sum(a.state == "EventAgentReady" for a in desks.agents.values()) == given.agents  # noqa: E731
        faults = [] if desks.run(ready, 60) else ["not all agents are ready after 60 s"]
        began, cpu = time.monotonic(), cpu_seconds(self.switch.process.pid)
        if self.changes:
            self.changes.start()
        callers = Callers(given, self.ports, self.folder)
        self.closing.append(callers.stop)
        if not desks.run(lambda: self.is_over(callers), given.calls / given.rate + 60):
            faults.append("the calls are not over in time")
        seconds = time.monotonic() - began
        if self.changes:
            self.changes.stop()
        spent = {name: used - cpu.get(name, 0.0) for name, used in cpu_seconds(self.switch.process.pid).items()}
        for agent in desks.agents.values():
            agent.state = "leaving"
        desks.end()
        if not desks.run(lambda: all(judge.agents[dn] == "out" for dn in self.agents), 60):
            faults.append("not all agents are logged out after 60 s")
        faults += callers.faults() + judge.finish(self.agents, given.calls)
        everybody = self.agents + self.office
        for name, witness in self.witnesses.items():
            faults += witness.compare(name, {dn: self.told.told[dn] for dn in everybody})
        faults += self.recorders.faults()
        if self.strategy.poll() is not None:
            faults.append(f"the strategy ended:\n{tail(self.folder / 'strategy')}")
        figures = self.figures(seconds, spent)
        if self.changes:
            figures |= self.changes.figures()
            faults += self.changes.compare(self.told.told) + self.changes.faults
        return figures, faults

    def is_over(self, callers):
        if self.changes:
            # A few callers give up and are never answered.
            self.changes.progress = sum(self.judge.answered.values()) / (0.9 * self.given.calls)
        return callers.are_done() and self.judge.is_quiet()

    def figures(self, seconds, spent):
        judge, calls = self.judge, self.given.calls
        return {
            "agents": self.given.agents,
            "calls": calls,
            "seconds": round(seconds, 1),
            "answered": sum(judge.answered.values()),
            "callers who left in the queue": len(judge.abandoned),
            "callers who left a phone that rang": judge.abandoned_ringing,
            "plans": self.desks.done,
            "requests of desktops": self.desks.requests,
            "refused": judge.refused,
            "events": sum(judge.events.values()),
            "events a call": round(sum(judge.events.values()) / calls, 1),
            "CPU ms a call": round(1000 * sum(spent.values()) / calls, 2),
            "CPU s by thread": {name: round(used, 2) for name, used in sorted(spent.items()) if used >= 0.01},
        }

    def stop(self):
        for close in reversed(self.closing):
            close()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--agents", type=int, default=200)
    options.add_argument("--office", type=int, default=40, help="people whom calls are transferred to")
    options.add_argument("--calls", type=int, default=2000)
    options.add_argument("--rate", type=float, default=20.0, help="calls a second")
    options.add_argument("--talk", type=float, default=1.0, help="seconds of talk between two steps of a call")
    options.add_argument("--ring", type=float, default=0.5, help="seconds that a phone rings")
    options.add_argument("--wrap-up", type=int, default=1, help="seconds of after-call work")
    options.add_argument("--changes", type=int, default=0, help="how often the plugins are replaced; 0 leaves them as they are")
    options.add_argument("--ports", default=",".join(map(str, PORTS)), help="SIP, HTTP, default, TCport, phones, three of callers, IPport and SmartProxy")
    options.add_argument("--keep", type=pathlib.Path, help="an empty folder for logs")
    given = options.parse_args()
    ports = [int(port) for port in given.ports.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        shift = Shift(given, ports, given.keep or pathlib.Path(folder))
        try:
            for step in (shift.start_switch, shift.start_phones, shift.start_desks, shift.start_strategy):
                step()
            figures, faults = shift.work()
        except Failed as failure:
            raise SystemExit(f"shift: {failure}") from None
        finally:
            shift.stop()
    print(json.dumps(figures, indent=2))
    for fault in faults[:40]:
        print(f"fault: {fault}", file=sys.stderr)
    if faults:
        raise SystemExit(f"shift: {len(faults)} faults")


if __name__ == "__main__":
    main()
