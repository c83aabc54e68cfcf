#!/usr/bin/env python3
"""What a call costs over UDP, TCP and TLS: INVITE, 180, 200, ACK, BYE, 200, media bypassed, both sides over the same transport and
each pair of phones over connections that stand.

The phones are the project's own, one call after another in each pair. The cost is the CPU time of the switch divided by the calls.
Fails when a call failed.
"""

import argparse
import json
import sys
import tempfile

from lab import load, table
from lab.process import Failed
from lab.subjects import jackfield
from register import LISTEN, TLS_PORT


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="calls of one run (default 10000)")
    parser.add_argument("--rounds", type=int, default=3, help="runs over each transport, interleaved (default 3)")
    options = parser.parse_args()
    names = ["udp", "tcp", "tls"]
    runs = []
    for number in range(options.rounds):
        for name in names:
            run = measure(name, options.count)
            run.update(subject=name, round=number + 1)
            runs.append(run)
            print(json.dumps(run), file=sys.stderr, flush=True)
    print(f"{options.count} calls by {load.THREADS} pairs of phones at once, {options.rounds} rounds, median (range)\n")
    floor = table.median([run["cpu_us"] for run in runs if run["subject"] == "udp"])
    rows = []
    for name in names:
        of = [run for run in runs if run["subject"] == name]
        cost = table.median([run["cpu_us"] for run in of])
        rows.append([
            name,
            table.spread([run["cpu_us"] for run in of], 0),
            f"{cost / floor:.2f}",
            table.spread([run["ok"] / run["seconds"] for run in of], 0),
            sum(run["failed"] for run in of),
        ])
    table.show(["over", "CPU us a call", "of UDP", "calls a second", "failed"], rows)
    return 1 if any(run["failed"] for run in runs) else 0


def measure(over, count):
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        listen = load.certified(LISTEN, work)
        subject = jackfield(over, "lab.toml", "--set", f"sip.listen=[{listen}]").start(work)
        try:
            port = TLS_PORT if over == "tls" else 5060
            load.run("call", port, 400, "--over", over)
            before = subject.cpu_seconds()
            result = load.run("call", port, count, "--over", over)
            spent = subject.cpu_seconds() - before
            subject.check_alive()
            result["cpu_us"] = round(spent / max(result["ok"], 1) * 1e6, 1)
            return result
        finally:
            subject.stop()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench transports: {failure}")
