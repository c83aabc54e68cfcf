#!/usr/bin/env python3
"""What other calls feel of a plugin that loops.

A plugin that never answers for one user stands before the one that routes. Set-up times of ordinary calls are taken
under load: alone; while calls to that user come in, each of which costs its 2 ms of CPU time until the plugin is
quarantined and the next one is asked at once; and the same with the quarantine switched off.
"""

import argparse
import sys
import tempfile

from lab import api, probe, sipp, table
from lab.plugins import Looper
from lab.process import Failed
from lab.subjects import CALLEE_PORT, JACKFIELD_PORT, jackfield

PROBES_PER_SECOND = 50
# What becomes of the looping plugin, with the settings for it.
CASES = {
    "alone": (),
    "looping": (),
    "looping, no quarantine": ("--set", "plugins.quarantine_strikes=0"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=15, help="length of a run (default 15)")
    parser.add_argument("--rate", type=int, default=200, help="ordinary calls a second (default 200)")
    parser.add_argument("--loops", type=int, default=20, help="calls a second that meet the loop (default 20)")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each, interleaved (default 2)")
    parser.add_argument("--only", choices=["wasm", "rhai"], help="one kind of plugin")
    options = parser.parse_args()
    kinds = [options.only] if options.only else ["wasm", "rhai"]
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as tools:
        options.probe = probe.build(tools)
        runs = [(kind, looping, measure(kind, looping, options))
                for _ in range(options.rounds) for kind in kinds for looping in CASES]
    print(f"{options.rate} ordinary calls a second, {options.loops} a second into the loop, {options.rounds} rounds of {options.seconds} s\n")
    rows = []
    for kind in kinds:
        for looping in CASES:
            results = [result for k, l, result in runs if (k, l) == (kind, looping)]
            of = lambda key: [result[key] for result in results]
            rows.append([kind, looping, table.spread(of("setup_ms_p50"), 2), table.spread(of("setup_ms_p99"), 2),
                         table.spread(of("setup_ms_max"), 2), sum(of("calls_failed")) + sum(of("probe_failed")), sum(of("retransmissions")),
                         sum(of("cut_off"))])
    table.show(["plugin", "", "set-up p50 ms", "p99 ms", "longest ms", "failed", "repeated", "decisions cut off"], rows)
    return 1 if any(result["calls_failed"] + result["probe_failed"] for _, _, result in runs) else 0


def measure(kind, looping, options):
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        looper = Looper(work, kind)
        subject = jackfield(kind, looper.configuration, *looper.options, *CASES[looping]).start(work)
        callee = None
        try:
            api.wait_until_serving()
            callee = sipp.Callee(CALLEE_PORT, work)
            for user in ("2000", "probe"):
                sipp.register(JACKFIELD_PORT, user, CALLEE_PORT, work)
            callers = [sipp.Caller(JACKFIELD_PORT, "2000", work, options.rate * options.seconds, options.rate)]
            if looping != "alone":
                callers.append(sipp.Caller(JACKFIELD_PORT, "probe", work, options.loops * options.seconds, options.loops,
                                           name="looped", local_port=5094))
            prober = probe.Probe(options.probe, JACKFIELD_PORT, "2000", PROBES_PER_SECOND * options.seconds, PROBES_PER_SECOND)
            result = prober.finish()
            finished = [caller.finish() for caller in callers]
            subject.check_alive()
            for key in ("calls_ok", "calls_failed", "retransmissions"):
                result[key] = sum(one[key] for one in finished)
            result["cut_off"] = cut_off(looper)
            return result
        finally:
            if callee:
                callee.stop()
            subject.stop()


def cut_off(looper):
    """How many decisions of the looping plugin failed, quarantined ones included."""
    for plugin in api.get("/api/plugins"):
        if plugin["id"] == "looper":
            return sum(hook["failed"] for hook in plugin["hooks"])
    raise Failed("the looping plugin is not installed")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench loop: {failure}")
