#!/usr/bin/env python3
"""Memory of calls that stand and of registrations.

Proportional set of the switch (PSS) before and with so many established calls, signalling alone (media bypassed), and so many
registered users with one contact each. Fails when a call takes more than --call-kib or a registration more than
--registration-kib.
"""

import argparse
import sys
import tempfile
import time

from lab import api, load, sipp, table
from lab.process import Failed, wait_for
from lab.subjects import CALLEE_PORT, JACKFIELD_PORT, jackfield

# Registrations come in so many portions.
PORTIONS = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000, help="calls up at once (default 20000)")
    parser.add_argument("--rate", type=int, default=400, help="calls a second until they are (default 400)")
    parser.add_argument("--registrations", type=int, default=100_000, help="users registered at once (default 100000)")
    parser.add_argument("--call-kib", type=float, default=12, help="KiB a call may take (default 12)")
    parser.add_argument("--registration-kib", type=float, default=1, help="KiB a registration may take (default 1)")
    options = parser.parse_args()
    rows = []
    for what, count, most, fill in (
            ("call", options.calls, options.call_kib, lambda work: calls(work, options.calls, options.rate)),
            ("registration", options.registrations, options.registration_kib, lambda _: registrations(options.registrations))):
        if count:
            rows.append(measure(what, count, most, fill))
    table.show(["of", "count", "PSS before MiB", "PSS with them MiB", "KiB each", "at most"], rows)
    return 1 if any(row[4] > row[5] for row in rows) else 0


def measure(what, count, most, fill):
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        subject = jackfield(what, "lab.toml").start(work)
        end = None
        try:
            api.wait_until_serving()
            # What the first call or registration makes is not counted as theirs.
            load.run("register", JACKFIELD_PORT, 100, "--first", "900000")
            before = subject.memory_kib()[0]
            end = fill(work)
            after = subject.memory_kib()[0]
            subject.check_alive()
            return [what, count, f"{before / 1024:.1f}", f"{after / 1024:.1f}", round((after - before) / count, 2), most]
        finally:
            if end:
                end()
            subject.stop()


def calls(work, count, rate):
    callee = sipp.Callee(CALLEE_PORT, work)
    sipp.register(JACKFIELD_PORT, "2000", CALLEE_PORT, work)
    hold_ms = int(count / rate * 1000) + 60_000
    caller = sipp.Caller(JACKFIELD_PORT, "2000", work, count, rate, hold_ms=hold_ms, at_once=count + 1000)
    try:
        wait_for(lambda: api.counter("jackfield_calls_established_total") >= count, f"{count} calls", count / rate + 50)
        # Timers of the last transactions (64*T1) have run.
        time.sleep(35)
        up = api.counter("jackfield_calls")
        if up < count:
            raise Failed(f"{up:.0f} of {count} calls are up:\n{caller.output}")
    except BaseException:
        callee.stop()
        caller.process.kill()
        raise

    def end():
        caller.process.kill()
        callee.stop()
    return end


def registrations(count):
    # In portions: what is measured are registrations that stand, and not a flood of transactions that has just passed.
    portion = max(1, count // PORTIONS)
    for number in range(0, count, portion):
        result = load.run("register", JACKFIELD_PORT, min(portion, count - number), "--first", str(1000 + number))
        if result["failed"]:
            raise Failed(f"{result['failed']} registrations failed: {result['errors']}")
        # 64*T1, after which a transaction is forgotten.
        time.sleep(33)
    users = api.counter("jackfield_registered_aors")
    if users < count:
        raise Failed(f"{users:.0f} of {count} users are registered")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench memory: {failure}")
