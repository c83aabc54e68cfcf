#!/usr/bin/env python3
"""What it costs to deliver an event to 1, 100 and 1,000 T-Library clients.

An agent on one DN goes ready and not ready as fast as it is answered; every client of the DN reads and discards. The cost is the CPU time of the
T-Controller's thread (and, beside it, of the whole process), divided by the copies delivered. Fails when a client was lost.
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

# SIP, HTTP, TCport.
PORTS = (5060, 8080, 7001)


def subject(ports):
    """The switch with one DN."""
    sip, http, desks = ports
    settings = ['dn=[{number="2001"}]', f'sip.listen=[{{name="udp",bind="127.0.0.1:{sip}"}}]', f'http.bind="127.0.0.1:{http}"',
                f'tlib.listen=[{{name="TCport",bind="127.0.0.1:{desks}"}}]', "tlib.requests_per_second_max=1000000",
                "tlib.requests_burst_max=10000000", "tlib.write_queue_kib=65536"]
    options = [word for setting in settings for word in ("--set", setting)]

    def command(_work):
        return [find_program("JACKFIELD_BIN"), "run", "--config", os.path.join(BENCH, "lab.toml"), *options]
    return Description("events", sip, command)


def measure(clients, events, ports):
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        running = subject(ports).start(work)
        try:
            return deliver(running, clients, events, ports)
        finally:
            running.stop()


def deliver(running, clients, events, ports):
    wait_for(lambda: modules(ports[1]), "the HTTP API")
    command = [find_program("JACKFIELD_LOAD"), "events", "--to", f"127.0.0.1:{ports[2]}", "--clients", str(clients), "--count", str(events)]
    (process, before), (process_after, after), outcome = in_steps(command, running, ports[1])
    whole = process_after - process
    if outcome["failed"]:
        raise Failed(f"{clients} clients: {outcome['errors']}")
    copies = after["TCO"]["deliveries"] - before["TCO"]["deliveries"]
    # The agent has a client too. The two events of its login may be counted after the figures of the beginning were read.
    if copies - events * (clients + 1) not in (0, 2 * (clients + 1)):
        raise Failed(f"{clients} clients: {copies} copies of {events} events")
    cpu = (after["TCO"]["cpu_us"] - before["TCO"]["cpu_us"]) / 1e6
    return {"clients": clients, "copies": copies, "seconds": outcome["seconds"], "tco_s": cpu, "process_s": whole}


def numbers(text):
    return [int(number) for number in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, interleaved (default 3)")
    parser.add_argument("--copies", type=int, default=1_000_000, help="copies in one run, about (default 1000000)")
    parser.add_argument("--clients", type=numbers, default=[1, 100, 1000], help="clients, separated by commas (default 1,100,1000)")
    parser.add_argument("--ports", type=numbers, default=PORTS, help="SIP, HTTP, TCport")
    options = parser.parse_args()
    sizes, runs = options.clients, []
    for _ in range(options.rounds):
        for clients in sizes:
            run = measure(clients, max(options.copies // (clients + 1), 10), options.ports)
            runs.append(run)
            print(json.dumps(run), file=sys.stderr, flush=True)
    rows = []
    for clients in sizes:
        of = [run for run in runs if run["clients"] == clients]
        rows.append([
            clients,
            table.spread([run["copies"] / run["tco_s"] for run in of], 0),
            table.spread([1e6 * run["tco_s"] / run["copies"] for run in of], 2),
            table.spread([run["copies"] / run["process_s"] for run in of], 0),
            table.spread([run["copies"] / run["seconds"] for run in of], 0),
        ])
    table.show(["clients", "copies a CPU second of the T-Controller", "us each", "copies a CPU second of the process",
                "copies a second"], rows)


if __name__ == "__main__":
    try:
        main()
    except Failed as error:
        sys.exit(f"events: {error}")
