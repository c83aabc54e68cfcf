#!/usr/bin/env python3
"""What a call costs: INVITE, 180, 200, ACK, BYE, 200, by Jackfield, by Kamailio and by a bare forwarder.

Every subject is run once in each round, so that a machine that grows slower in between is slower for all. The cost is
the CPU time of all processes of the subject, user and system, divided by the calls. Fails when a call failed that went
through Jackfield.
"""

import argparse
import json
import sys
import tempfile

from lab import probe, sipp, table
from lab.process import Failed
from lab.subjects import CALLEE_PORT, forwarder, jackfield, kamailio

SUBJECTS = {
    "forwarder": forwarder,
    "kamailio": kamailio,
    "kamailio-lua": lambda: kamailio(scripted=True),
    "wasm-bypassed": lambda: jackfield("wasm-bypassed", "lab.toml"),
    "rhai-bypassed": lambda: jackfield("rhai-bypassed", "lab-rhai.toml"),
    "wasm-anchored": lambda: jackfield("wasm-anchored", "lab-media.toml"),
    "rhai-anchored": lambda: jackfield("rhai-anchored", "lab-rhai.toml", "--set", "media.mode=anchor"),
}


# Calls of the probe, whose set-up times are reported, on top of the load.
PROBES_PER_SECOND = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=5000, help="calls of one run (default 5000)")
    parser.add_argument("--rate", type=int, default=400, help="calls a second (default 400)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each subject, interleaved (default 3)")
    parser.add_argument("--only", help=f"subjects, separated by commas: {', '.join(SUBJECTS)}")
    parser.add_argument("--json", help="write every single run to this file, one JSON object a line")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(SUBJECTS)
    unknown = [name for name in names if name not in SUBJECTS]
    if unknown:
        parser.error(f"no such subject: {', '.join(unknown)}")
    runs = []
    tools = tempfile.TemporaryDirectory(prefix="jackfield-bench.")
    options.probe = probe.build(tools.name)
    for number in range(options.rounds):
        for name in names:
            run = measure(SUBJECTS[name](), options)
            run.update(subject=name, round=number + 1)
            runs.append(run)
            print(json.dumps(run), file=sys.stderr, flush=True)
            if options.json:
                with open(options.json, "a") as file:
                    file.write(json.dumps(run) + "\n")
    print(f"{options.calls} calls at {options.rate} a second, {options.rounds} rounds, median (range)\n")
    report(names, runs)
    ours = [run for run in runs if run["subject"].startswith(("wasm", "rhai"))]
    return 1 if any(run["calls_failed"] + run["probe_failed"] for run in ours) else 0


def measure(description, options):
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        subject = description.start(work)
        callee = None
        try:
            callee = sipp.Callee(CALLEE_PORT, work)
            if description.registers:
                sipp.register(description.port, "2000", CALLEE_PORT, work)
            sipp.Caller(description.port, "2000", work, 500, 200, name="warm", local_port=5092).finish()
            before = subject.cpu_seconds()
            caller = sipp.Caller(description.port, "2000", work, options.calls, options.rate)
            seconds = options.calls / options.rate
            # The forwarder knows one client only, and that is the load.
            probes = int(PROBES_PER_SECOND * seconds) if description.registers else 0
            prober = probe.Probe(options.probe, description.port, "2000", probes, PROBES_PER_SECOND)
            result = caller.finish()
            result.update(prober.finish())
            spent = subject.cpu_seconds() - before
            subject.check_alive()
            pss, _ = subject.memory_kib()
            carried = max(result["calls_ok"] + result["probe_ok"], 1)
            result.update(cpu_us_per_call=round(spent / carried * 1e6, 1), pss_mib=round(pss / 1024, 1))
            return result
        finally:
            if callee:
                callee.stop()
            subject.stop()


def report(names, runs):
    def of(name, key):
        return [run[key] for run in runs if run["subject"] == name]
    floor = table.median(of("forwarder", "cpu_us_per_call")) if "forwarder" in names else None
    peer = table.median(of("kamailio", "cpu_us_per_call")) if "kamailio" in names else None
    rows = []
    for name in names:
        cost = table.median(of(name, "cpu_us_per_call"))
        rows.append([
            name,
            table.spread(of(name, "cpu_us_per_call"), 0),
            f"{cost / peer:.2f}" if peer else "-",
            f"{cost / floor:.1f}" if floor else "-",
            table.spread(of(name, "setup_ms_p50"), 2),
            table.spread(of(name, "setup_ms_p99"), 2),
            table.spread(of(name, "pss_mib"), 0),
            sum(of(name, "calls_failed")) + sum(of(name, "probe_failed")),
            sum(of(name, "retransmissions")),
        ])
    table.show(["subject", "CPU us a call", "of Kamailio", "of forwarder", "set-up p50 ms", "set-up p99 ms", "PSS MiB", "failed", "repeated"], rows)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench calls: {failure}")
