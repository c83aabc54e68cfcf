#!/usr/bin/env python3
"""Resident memory over two thousand reloads under load.

Each reload is a version that was never there before, compiled anew, and a request to the HTTP API, one after the other.
The journal is kept short and --warm reloads come first, so that caches are full before memory is compared. The allocator
gives freed pages back at once (MIMALLOC_PURGE_DELAY=0): left to itself it keeps those of about the last second for reuse,
which at a dozen reloads a second moves resident memory up and down by some 8 MiB and hides what is really held. What is held
still climbs to a level in the first quarter, that of the most versions that ever drained at the same time; it is flat when
the mean of the last quarter lies at most --grows MiB above that of the second: with the default, a leak of 3 KiB a reload
shows, a hundredth of what a compiled component takes.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time

from lab import api, sipp, table
from lab.plugins import Component, Script
from lab.process import Failed
from lab.subjects import CALLEE_PORT, JACKFIELD_PORT, jackfield

KINDS = {"wasm": Component, "rhai": Script}
JOURNAL_ENTRIES = 500


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reloads", type=int, default=2000, help="reloads of one run (default 2000)")
    parser.add_argument("--warm", type=int, default=300, help="reloads before memory is looked at (default 300)")
    parser.add_argument("--rate", type=int, default=100, help="calls a second meanwhile (default 100)")
    parser.add_argument("--pace", type=float, default=0.05, help="seconds from one reload to the next, at least (default 0.05)")
    parser.add_argument("--grows", type=float, default=3.0, help="MiB that still count as flat (default 3)")
    parser.add_argument("--only", choices=KINDS, help="one kind of plugin")
    options = parser.parse_args()
    kinds = [options.only] if options.only else list(KINDS)
    results = [measure(kind, options) for kind in kinds]
    print(f"{options.reloads} reloads under {options.rate} calls a second\n")
    table.show(list(results[0]), [result.values() for result in results])
    return 1 if any(result["failed calls"] or result["grew MiB"] > options.grows for result in results) else 0


def measure(kind, options):
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        plugin = KINDS[kind](work)
        description = jackfield(kind, plugin.configuration, *plugin.options, "--set", "plugins.watch=false",
                                "--set", f"journal.entries_max={JOURNAL_ENTRIES}")
        os.environ["MIMALLOC_PURGE_DELAY"] = "0"
        subject = description.start(work)
        callee = caller = None
        try:
            api.wait_until_serving()
            callee = sipp.Callee(CALLEE_PORT, work)
            sipp.register(JACKFIELD_PORT, "2000", CALLEE_PORT, work)
            failed, memory, took = 0, [], []
            number = 0
            for version in range(1, options.warm + options.reloads + 1):
                if caller is None or not caller.running():
                    failed += caller.finish()["calls_failed"] if caller else 0
                    # The load comes in pieces, so that it ends soon after the last reload.
                    number += 1
                    caller = sipp.Caller(JACKFIELD_PORT, "2000", work, options.rate * 10, options.rate, name=f"caller{number}")
                began = time.monotonic()
                plugin.write(version)
                took.append(reload(kind))
                memory.append(subject.memory_kib()[1] / 1024)
                time.sleep(max(0.0, options.pace - (time.monotonic() - began)))
            failed += caller.finish()["calls_failed"]
            subject.check_alive()
            memory = memory[options.warm:]
            tenths = memory[::max(1, len(memory) // 10)]
            print(f"{kind}: RSS in MiB at each tenth: " + " ".join(f"{value:.1f}" for value in tenths), file=sys.stderr, flush=True)
            quarter = max(1, len(memory) // 4)
            level, last = statistics.mean(memory[quarter:2 * quarter]), statistics.mean(memory[-quarter:])
            return {
                "plugin": kind, "reloads": len(memory), "reload ms": table.spread(took), "second quarter MiB": f"{level:.1f}",
                "last quarter MiB": f"{last:.1f}", "grew MiB": round(last - level, 2),
                "greatest MiB": f"{max(memory):.1f}", "failed calls": failed,
            }
        finally:
            if callee:
                callee.stop()
            subject.stop()


def reload(kind):
    """Reloads and gives how long it took, in milliseconds."""
    status, reports = api.post("/api/plugins/reload")
    fresh = [report for report in reports if report["plugin"].startswith("rewritten")]
    if status != 200 or [report["outcome"] for report in fresh] != ["loaded"]:
        raise Failed(f"the {kind} plugin was not loaded again: {status} {reports}")
    return fresh[0]["took_ms"]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench reload-memory: {failure}")
