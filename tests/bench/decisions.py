#!/usr/bin/env python3
"""What a decision costs, and how soon a saved plugin decides.

The plugin reads three of twenty header fields, the number and the hour, once in Rust and once as twenty lines of Rhai
(tests/bench/decisions). `jackfield plugin bench` asks it, with the journal off and on, in --rounds runs by turns.

Then files are saved under an idle switch that watches them, and a call is placed every few milliseconds until one is decided by the new
version: the time from the beginning of the save to the answer to that INVITE, for a script, a component of about 200 KB that was never seen, and one
that was compiled before. The machine should be idle for that.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from lab import api, table
from lab.plugins import note, save
from lab.process import Failed
from lab.subjects import BENCH, JACKFIELD_PORT, jackfield

SOURCES = os.path.join(BENCH, "decisions")
# What each version refuses calls with, by turns.
STATUSES = (480, 486)
# Functions of some hundred bytes that the large component has.
LARGE_FUNCTIONS = 560
GIVE_UP_S = 10
# From one call to the next. Without it two processors are busy with calls alone, and what loads does so at the lowest priority.
PAUSE_S = 0.002


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50000, help="decisions of one run (default 50000)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, interleaved (default 5)")
    parser.add_argument("--saves", type=int, default=20, help="files saved of each kind (default 20)")
    options = parser.parse_args()
    program = os.environ["JACKFIELD_BIN"]
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        if options.rounds:
            decisions(program, work, options)
        if options.saves:
            rows = [saved(kind, versions, work, options.saves) for kind, versions in kinds(program, work).items()]
            print(f"\nFrom the file saved to the first call on the new version, {options.saves} of each, ms\n")
            table.show(["", "KB", "median", "least", "greatest"], rows)
    return 0


def decisions(program, work, options):
    plugins = {"Wasm": built(program, work, "desk", source("route.rs")), "Rhai": os.path.join(work, "desk.rhai")}
    save(plugins["Rhai"], source("route.rhai").encode())
    for scenario in (os.path.join(work, "desk", "tests", "cases.toml"), os.path.join(work, "desk.toml")):
        os.makedirs(os.path.dirname(scenario), exist_ok=True)
        save(scenario, source("cases.toml").encode())
    runs = {name: [] for name in plugins}
    for _ in range(options.rounds):
        for name, path in plugins.items():
            answer = run([program, "plugin", "bench", path, "--count", str(options.count), "--json"])
            runs[name].append(json.loads(answer)[0])
    print(f"One decision, {options.rounds} runs of {options.count}, median of the runs, us\n")
    us = lambda name, what, at: f"{statistics.median(r[what][at] for r in runs[name]) / 1000:.2f}"
    rows = [[name, *(us(name, what, at) for what in ("decision", "journalled") for at in ("p50_ns", "p99_ns")), runs[name][0]["came"]] for name in runs]
    table.show(["", "p50", "p99", "journal p50", "p99", "came"], rows)


def source(name):
    with open(os.path.join(SOURCES, name)) as file:
        return file.read()


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command[:3])} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def built(program, work, name, text):
    """A folder with this plugin, made and built as its author would."""
    folder = os.path.join(work, name)
    run([program, "plugin", "new", folder])
    for stale in os.listdir(os.path.join(folder, "tests")):
        os.remove(os.path.join(folder, "tests", stale))
    save(os.path.join(folder, "src", "lib.rs"), text.encode())
    run([program, "plugin", "build", folder])
    return folder


def kinds(program, work):
    """By kind where it is loaded from, the file that is saved, and what version number n is."""
    folder = built(program, work, "large", large(STATUSES[0]))
    file = os.path.join(folder, "plugin.wasm")
    codes = []
    for status in STATUSES:
        save(os.path.join(folder, "src", "lib.rs"), large(status).encode())
        run([program, "plugin", "build", folder])
        with open(file, "rb") as built_file:
            codes.append(built_file.read())
    script = os.path.join(work, "saved.rhai")
    text = source("route.rhai").replace("fn route(call) {", "fn route(call) {\n    if call.callee.user != \"x\" { return refuse(STATUS); }")
    return {
        "Rhai": (script, script, lambda n: (text.replace("STATUS", str(STATUSES[n % 2])) + f"// {n}\n").encode()),
        "component, never seen": (folder, file, lambda n: codes[n % 2] + note(n)),
        "component, seen before": (folder, file, lambda n: codes[n % 2]),
    }


def large(status):
    """A plugin with much code that may be needed, and is not."""
    functions = []
    for n in range(LARGE_FUNCTIONS):
        functions.append(f"""
