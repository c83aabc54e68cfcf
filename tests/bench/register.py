#!/usr/bin/env python3
"""What a REGISTER costs: without a password, with a digest of MD5 and of SHA-256, over UDP, TCP and TLS, kept in memory or on
the disk; and by Kamailio as a registrar in memory, without and with a digest.

Phones register as fast as they are answered, each with a new Call-ID; one with a digest sends two requests and counts as one
registration. The cost is the CPU time of all processes of the subject divided by the registrations. Fails when one failed that
went to Jackfield.
"""

import argparse
import json
import os
import sys
import tempfile

from lab import load, table
from lab.process import Failed
from lab.subjects import jackfield, registrar

TLS_PORT = 5061
LISTEN = ('{name="udp",bind="127.0.0.1:5060"},{name="tcp",transport="tcp",bind="127.0.0.1:5060"},'
          '{name="tls",transport="tls",bind="127.0.0.1:5061",certificate="CERT",key="KEY"}')


def ours(name, over="udp", algorithm=None, store=False):
    """A description and the options of the load."""
    def make(work):
        options = ["--set", f"sip.listen=[{load.certified(LISTEN, work)}]"]
        if algorithm:
            users = ",".join(f'{{user="{1000 + number}",password="secret"}}' for number in range(load.THREADS))
            options += ["--set", f"subscriber=[{users}]", "--set", "auth.realm=127.0.0.1",
                        "--set", f'auth.algorithms=["{algorithm}"]']
        if store:
            options += ["--set", "store.path=" + os.path.join(work, "contacts.db")]
        return jackfield(name, "lab.toml", *options)
    port = TLS_PORT if over == "tls" else 5060
    return make, port, over, algorithm is not None


SUBJECTS = {
    "kamailio": (lambda _: registrar(False), 5070, "udp", False),
    "kamailio-md5": (lambda _: registrar(True), 5070, "udp", True),
    "udp": ours("udp"),
    "udp-md5": ours("udp-md5", algorithm="MD5"),
    "udp-sha-256": ours("udp-sha-256", algorithm="SHA-256"),
    "udp-md5-disk": ours("udp-md5-disk", algorithm="MD5", store=True),
    "tcp-md5": ours("tcp-md5", "tcp", "MD5"),
    "tls-md5": ours("tls-md5", "tls", "MD5"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000, help="registrations of one run (default 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each subject, interleaved (default 3)")
    parser.add_argument("--only", help=f"subjects, separated by commas: {', '.join(SUBJECTS)}")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(SUBJECTS)
    unknown = [name for name in names if name not in SUBJECTS]
    if unknown:
        parser.error(f"no such subject: {', '.join(unknown)}")
    runs = []
    for number in range(options.rounds):
        for name in names:
            run = measure(name, options.count)
            run.update(subject=name, round=number + 1)
            runs.append(run)
            print(json.dumps(run), file=sys.stderr, flush=True)
    print(f"{options.count} registrations by {load.THREADS} phones at once, {options.rounds} rounds, median (range)\n")
    rows = []
    for name in names:
        of = [run for run in runs if run["subject"] == name]
        rows.append([
            name,
            table.spread([run["cpu_us"] for run in of], 1),
            table.spread([1e6 / run["cpu_us"] for run in of], 0),
            table.spread([run["ok"] / run["seconds"] for run in of], 0),
            sum(run["failed"] for run in of),
        ])
    table.show(["subject", "CPU us each", "each second of CPU", "each second", "failed"], rows)
    return 1 if any(run["failed"] for run in runs if not run["subject"].startswith("kamailio")) else 0


def measure(name, count):
    make, port, over, asked = SUBJECTS[name]
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        subject = make(work).start(work)
        try:
            options = ["--same", "--over", over] + (["--password", "secret"] if asked else [])
            load.run("register", port, 500, *options)
            before = subject.cpu_seconds()
            result = load.run("register", port, count, *options)
            spent = subject.cpu_seconds() - before
            subject.check_alive()
            result["cpu_us"] = round(spent / max(result["ok"], 1) * 1e6, 2)
            return result
        finally:
            subject.stop()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench register: {failure}")
