#!/usr/bin/env python3
"""Half an hour of calls, of which one in twenty is made by somebody who misbehaves.

The others are ordinary: INVITE to BYE with five seconds of talk, media anchored. Who misbehaves vanishes after the INVITE or
after the ACK, never sends the ACK, sends everything five times, or sends it with bytes changed. Every ten seconds memory,
file handles, media ports, calls and transactions of the switch are looked at. Flat means that the mean of the last quarter is
at most --grows (a share) above that of the first quarter after --settle. Fails when something is not flat or an ordinary call
failed. Memory is what the switch holds for itself (anon_mib). The proportional set is shown beside it and not judged: it has the
pages of the program's file as well, of which the kernel maps more or fewer as it likes, and halves them when a second process
runs the same file.
"""

import argparse
import json
import os
import random
import socket
import statistics
import sys
import tempfile
import threading
import time

from lab import api, sipp, table
from lab.process import Failed
from lab.subjects import CALLEE_PORT, JACKFIELD_PORT, jackfield

LOOK_EVERY = 10
# A caller who vanishes is in a call that only the switch can end.
CALL_MAX_S = 60


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="length (default 30)")
    parser.add_argument("--settle", type=float, default=5, help="minutes before anything is held against later (default 5)")
    parser.add_argument("--rate", type=int, default=100, help="calls a second (default 100)")
    parser.add_argument("--bad", type=float, default=0.05, help="share of callers who misbehave (default 0.05)")
    parser.add_argument("--talk", type=float, default=5, help="seconds of talk (default 5)")
    parser.add_argument("--grows", type=float, default=0.05, help="share that still counts as flat (default 0.05)")
    parser.add_argument("--option", action="append", default=[], help="a --set option of the switch")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jackfield-bench.") as work:
        settings = [part for option in options.option for part in ("--set", option)]
        os.environ["MIMALLOC_PURGE_DELAY"] = "0"
        subject = jackfield("soak", "lab-media.toml", *settings).start(work)
        callee = caller = bad = None
        try:
            api.wait_until_serving()
            callee = sipp.Callee(CALLEE_PORT, work)
            sipp.register(JACKFIELD_PORT, "2000", CALLEE_PORT, work)
            seconds = int(options.minutes * 60)
            good_rate = round(options.rate * (1 - options.bad))
            bad = Misbehaving(options.rate * options.bad)
            caller = sipp.Caller(JACKFIELD_PORT, "2000", work, good_rate * seconds, good_rate, name="soak",
                                 hold_ms=int(options.talk * 1000))
            looks = []
            began = time.monotonic()
            while caller.running():
                time.sleep(LOOK_EVERY)
                looks.append(look(subject, time.monotonic() - began))
                print(json.dumps(looks[-1]), file=sys.stderr, flush=True)
            counted = caller.finish()
            subject.check_alive()
        finally:
            if bad:
                bad.stop()
            if callee:
                callee.stop()
            subject.stop()
    return report(options, looks, counted, bad.counts)


def look(subject, at):
    pid = subject.process.pid
    memory = subject.memory_parts_kib()
    return {
        "second": round(at),
        "anon_mib": round(memory["Pss_Anon"] / 1024, 1),
        "pss_mib": round(memory["Pss"] / 1024, 1),
        "handles": len(os.listdir(f"/proc/{pid}/fd")),
        "calls": api.counter("jackfield_calls"),
        "ending": api.counter("jackfield_calls_ending"),
        "transactions": api.counter("jackfield_sip_transactions"),
    }