#[inline(never)]
fn f{n}(text: &str, mut sum: u64) -> u64 {{
    for (at, byte) in text.bytes().enumerate() {{
        sum = match byte {{
            b'0'..=b'9' => sum.wrapping_mul({2 * n + 3}).wrapping_add(u64::from(byte) << {n % 7}),
            b'a'..=b'z' => sum.rotate_left({n % 31 + 1}) ^ (at as u64 + {n * 7919}),
            b'A'..=b'Z' if at % {n % 5 + 2} == 0 => sum.wrapping_sub({n * 104729}),
            _ => sum ^ {n * 31 + 1},
        }};
    }}
    sum
}}""")
    calls = "\n".join(f"        {n} => f{n}(text, sum)," for n in range(LARGE_FUNCTIONS))
    return f"""use jackfield_guest::{{Answer, Call, Plugin, register_plugin}};
{''.join(functions)}

fn work(which: u64, text: &str, sum: u64) -> u64 {{
    match which {{
{calls}
        _ => sum,
    }}
}}

#[derive(Debug, Default)]
struct Large;

impl Plugin for Large {{
    fn route(&self, call: &Call) -> Answer {{
        let sum = call.callee.user.bytes().fold(0, |sum: u64, byte| work(sum % {LARGE_FUNCTIONS}, "x", sum + u64::from(byte)));
        Answer::refuse(if sum == 1 {{ 603 }} else {{ {status} }})
    }}
}}

register_plugin!(Large);
"""


def saved(kind, versions, work, saves):
    path, file, version = versions
    save(file, version(0))
    options = ("--set", f'plugins.load=["{path}"]', "--set", "plugins.watch=true")
    subject = jackfield(kind, "lab.toml", *options).start(work)
    times = []
    try:
        api.wait_until_serving()
        phone = Phone()
        for n in (1, 2):
            phone.first_on(STATUSES[n % 2], lambda n=n: save(file, version(n)))
        for n in range(3, 3 + saves):
            # What came of the save before has settled.
            time.sleep(0.3)
            times.append(phone.first_on(STATUSES[n % 2], lambda n=n: save(file, version(n))) * 1000)
        subject.check_alive()
    finally:
        subject.stop()
    return [kind, f"{os.path.getsize(file) / 1000:.1f}", f"{statistics.median(times):.1f}", f"{min(times):.1f}", f"{max(times):.1f}"]


class Phone:
    """Places calls that are refused, one after another."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)
        self.port = self.socket.getsockname()[1]
        self.number = 0

    def first_on(self, status, act):
        """Acts, and gives the seconds from then until the first call was refused with this status."""
        began = time.monotonic()
        act()
        while time.monotonic() < began + GIVE_UP_S:
            if self.call() == status:
                return time.monotonic() - began
            time.sleep(PAUSE_S)
        raise Failed(f"no call was decided by the new version within {GIVE_UP_S} s")

    def call(self):
        self.number += 1
        call_id = f"saved-{self.port}-{self.number}"
        self.send("INVITE", call_id, "")
        while True:
            answer = self.socket.recv(65535).decode(errors="replace")
            status = int(answer.split(" ", 2)[1])
            if f"Call-ID: {call_id}\r\n" in answer and status >= 200:
                to = next(line for line in answer.split("\r\n") if line.startswith("To:"))
                self.send("ACK", call_id, to.partition(";")[2])
                return status

    def send(self, method, call_id, tag):
        text = (f"{method} sip:2000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{call_id}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:1000@127.0.0.1>;tag=a\r\nTo: <sip:2000@127.0.0.1>{';' + tag if tag else ''}\r\n"
                f"Call-ID: {call_id}\r\nCSeq: 1 {method}\r\nContact: <sip:1000@127.0.0.1:{self.port}>\r\nContent-Length: 0\r\n\r\n")
        self.socket.sendto(text.encode(), ("127.0.0.1", JACKFIELD_PORT))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench decisions: {failure}")
