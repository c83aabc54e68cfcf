"""Whether what clients were told can be: each party's events and each agent's form a legal sequence, and all adds up.

Written from section 4 of the interface's call models, apart from the code that makes the events.
"""

import collections

#: What an event makes of a party, by how it is; what is not here may not come. ``None`` is no party.
PARTY = {
    ("EventDialing", None): "dialing",
    ("EventRinging", None): "ringing",
    ("EventNetworkReached", "dialing"): "dialing",
    ("EventDestinationBusy", "dialing"): "failed",
    ("EventEstablished", "dialing"): "talking",
    ("EventEstablished", "ringing"): "talking",
    ("EventHeld", "talking"): "holding",
    ("EventRetrieved", "holding"): "talking",
    ("EventAbandoned", "ringing"): None,
    **{("EventReleased", state): None for state in ("dialing", "failed", "ringing", "talking", "holding")},
    **{(name, state): state for name in ("EventPartyChanged", "EventAttachedDataChanged") for state in ("dialing", "ringing", "talking", "holding")},
}

#: The same for a call at a Routing Point.
POINT = {
    ("EventQueued", None): "queued",
    ("EventRouteRequest", "queued"): "waiting",
    ("EventRouteRequest", "waiting"): "waiting",
    ("EventRouteUsed", "waiting"): "routed",
    ("EventDiverted", "routed"): None,
    ("EventAbandoned", "queued"): None,
    ("EventAbandoned", "waiting"): None,
}

#: The same for an agent.
AGENT = {
    ("EventAgentLogin", "out"): "in",
    ("EventAgentNotReady", "in"): "not ready",
    ("EventAgentReady", "not ready"): "ready",
    ("EventAgentReady", "acw"): "ready",
    ("EventAgentNotReady", "ready"): "not ready",
    ("EventAgentLogout", "not ready"): "out",
}
ACW = 3


class Judge:
    """Takes the events of one client for each DN, in their order."""

    def __init__(self, points):
        self.points = set(points)
        self.parties = {}
        self.agents = collections.defaultdict(lambda: "out")
        self.through_queue = {}
        self.answered = collections.Counter()
        self.wrapped = collections.Counter()
        self.agent_events = collections.Counter()
        self.conn_of, self.uuid_of = {}, {}
        self.queued = collections.Counter()
        self.requested, self.diverted, self.abandoned = set(), collections.Counter(), set()
        self.abandoned_ringing = 0
        self.sequence = {}
        self.refused = collections.Counter()
        self.events = collections.Counter()
        self.faults = []

    def take(self, client, event):
        """An event that this client was given."""
        self.events[event.name] += 1
        number = event.EventSequenceNumber
        if number is not None:
            if number <= self.sequence.get(client, -1):
                self.faults.append(f"client {client}: sequence number {number} after {self.sequence[client]}")
            self.sequence[client] = number
        if event.name == "EventError":
            state = self.parties.get((event.ThisDN, int(event.ConnID or 0)))
            self.refused[f"{event.ErrorCode} {event.ErrorMessage}, party {state or 'gone'}"] += 1
        elif event.ConnID is not None and event.CallUUID is not None:
            self._of_call(event)
        elif event.name.startswith("EventAgent"):
            self._of_agent(event)

    def _of_call(self, event):
        dn, conn = event.ThisDN, int(event.ConnID)
        for table, key, value in ((self.conn_of, event.CallUUID, conn), (self.uuid_of, conn, event.CallUUID)):
            if table.setdefault(key, value) != value:
                self.faults.append(f"{event.CallUUID} and {conn:016x} are not one call")
        at_point = dn in self.points
        was = self.parties.get((dn, conn))
        if event.name == "EventPartyChanged" and was is None and event.PreviousConnID is not None:
            was = self.parties.pop((dn, int(event.PreviousConnID)), None)
        table = POINT if at_point else PARTY
        if (event.name, was) not in table:
            self.faults.append(f"{event.name} on {dn} in {conn:016x} that is {was}")
            return
        now = table[event.name, was]
        if now is None:
            self.parties.pop((dn, conn), None)
        else:
            self.parties[dn, conn] = now
        if at_point:
            self._at_point(event.name, conn)
        else:
            self._of_working_agent(event, dn, conn, was)

    def _at_point(self, name, conn):
        if name == "EventQueued":
            self.queued[conn] += 1
        elif name == "EventRouteRequest":
            self.requested.add(conn)
        elif name == "EventDiverted":
            self.diverted[conn] += 1
        elif name == "EventAbandoned":
            self.abandoned.add(conn)

    def _of_working_agent(self, event, dn, conn, was):
        if event.name == "EventAbandoned":
            self.abandoned_ringing += 1
        elif event.name == "EventRinging" and event.ThisQueue in self.points and event.ThirdPartyDN is None:
            if self.agents[dn] != "ready":
                self.faults.append(f"a routed call rings at {dn}, who is {self.agents[dn]}")
            if any(other == dn and call != conn for other, call in self.parties):
                self.faults.append(f"{dn} is routed a second call, {conn:016x}")
            self.through_queue[dn, conn] = False
        elif event.name == "EventEstablished" and (dn, conn) in self.through_queue:
            self.through_queue[dn, conn] = True
            self.answered[dn] += 1

    def _of_agent(self, event):
        dn, was = event.ThisDN, self.agents[event.ThisDN]
        self.agent_events[event.name] += 1
        if event.name == "EventAgentNotReady" and event.AgentWorkMode == ACW and was == "ready":
            self.agents[dn] = "acw"
            self.wrapped[dn] += 1
        elif (event.name, was) in AGENT:
            self.agents[dn] = AGENT[event.name, was]
        else:
            self.faults.append(f"{event.name} (mode {event.AgentWorkMode}) of {dn}, who is {was}")

    def is_quiet(self):
        """Whether no call stands, and after every answered call the after-call work is over."""
        return not self.parties and self.answered == self.wrapped and "acw" not in self.agents.values()

    def finish(self, agents, calls):
        """When all is over: what is left, and what does not add up."""
        faults = list(self.faults)
        faults += [f"{dn} in {conn:016x} is left {state}" for (dn, conn), state in self.parties.items()]
        if len(self.requested) + len(self.abandoned - self.requested) != calls:
            faults.append(f"{len(self.requested)} calls asked for a route, of {calls}")
        for conn in self.requested:
            ends = self.diverted[conn] + (conn in self.abandoned)
            # A call that nobody answered is back at it.
            if ends != self.queued[conn]:
                faults.append(f"call {conn:016x} came to the Routing Point {self.queued[conn]} times and left it {ends} times")
        for dn in agents:
            if self.answered[dn] != self.wrapped[dn]:
                faults.append(f"{dn} answered {self.answered[dn]} calls and had after-call work {self.wrapped[dn]} times")
            if self.agents[dn] != "out":
                faults.append(f"{dn} is left {self.agents[dn]}")
        expected = {
            "EventAgentLogin": len(agents),
            "EventAgentLogout": len(agents),
            "EventAgentReady": len(agents) + sum(self.wrapped.values()),
            "EventAgentNotReady": 2 * len(agents) + sum(self.wrapped.values()),
        }
        for name, number in expected.items():
            if self.agent_events[name] != number:
                faults.append(f"{self.agent_events[name]} {name}, not {number}")
        return faults
