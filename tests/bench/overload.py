#!/usr/bin/env python3
"""What a switch completes when it is offered three times what it can do.

A route script takes about a millisecond of CPU for each call. The switch runs on one core and its callers and callee on
another. First the rate is looked for that it just completes; then runs at that rate and at three times that take turns. What
counts are calls completed, INVITE to BYE, as the called phone counts them. Fails when less than --keeps of the calls a
second are completed at three times the rate.
"""

import argparse
import json
import os
import sys
import tempfile
import time

from lab import api, sipp, table
from lab.process import Failed
from lab.subjects import CALLEE_PORT, JACKFIELD_PORT, jackfield

SCRIPT = """// Takes its time.
fn route(call) {
    let n = 0;
    while n < LOOPS { n += 1; }
    plan([aor(call.callee.user + "@" + call.callee.host)])
}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20, help="length of one run (default 20)")
    parser.add_argument("--rounds", type=int, default=3, help="runs at each rate, taking turns (default 3)")
    parser.add_argument("--burns-us", type=float, default=1000, help="CPU time of the script for one call (default 1000)")
    parser.add_argument("--rate", type=int, help="calls a second taken as what the switch can do; looked for when absent")
    parser.add_argument("--keeps", type=float, default=0.9, help="share of the calls that must still be completed (default 0.9)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        loops = calibrate(work, options.burns_us)
        rate = options.rate or capacity(work, loops)
        print(f"the script counts to {loops}; the switch can do {rate} calls a second", file=sys.stderr, flush=True)
        runs = []
        for number in range(options.rounds):
            for times in (1, 3):
                run = measure(work, loops, rate * times, options.seconds)
                run.update(times=times, round=number + 1)
                runs.append(run)
                print(json.dumps(run), file=sys.stderr, flush=True)
    at = {times: [run for run in runs if run["times"] == times] for times in (1, 3)}
    print(f"{options.seconds} s a run, {options.rounds} rounds, median (range)\n")
    table.show(
        ["offered a second", "completed a second", "refused with 503 a second", "longest wait ms", "repeated"],
        [[rate * times,
          table.spread([run["completed_per_second"] for run in at[times]], 0),
          table.spread([run["refused_per_second"] for run in at[times]], 0),
          table.spread([run["wait_ms"] for run in at[times]], 0),
          sum(run["retransmissions"] for run in at[times])] for times in (1, 3)])
    kept = table.median([run["completed_per_second"] for run in at[3]]) / table.median([run["completed_per_second"] for run in at[1]])
    print(f"\nkept: {kept:.2f}")
    return 0 if kept >= options.keeps else 1


class Lab:
    """The switch on one core, a registered callee on the other."""

    def __init__(self, work, loops):
        path = os.path.join(work, "slow.rhai")
        with open(path, "w") as file:
            file.write(SCRIPT.replace("LOOPS", str(loops)))
        description = jackfield("overload", "lab-rhai.toml", "--set", f'plugins.load=["{path}"]', "--set", "plugins.cpu_limit_ms=50")
        plain = description.command
        description.command = lambda work: ["taskset", "-c", "0", *plain(work)]
        self.subject = description.start(work)
        self.callee = None
        try:
            api.wait_until_serving()
            self.callee = sipp.Callee(CALLEE_PORT, work)
            sipp.register(JACKFIELD_PORT, "2000", CALLEE_PORT, work)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        if self.callee:
            self.callee.stop()
        self.subject.stop()


def asked():
    return api.counter("jackfield_plugin_asked_total"), api.counter("jackfield_plugin_seconds_total")


def calibrate(work, burns_us):
    loops = 10_000
    for _ in range(3):
        lab = Lab(work, loops)
        try:
            before = asked()
            sipp.Caller(JACKFIELD_PORT, "2000", work, 500, 100, name="calibrate", hold_ms=10).finish()
            after = asked()
        finally:
            lab.stop()
        each = (after[1] - before[1]) / (after[0] - before[0]) * 1e6
        loops = max(1, int(loops * burns_us / each))
    return loops


def capacity(work, loops):
    """The greatest rate, in steps of a tenth, of which 99 in 100 calls are completed."""
    rate = 1000
    while rate >= 50:
        run = measure(work, loops, rate, 8)
        if run["completed_per_second"] >= 0.99 * rate:
            return rate
        rate = int(rate * 0.9)
    raise Failed("the switch completes nearly nothing")


def measure(work, loops, rate, seconds):
    lab = Lab(work, loops)
    try:
        refused = api.counter("jackfield_overload_refused_total")
        before = completed(lab)
        began = time.monotonic()
        caller = sipp.Caller(JACKFIELD_PORT, "2000", work, rate * seconds, rate, name="overload", hold_ms=10,
                             scenario_name="overload", at_once=50_000)
        counted = caller.finish()
        took = max(seconds, time.monotonic() - began)
        # The last calls end after the last was offered; what counts is what came of the offered second.
        done = completed(lab) - before
        wait = api.counter("jackfield_receive_wait_microseconds") / 1000
        lab.subject.check_alive()
        return {
            "offered_per_second": rate, "completed_per_second": round(done / took, 1),
            "refused_per_second": round((api.counter("jackfield_overload_refused_total") - refused) / took, 1),
            "wait_ms": wait, "retransmissions": counted["retransmissions"], "took_s": round(took, 1),
        }
    finally:
        lab.stop()


def completed(lab):
    """Calls the callee has seen from INVITE to BYE."""
    time.sleep(1.5)
    row = lab.callee.counters()
    return int(row["SuccessfulCall(C)"]) if row else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench overload: {failure}")
