#!/usr/bin/env python3
"""Ten thousand reloads under load, and kills in the middle of promotions.

Two versions of the routing plugin, both compiled before, serve in turn, while calls come in at a steady rate. In between come
versions that were never there before, broken ones, which must be refused while the one before serves on, and reloads that several
clients ask for at once. After --warm reloads, by which the caches are full and the transactions of the first calls are
over, what is held is compared between the first and the last tenth: the program's own anonymous memory, instances, versions, file
handles, mappings and bytes of executable code. It fails when a call failed, a reload came out otherwise than it must, or
anything grew.

Then the program is killed --kills times in the middle of a promotion and started again: it must come up with one of the two
versions and route a call.
"""

import argparse
import concurrent.futures
import os
import random
import statistics
import sys
import tempfile
import threading
import time

from lab import api, sipp, table
from lab.plugins import Component, Script
from lab.process import Failed
from lab.subjects import CALLEE_PORT, JACKFIELD_PORT, jackfield

KINDS = {"wasm": Component, "rhai": Script}
JOURNAL_ENTRIES = 500
# What is held is looked at after so many reloads.
LOOK_EVERY = 20
# Transactions of the first calls are kept for 32 s (RFC 3261 section 17, 64*T1).
WARM_SECONDS = 40
# Reloads between two that are asked for by several clients at once.
TOGETHER_EVERY = 40
BROKEN = {"wasm": b"\0asm\x0d\0\x01\0broken", "rhai": b"fn route(call) { plan( }\n"}
# By what each may lie above what it was: a share of it, and a number.
FLAT = {
    "memory MiB": (0.0, 3.0), "instances": (0.0, 4.0), "generations": (0.0, 2.0), "file handles": (0.0, 4.0),
    "mappings": (0.02, 4.0), "code MiB": (0.02, 0.5),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reloads", type=int, default=10000, help="reloads that are compared (default 10000)")
    parser.add_argument("--warm", type=int, default=2000, help="reloads before (default 2000)")
    parser.add_argument("--fresh", type=int, default=200, help="of these so many of versions never seen (default 200)")
    parser.add_argument("--broken", type=int, default=200, help="and so many of broken ones (default 200)")
    parser.add_argument("--clients", type=int, default=4, help="clients that reload at once (default 4)")
    parser.add_argument("--rate", type=int, default=100, help="calls a second meanwhile (default 100)")
    parser.add_argument("--pace", type=float, default=0.02, help="seconds from one reload to the next, at least (default 0.02)")
    parser.add_argument("--kills", type=int, default=50, help="kills in the middle of a promotion (default 50)")
    parser.add_argument("--only", choices=KINDS, help="one kind of plugin")
    options = parser.parse_args()
    kinds = [options.only] if options.only else list(KINDS)
    held = [reloads(kind, options) for kind in kinds] if options.reloads else []
    killed = [kills(kind, options.kills) for kind in kinds] if options.kills else []
    for kind, run in zip(kinds, held):
        print(f"{kind}: {run.outcomes} under {options.rate} calls a second: {run.calls} calls, {run.failed} failed\n")
        table.show(["held", "first tenth", "last tenth", "greatest", ""], run.rows())
        print()
    for kind, (old, new) in zip(kinds, killed):
        print(f"{kind}: killed {old + new} times in a promotion: came up {old} times with the version before, {new} with that")
    return 1 if any(run.is_bad() for run in held) else 0


class Run:
    """What was held after each look, and what became of calls and reloads."""

    def __init__(self):
        self.looks = []
        self.calls = self.failed = 0
        self.outcomes = ""

    def look(self, subject):
        mappings, code_kib = subject.mappings()
        self.looks.append({
            "memory MiB": subject.memory_parts_kib()["Anonymous"] / 1024,
            "instances": api.counter("jackfield_plugin_instances"),
            "generations": api.counter("jackfield_plugin_generations"),
            "file handles": subject.file_handles(),
            "mappings": mappings,
            "code MiB": code_kib / 1024,
        })

    def ends(self, what):
        """The mean of the first and of the last tenth of the looks."""
        values = [look[what] for look in self.looks]
        tenth = max(1, len(values) // 10)
        return statistics.mean(values[:tenth]), statistics.mean(values[-tenth:])

    def is_flat(self, what):
        share, more = FLAT[what]
        first, last = self.ends(what)
        return last <= first * (1 + share) + more

    def is_bad(self):
        return self.failed > 0 or not all(self.is_flat(what) for what in FLAT)

    def rows(self):
        for what in FLAT:
            first, last = self.ends(what)
            greatest = max(look[what] for look in self.looks)
            yield [what, f"{first:.2f}", f"{last:.2f}", f"{greatest:.2f}", "flat" if self.is_flat(what) else "GREW"]


class Load:
    """Calls at a steady rate until it is ended; in pieces, each of which begins when the one before it has ended."""

    def __init__(self, work, rate):
        self.work, self.rate, self.calls, self.failed = work, rate, 0, 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        number = 0
        while not self.is_over.is_set():
            number += 1
            caller = sipp.Caller(JACKFIELD_PORT, "2000", self.work, self.rate * 10, self.rate, name=f"caller{number}")
            result = caller.finish()
            self.calls += result["calls_ok"]
            self.failed += result["calls_failed"]
            if result["calls_failed"]:
                print("\n".join(result["errors"]), file=sys.stderr)

    def end(self):
        self.is_over.set()
        self.thread.join()


def reloads(kind, options):
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        plugin = KINDS[kind](work)
        # The allocator gives freed pages back at once, so that memory shows what is held.
        os.environ["MIMALLOC_PURGE_DELAY"] = "0"
        subject = jackfield(kind, plugin.configuration, *plugin.options, "--set", "plugins.watch=false",
                            "--set", f"journal.entries_max={JOURNAL_ENTRIES}").start(work)
        callee = load = None
        run = Run()
        try:
            api.wait_until_serving()
            callee = sipp.Callee(CALLEE_PORT, work)
            sipp.register(JACKFIELD_PORT, "2000", CALLEE_PORT, work)
            load = Load(work, options.rate)
            versions = Versions(kind, plugin, options)
            started, number, warmed = time.monotonic(), 0, 0
            while number < warmed + options.reloads:
                began = time.monotonic()
                versions.next(number)
                number += 1
                if number <= options.warm or began < started + WARM_SECONDS:
                    warmed = number
                elif number % LOOK_EVERY == 0:
                    run.look(subject)
                time.sleep(max(0.0, options.pace - (time.monotonic() - began)))
            subject.check_alive()
        finally:
            if load:
                load.end()
                run.calls, run.failed = load.calls, load.failed
            if callee:
                callee.stop()
            subject.stop()
        run.outcomes = versions.told()
        every = max(1, len(run.looks) // 10)
        for what in FLAT:
            print(f"{kind}: {what} at each tenth: " + " ".join(f"{look[what]:.1f}" for look in run.looks[::every]), file=sys.stderr, flush=True)
        return run


class Versions:
    """The versions that come one after another, and what is said to each reload."""

    def __init__(self, kind, plugin, options):
        self.kind, self.plugin = kind, plugin
        self.pool = concurrent.futures.ThreadPoolExecutor(options.clients)
        self.clients = options.clients
        total = options.warm + options.reloads
        # The same share of each before what is compared as after it.
        part = options.reloads / max(1, options.reloads + options.warm)
        self.fresh_every = max(2, int(total * part / options.fresh)) if options.fresh else 0
        self.broken_every = max(2, int(total * part / options.broken)) if options.broken else 0
        self.known = self.fresh = self.broken = self.together = 0
        self.turn = 0

    def next(self, number):
        if self.broken_every and number % self.broken_every == self.broken_every // 2:
            self.broken += 1
            self.plugin.write_raw(BROKEN[self.kind])
            expect(422, ["refused"], reload())
            return
        if self.fresh_every and number % self.fresh_every == 0:
            self.fresh += 1
            self.plugin.write(1000 + self.fresh)
        else:
            self.known += 1
            self.turn = 1 - self.turn
            self.plugin.write(self.turn)
        if number % TOGETHER_EVERY == TOGETHER_EVERY - 1:
            self.together += 1
            answers = list(self.pool.map(lambda _: reload(), range(self.clients)))
            outcomes = sorted(outcome for status, outcome in answers if status == 200)
            if outcomes != ["loaded"] + ["unchanged"] * (self.clients - 1):
                raise Failed(f"{self.clients} clients were told {answers}")
        else:
            expect(200, ["loaded"], reload())

    def told(self):
        return (f"{self.known} reloads of two versions in turn, {self.fresh} of versions never seen, {self.broken} broken ones refused, "
                f"{self.together} times {self.clients} clients at once,")


def reload():
    """Status, and what became of the plugin that is rewritten."""
    status, reports = api.post("/api/plugins/reload")
    ours = [report["outcome"] for report in reports if report["plugin"].startswith("rewritten")]
    return status, ours[0] if ours else str(reports)


def expect(status, outcomes, answer):
    if answer[0] != status or answer[1] not in outcomes:
        raise Failed(f"a reload was answered with {answer}, not {status} {' or '.join(outcomes)}")


def kills(kind, times):
    """How often the program came up with the version that served, and with the one that was being promoted."""
    old = new = 0
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        plugin = KINDS[kind](work)
        description = jackfield(kind, plugin.configuration, *plugin.options, "--set", "plugins.watch=false")
        callee = sipp.Callee(CALLEE_PORT, work)
        subject = description.start(work)
        try:
            for number in range(times):
                api.wait_until_serving()
                served = serving()
                plugin.write(1 + number % 2)
                status, reports = api.post("/api/plugins/reload?id=rewritten&canary=50%25")
                if status != 200:
                    raise Failed(f"no trial began: {status} {reports}")
                promoted = next(p["trial"]["generation"] for p in api.get("/api/plugins") if p["trial"]).partition("@")[2]
                promotion = threading.Thread(target=promote)
                promotion.start()
                time.sleep(random.uniform(0.0, 0.004))
                subject.process.kill()
                subject.process.wait()
                promotion.join()
                subject = description.start(work)
                api.wait_until_serving()
                version = serving()
                if version not in (served, promoted) or served == promoted:
                    raise Failed(f"came up with {version}; {served} served and {promoted} was promoted")
                old, new = old + (version == served), new + (version == promoted)
                sipp.register(JACKFIELD_PORT, "2000", CALLEE_PORT, work)
                call = sipp.Caller(JACKFIELD_PORT, "2000", work, 1, 10, name=f"after{number}").finish()
                if call["calls_failed"]:
                    raise Failed(f"after kill {number + 1} a call failed: {call['errors']}")
        finally:
            callee.stop()
            subject.stop()
    return old, new


def serving():
    """The digest of the version that serves."""
    return next(plugin["generation"] for plugin in api.get("/api/plugins") if plugin["id"].startswith("rewritten")).partition("@")[2]


def promote():
    try:
        api.post("/api/plugins/promote?id=rewritten")
    except (OSError, ValueError):
        # It was killed before it answered.
        pass


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench reloads: {failure}")