def report(options, looks, counted, counts):
    # The end, when calls become fewer, is not looked at.
    last = options.minutes * 60 - LOOK_EVERY
    looks = [one for one in looks if options.settle * 60 <= one["second"] <= last]
    quarter = max(1, len(looks) // 4)
    rows, flat = [], True
    for what in ("anon_mib", "pss_mib", "handles", "calls", "ending", "transactions"):
        first = statistics.mean(one[what] for one in looks[:quarter])
        end = statistics.mean(one[what] for one in looks[-quarter:])
        is_flat = end <= first * (1 + options.grows) + 1
        verdict = "flat" if is_flat else "GROWS"
        if what == "pss_mib":
            verdict = ""
        else:
            flat = flat and is_flat
        greatest = max(one[what] for one in looks)
        rows.append([what, f"{first:.1f}", f"{end:.1f}", f"{greatest:.1f}", verdict])
    table.show(["what", "first quarter", "last quarter", "greatest", ""], rows)
    print(f"\nordinary calls: {counted['calls_ok']} ok, {counted['calls_failed']} failed, {counted['retransmissions']} repetitions"
          f"; misbehaved: {json.dumps(counts)}")
    for error in counted["errors"]:
        print(error)
    return 0 if flat and counted["calls_failed"] == 0 else 1


class Misbehaving:
    """Callers of each kind, one after another, until they are stopped."""

    KINDS = ("vanish-after-invite", "vanish-after-ack", "never-ack", "repeat", "garble")

    def __init__(self, rate):
        self.rate, self.running, self.number = rate, True, 0
        self.counts = dict.fromkeys(self.KINDS, 0)
        self.random = random.Random(7)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self.kinds = {}
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self.begin, self.answer)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join()

    def begin(self):
        due = time.monotonic()
        while self.running and self.rate > 0:
            due += 1 / self.rate
            time.sleep(max(0.0, due - time.monotonic()))
            kind = self.KINDS[self.number % len(self.KINDS)]
            self.number += 1
            self.counts[kind] += 1
            call_id = f"bad-{os.getpid()}-{self.number}"
            self.kinds[call_id] = kind
            if len(self.kinds) > 10_000:
                self.kinds.pop(next(iter(self.kinds)))
            body = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 7000 RTP/AVP 0\r\n"
                    "a=rtpmap:0 PCMU/8000\r\n")
            self.send(kind, self.request("INVITE", f"sip:2000@127.0.0.1:{JACKFIELD_PORT}", call_id, 1, "", body))

    def answer(self):
        """Takes what comes back to the end it comes to."""
        while self.running:
            try:
                text = self.socket.recv(65_535).decode(errors="replace")
            except OSError:
                continue
            fields = dict(line.split(": ", 1) for line in text.split("\r\n\r\n")[0].split("\r\n")[1:] if ": " in line)
            call_id, to = fields.get("Call-ID", ""), fields.get("To", "")
            kind = self.kinds.get(call_id)
            if not text.startswith("SIP/2.0 "):
                # A BYE of the switch: who has vanished says nothing.
                if kind in ("repeat", "garble") and text.startswith("BYE "):
                    self.respond(text)
                continue
            if not text.startswith("SIP/2.0 200 ") or not fields.get("CSeq", "").endswith("INVITE"):
                continue
            target = fields.get("Contact", "").strip("<>") or f"sip:127.0.0.1:{JACKFIELD_PORT}"
            if kind in ("vanish-after-ack", "repeat", "garble"):
                self.send(kind, self.request("ACK", target, call_id, 1, to))
            if kind in ("repeat", "garble"):
                self.send(kind, self.request("BYE", target, call_id, 2, to))

    def respond(self, text):
        keep = ("via:", "from:", "to:", "call-id:", "cseq:")
        lines = [line for line in text.split("\r\n") if line.lower().startswith(keep)]
        self.socket.sendto(("\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0"]) + "\r\n\r\n").encode(),
                           ("127.0.0.1", JACKFIELD_PORT))

    def request(self, method, target, call_id, cseq, to, body=""):
        here = f"127.0.0.1:{self.port}"
        to = to or f"<sip:2000@127.0.0.1:{JACKFIELD_PORT}>"
        content = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}" if body else "Content-Length: 0\r\n\r\n"
        return (f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{call_id}{method}\r\nMax-Forwards: 70\r\n"
                f"From: <sip:bad@127.0.0.1>;tag=b{call_id}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
                f"Contact: <sip:bad@{here}>\r\n{content}").encode()

    def send(self, kind, message):
        if kind == "garble":
            message = bytearray(message)
            for _ in range(self.random.randint(1, 4)):
                message[self.random.randrange(len(message))] = self.random.randrange(256)
        for _ in range(5 if kind == "repeat" else 1):
            self.socket.sendto(bytes(message), ("127.0.0.1", JACKFIELD_PORT))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench soak: {failure}")
