#!/usr/bin/env python3
"""What it costs to deliver an event to 1, 100 and 1,000 T-Library clients.

An agent on one DN goes ready and not ready as fast as it is answered; every client of the DN reads and discards. The cost is the CPU time of the
T-Controller's thread (and, beside it, of the whole process), divided by the copies delivered. Fails when a client was lost.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request

from lab import table
from lab.process import Failed, wait_for
from lab.subjects import jackfield

PORT = 7001


def module():
    try:
        with urllib.request.urlopen("http://127.0.0.1:8080/api/modules", timeout=10) as answer:
            return next(one for one in json.load(answer) if one["module"] == "TCO")
    except OSError:
        return None


def measure(clients, events):
    subject = jackfield(f"{clients}", "lab.toml", "--set", 'dn=[{number="2001"}]', "--set",
                        f'tlib.listen=[{{name="TCport",bind="127.0.0.1:{PORT}"}}]', "--set",
                        "tlib.requests_per_second_max=1000000", "--set", "tlib.requests_burst_max=10000000", "--set",
                        "tlib.write_queue_kib=65536")
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        running = subject.start(work)
        try:
            return deliver(running, clients, events)
        finally:
            running.stop()


def deliver(running, clients, events):
    before = wait_for(module, "the HTTP API")
    process = running.cpu_seconds()
    done = subprocess.run([os.environ["JACKFIELD_LOAD"], "events", "--to", f"127.0.0.1:{PORT}", "--clients", str(clients),
                           "--count", str(events)], capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise Failed(done.stderr)
    after, whole = module(), running.cpu_seconds() - process
    outcome = json.loads(done.stdout)
    if outcome["failed"]:
        raise Failed(f"{clients} clients: {outcome['errors']}")
    copies = after["deliveries"] - before["deliveries"]
    cpu = (after["cpu_us"] - before["cpu_us"]) / 1e6
    return {"clients": clients, "copies": copies, "seconds": outcome["seconds"], "tco_s": cpu, "process_s": whole}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, interleaved (default 3)")
    parser.add_argument("--copies", type=int, default=1_000_000, help="copies in one run, about (default 1000000)")
    options = parser.parse_args()
    sizes, runs = [1, 100, 1000], []
    for _ in range(options.rounds):
        for clients in sizes:
            run = measure(clients, max(options.copies // (clients + 1), 500) if clients > 1 else options.copies // 4)
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
