"""Plugins that are replaced again and again while a shift works, and a visitor who finds each version in force at once."""

import collections
import json
import threading
import time
import urllib.error
import urllib.request

from jackfield_tlib import Client, EventError

VISITOR, OWNER = "visitor", "owner"
NOT_HERE = 59
#: Of the hooks it says something of the visitor and of the owner alone; everybody else is left to the stock plugins.
SCRIPT = """// Version {version}.
fn fan_out(to) {{ if to.application == "visitor" && {is_odd} {{ return refuse(59); }} pass() }}
fn dn_owner(change) {{ if change.application == "owner" && change.kind == "client-registered" {{ return claim(); }} pass() }}
fn authorise_request(request) {{ pass() }}
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
    """Replaces the plugins at this interval, in a thread of its own, until it is stopped."""

    def __init__(self, interval, folder, configuration, ports, spare):
        self.interval, self.folder, self.configuration = interval, folder, configuration
        self.http, self.tcport, self.spare = f"http://127.0.0.1:{ports[1]}", ports[3], spare
        self.version, self.faults = 0, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def start(self):
        self.thread.start()

    def stop(self):
        self.over.set()
        self.thread.join()

    def _run(self):
        while not self.over.wait(self.interval):
            try:
                self._change()
            except Exception as error:  # noqa: BLE001
                self.faults.append(f"version {self.version} of the plugins: {error!r}")
                return

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

    def _post(self, path):
        request = urllib.request.Request(self.http + path, data=b"", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

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
        return {"versions of plugins": self.version, "versions that decided": {hook: len(deciders[hook]) for hook in HOOKS}}


class Witness:
    """What another client is told of the same DNs must be the same, in the same order."""

    def __init__(self):
        self.told = collections.defaultdict(list)

    def take(self, event):
        if event.ThisDN is not None and event.name not in ("EventRegistered", "EventError"):
            self.told[event.ThisDN].append((event.name, event.ConnID))

    def compare(self, told, seconds=30):
        """Faults where the other client was told something else, after both had time to hear the last of it."""
        deadline = time.monotonic() + seconds
        while (differs := [dn for dn in told if told[dn] != self.told[dn]]) and time.monotonic() < deadline:
            time.sleep(0.05)
        return [f"two clients were told differently of {dn}: {len(told[dn])} and {len(self.told[dn])} events" for dn in differs]
