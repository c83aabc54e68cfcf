"""SIP phones that answer by themselves: many users on one UDP socket, driven by one thread."""

import heapq
import re
import socket
import threading
import time

#: How often a 200 to an INVITE is sent again while no ACK comes (RFC 3261 section 13.3.1.4), at T1 and doubled.
RESENDS = 6
DIRECTIONS = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class Phones(threading.Thread):
    """Registers users at a switch and answers their calls after a while; whatever else comes is answered 200."""

    def __init__(self, users, port, switch_port, ring):
        super().__init__(name="phones", daemon=True)
        self.users, self.port, self.ring = users, port, ring
        self.switch = ("127.0.0.1", switch_port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", port))
        self.timers, self.order = [], 0
        self.answers, self.waiting, self.versions = {}, {}, {}
        self.ended = threading.Event()

    def register(self):
        """Registers every user, one after another."""
        self.socket.settimeout(1.0)
        for user in self.users:
            request = (
                f"REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bKr{user}\r\nMax-Forwards: 70\r\n"
                f"From: <sip:{user}@127.0.0.1>;tag=r{user}\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: r{user}\r\nCSeq: 1 REGISTER\r\n"
                f"Contact: <sip:{user}@127.0.0.1:{self.port}>\r\nExpires: 7200\r\nContent-Length: 0\r\n\r\n"
            )
            for _ in range(5):
                self.socket.sendto(request.encode(), self.switch)
                try:
                    answer = self.socket.recv(65536)
                except TimeoutError:
                    continue
                if answer.startswith(b"SIP/2.0 200") and f"Call-ID: r{user}\r".encode() in answer:
                    break
            else:
                raise RuntimeError(f"phone {user} was not registered")

    def stop(self):
        self.ended.set()
        self.join()

    def run(self):
        while not self.ended.is_set():
            wait = self.timers[0][0] - time.monotonic() if self.timers else 0.1
            self.socket.settimeout(min(max(wait, 0.001), 0.1))
            try:
                data, _ = self.socket.recvfrom(65536)
                self._take(data.decode())
            except TimeoutError:
                pass
            while self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()

    def _after(self, seconds, act):
        self.order += 1
        heapq.heappush(self.timers, (time.monotonic() + seconds, self.order, act))

    def _take(self, text):
        if text.startswith("SIP/2.0") or not text.strip():
            return
        head, _, body = text.partition("\r\n\r\n")
        method = head.split(" ", 1)[0]
        call_id = _field(head, "Call-ID")
        number = _field(head, "CSeq").split()[0]
        if method == "ACK":
            self.waiting.pop((call_id, number), None)
            return
        key = (call_id, number, method)
        if key in self.answers:
            # It was sent again.
            if self.answers[key]:
                self._send(self.answers[key])
            return
        if method == "INVITE":
            self._invited(head, body, key)
            return
        self._answer(key, _response(head, "200 OK", "x" + call_id))
        if method == "CANCEL":
            invited = (call_id, number, "INVITE")
            offer = self.waiting.pop((call_id, number), None)
            if offer is not None:
                self._answer(invited, _response(offer[0], "487 Request Terminated", "x" + call_id))
        elif method == "BYE":
            for table in (self.answers, self.waiting, self.versions):
                for old in [old for old in table if old == call_id or old[0] == call_id]:
                    if old != key:
                        del table[old]

    def _invited(self, head, body, key):
        call_id, number, _ = key
        self.waiting[(call_id, number)] = (head, body)
        if ";tag=" in _field(head, "To"):
            self._accept(key)
        else:
            self._answer(key, _response(head, "180 Ringing", "x" + call_id, self._contact(head)))
            self._after(self.ring, lambda: self._accept(key))

    def _contact(self, head):
        user = re.match(r"INVITE sip:([^@;>]+)@", head).group(1)
        return f"Contact: <sip:{user}@127.0.0.1:{self.port}>\r\n"

    def _accept(self, key):
        call_id, number, _ = key
        offer = self.waiting.get((call_id, number))
        if offer is None:
            return
        head, body = offer
        self.versions[call_id] = version = self.versions.get(call_id, 0) + 1
        had = re.search(r"a=(sendonly|recvonly|inactive)", body)
        direction = DIRECTIONS[had.group(1)] if had else "sendrecv"
        sdp = (
            f"v=0\r\no=- 7 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
        )
        more = self._contact(head) + "Content-Type: application/sdp\r\n"
        self._answer(key, _response(head, "200 OK", "x" + call_id, more, sdp))
        self._again(key, offer, 0.5, RESENDS)

    def _again(self, key, offer, seconds, left):
        def resend():
            if left and self.waiting.get(key[:2]) is offer:
                self._send(self.answers[key])
                self._again(key, offer, 2 * seconds, left - 1)

        self._after(seconds, resend)

    def _answer(self, key, text):
        self.answers[key] = text
        self._send(text)

    def _send(self, text):
        self.socket.sendto(text.encode(), self.switch)


def _field(head, name):
    return re.search(rf"^{name}: *(.*?)\r?$", head, re.MULTILINE | re.IGNORECASE).group(1)


def _response(head, status, tag, more="", body=""):
    kept = [line for line in head.split("\r\n")[1:] if re.match(r"(?i)(via|from|call-id|cseq|record-route):", line)]
    to = _field(head, "To")
    to = to if ";tag=" in to else f"{to};tag={tag}"
    return f"SIP/2.0 {status}\r\n" + "\r\n".join(kept) + f"\r\nTo: {to}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}"
