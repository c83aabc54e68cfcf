"""Plugins that are replaced again and again while a shift works, and clients who come and go and find each version in force at once."""

import collections
import json
import threading
import time
import urllib.error
import urllib.request

from jackfield_tlib import Client, EventError

VISITOR, OWNER, PASSER_BY = "visitor", "owner", "passer-by"
NOT_HERE = 59
#: What the odd versions do not give to passers-by.
KEPT_BACK = "EventRinging"
#: Every request of everybody is decided by it; of subscriptions and owners it says something of three clients alone, and leaves the others to
#: the stock plugins.
SCRIPT = """// Version {version}.
fn fan_out(to) {{
    if to.application == "visitor" && {is_odd} {{ return refuse(59); }}
    if to.application == "passer-by" && {is_odd} {{ return deliver().without(["EventRinging"]); }}
    pass()
}}
fn dn_owner(change) {{ if change.application == "owner" && change.kind == "client-registered" {{ return claim(); }} pass() }}
fn authorise_request(request) {{ allow() }}
"""
#: Stock plugins whose settings are other ones with each version.
STOCK = """
[plugins]
load = ["floor.rhai"]
watch = false
[plugins.config."stock.fanout"]
subscriptions = [{{ applications = ["visitor"], events = ["EventRinging"] }}, {{ applications = ["version-{version}"], refuse = true }}]
[plugins.config."stock.dn-owner"]
take-over = {take_over}
"""
HOOKS = ("dn-owner", "fan-out")


def files(folder, configuration, version):
    """Writes a version of the script and of the settings."""
    is_odd = "true" if version % 2 else "false"
    (folder / "floor.rhai").write_text(SCRIPT.format(version=version, is_odd=is_odd))
    (folder / "shift.toml").write_text(configuration + STOCK.format(version=version, take_over=is_odd))


class Changes:
    """Replaces the plugins so often, in a thread of its own, as far as the shift has got each time."""

    def __init__(self, count, folder, configuration, ports, dns, spare):
        self.count, self.folder, self.configuration = count, folder, configuration
        self.http, self.tcport, self.dns, self.spare = f"http://127.0.0.1:{ports[1]}", ports[3], dns, spare
        self.version, self.faults = 0, []
        #: How much of the shift is done, from 0 to 1.
        self.progress = 0.0
        self.passer_by, self.passed = None, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def start(self):
        self.thread.start()

    def stop(self):
        self.over.set()
        self.thread.join()

    def _run(self):
        try:
            while self.version < self.count:
                while self.progress < (self.version + 1) / (self.count + 1):
                    if self.over.wait(0.02):
                        return
                self._change()
        except Exception as error:  # noqa: BLE001
            self.faults.append(f"version {self.version} of the plugins: {error!r}")
        finally:
            if self.passer_by:
                self.passer_by.close()

    def _change(self):
        self.version += 1
        files(self.folder, self.configuration, self.version)
        for path in ("/api/plugins/reload?id=floor&at_once=true", "/api/reload"):
            status, answer = self._post(path)
            if status != 200:
                self.faults.append(f"version {self.version} was not taken: {json.dumps(answer)}")
        self._visit()

    def _visit(self):
        """Who subscribes now is told by the version that was loaded just now."""
        with Client("127.0.0.1", self.tcport, application=VISITOR) as visitor:
            try:
                visitor.register_address(self.spare).wait(60)
                refused = None
            except EventError as error:
                refused = error.code
        expected = NOT_HERE if self.version % 2 else None
        if refused != expected:
            self.faults.append(f"version {self.version} answered a visitor with {refused}, not with {expected}")
        with Client("127.0.0.1", self.tcport, application=OWNER) as owner:
            owner.register_address(self.spare).wait(60)
        self._pass_by()

    def _pass_by(self):
        """Somebody subscribes to a DN that works, and stays until the next version is there."""
        if self.passer_by:
            self.passer_by.close()
        dn, told = self.dns[self.version % len(self.dns)], []
        self.passed.append((self.version, dn, told))

        def take(event):
            if event.ThisDN == dn and is_told(event):
                told.append((event.name, event.ConnID))
        self.passer_by = Client("127.0.0.1", self.tcport, application=PASSER_BY, on_event=take).open()
        self.passer_by.register_address(dn).wait(60)

    def _post(self, path):
        request = urllib.request.Request(self.http + path, data=b"", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def compare(self, told):
        """Faults where somebody who passed by was not told what others were told of the DN meanwhile."""
        faults = []
        for version, dn, seen in self.passed:
            whole = [event for event in told[dn] if version % 2 == 0 or event[0] != KEPT_BACK]
            if not any(whole[at:at + len(seen)] == seen for at in range(len(whole) - len(seen) + 1)):
                faults.append(f"version {version}: who passed by {dn} was told what is no part of what others were: {seen}")
        if self.version < self.count:
            faults.append(f"{self.version} versions of the plugins, of {self.count}")
        return faults

    def figures(self):
        """How many versions there were, and how many of each plugin and hook the journal knows to have decided."""
        with urllib.request.urlopen(self.http + "/api/journal?limit=100000", timeout=60) as answer:
            decisions = json.load(answer)
        deciders = collections.defaultdict(set)
        for decision in decisions:
            if decision["hook"] in HOOKS and decision["decided_by"]:
                deciders[decision["hook"]].add(decision["decided_by"])
        for hook in HOOKS:
            if len(deciders[hook]) < self.version:
                self.faults.append(f"{len(deciders[hook])} versions decided {hook}, of {self.version}")
        return {"versions of plugins": self.version, "versions that decided": {hook: len(deciders[hook]) for hook in HOOKS},
                "events of passers-by": sum(len(seen) for _, _, seen in self.passed)}


def is_told(event):
    """Whether every client that is registered on the DN is told of it."""
    return event.ThisDN is not None and event.name not in ("EventRegistered", "EventUnregistered", "EventError")


class Witness:
    """What another client is told of the same DNs must be the same, in the same order."""

    def __init__(self):
        self.told = collections.defaultdict(list)

    def take(self, event):
        if is_told(event):
            self.told[event.ThisDN].append((event.name, event.ConnID))

    def compare(self, name, told, seconds=30):
        """Faults where the other client was told something else, after both had time to hear the last of it."""
        deadline = time.monotonic() + seconds
        while (differs := [dn for dn in told if told[dn] != self.told[dn]]) and time.monotonic() < deadline:
            time.sleep(0.05)
        return [f"{name} was told differently of {dn}: {len(self.told[dn])} events, and not {len(told[dn])}" for dn in differs]


class Recorders:
    """Several clients of call monitoring: each call is told to one of them, from the first to the last."""

    def __init__(self):
        self.told = collections.defaultdict(list)

    def taker(self, number):
        """What takes the events of one of them."""
        def take(event):
            if event.CallUUID is not None:
                self.told[event.CallUUID].append((number, event.name))
        return take

    def faults(self):
        faults = []
        for call, told in self.told.items():
            numbers, names = {number for number, _ in told}, [name for _, name in told]
            if len(numbers) > 1:
                faults.append(f"call {call} was told to {len(numbers)} recorders")
            if (names[0], names[-1]) != ("EventCallCreated", "EventCallDeleted") or len(set(names) & {"EventCallCreated"}) != 1:
                faults.append(f"call {call} was not told whole to a recorder: {names}")
        if len({number for told in self.told.values() for number, _ in told}) < 2:
            faults.append("one recorder had all calls")
        return faults
