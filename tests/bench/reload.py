#!/usr/bin/env python3
"""Calls while the routing plugin is rewritten twice a second between two valid versions.

Reports failed calls, retransmissions of either side, how many versions came into force, and whether the journal
explains each call by exactly one generation. Fails when a call failed, anything was sent twice, or a call has none or
several generations.
"""

import argparse
import collections
import sys
import tempfile
import time

from lab import api, sipp, table
from lab.plugins import Component, Script
from lab.process import Failed
from lab.subjects import CALLEE_PORT, JACKFIELD_PORT, jackfield

KINDS = {"wasm": Component, "rhai": Script}
# SIPp writes its statistics once a second.
STATISTICS_SECONDS = 1.5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20000, help="calls of one run (default 20000)")
    parser.add_argument("--rate", type=int, default=300, help="calls a second (default 300)")
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two versions (default 0.5)")
    parser.add_argument("--only", choices=KINDS, help="one kind of plugin")
    options = parser.parse_args()
    kinds = [options.only] if options.only else list(KINDS)
    results = [measure(kind, options) for kind in kinds]
    print(f"{options.calls} calls at {options.rate} a second, a new version every {options.every} s\n")
    table.show(list(results[0]), [result.values() for result in results])
    return 1 if any(result["failed"] or result["repeated"] or result["unexplained"] for result in results) else 0


def measure(kind, options):
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        plugin = KINDS[kind](work)
        keep = options.calls * 2 + 1000
        description = jackfield(kind, plugin.configuration, *plugin.options, "--set", f"journal.entries_max={keep}")
        subject = description.start(work)
        callee = None
        try:
            api.wait_until_serving()
            callee = sipp.Callee(CALLEE_PORT, work)
            sipp.register(JACKFIELD_PORT, "2000", CALLEE_PORT, work)
            caller = sipp.Caller(JACKFIELD_PORT, "2000", work, options.calls, options.rate)
            written = rewrite_while_running(plugin, caller, options.every)
            result = caller.finish()
            time.sleep(STATISTICS_SECONDS)
            repeated = result["retransmissions"] + int(callee.counters()["Retransmissions(C)"])
            subject.check_alive()
            generations, changes, unexplained = explain(caller.call_ids(), keep)
            if result["errors"]:
                print("\n".join(result["errors"]), file=sys.stderr)
            return {
                "plugin": kind, "ok": result["calls_ok"], "failed": result["calls_failed"], "repeated": repeated,
                "versions written": written, "generations": generations, "changes of the one that decides": changes, "unexplained": unexplained,
            }
        finally:
            if callee:
                callee.stop()
            subject.stop()


def rewrite_while_running(plugin, caller, every):
    versions = 0
    due = time.monotonic() + every
    while caller.running():
        if time.monotonic() >= due:
            versions += 1
            plugin.write(versions % 2)
            due += every
        time.sleep(0.01)
    return versions


def explain(call_ids, limit):
    """How many generations decided calls, how often the next call had another, and how many calls have not exactly one.

    A version that comes back is the generation it was before: the same code and configuration have the same digest.
    """
    generations_by_call = collections.defaultdict(list)
    entries = api.get(f"/api/journal?limit={limit}")
    changes = sum(one["decided_by"] != next_["decided_by"] for one, next_ in zip(entries, entries[1:]))
    for entry in entries:
        generations_by_call[entry["call_id"]].append(entry["decided_by"])
    deciding = {generation for generations in generations_by_call.values() for generation in generations if generation}
    unexplained = [call for call in call_ids if len(generations_by_call[call]) != 1 or not generations_by_call[call][0]]
    for call in unexplained[:3]:
        print(f"{call} was decided by {generations_by_call[call]}", file=sys.stderr)
    return len(deciding), changes, len(unexplained)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench reload: {failure}")
