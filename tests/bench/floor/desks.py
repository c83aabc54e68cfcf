"""Desktops of agents: what each does with the calls it gets, by a plan for each call."""

import heapq
import itertools
import queue
import random
import time

PLANS = ("plain", "plain", "plain", "hold", "transfer", "reconnect", "single", "hold")
CLOSED = "EventAgentLogout"


class Agent:
    """An agent, or somebody of the back office, at a DN."""

    def __init__(self, dn, client, number):
        self.dn, self.client, self.number = dn, client, number
        self.calls = {}
        self.main = self.consultation = self.plan = None
        self.state = "out"


class Desks:
    """All desktops: one queue of events, one thread that acts."""

    def __init__(self, judge, talk, seed=1):
        self.judge, self.talk = judge, talk
        self.random = random.Random(seed)
        self.events = queue.SimpleQueue()
        self.agents, self.office, self.free = {}, {}, []
        self.timers, self.order = [], itertools.count()
        self.plans, self.done = itertools.cycle(PLANS), dict.fromkeys(PLANS, 0)
        self.requests = 0

    def add(self, dn, client, number, is_office):
        """Somebody at a DN; those of the back office get no routed calls."""
        (self.office if is_office else self.agents)[dn] = Agent(dn, client, number)
        if is_office:
            self.free.append(dn)

    def ask(self, agent, function, *arguments, **more):
        self.requests += 1
        getattr(agent.client, function)(agent.dn, *arguments, **more)

    def begin(self):
        for agent in self.agents.values():
            self.ask(agent, "agent_login", f"agent-{agent.dn}", work_mode=1)

    def end(self):
        for agent in self.agents.values():
            self.ask(agent, "agent_set_not_ready", work_mode=4)

    def run(self, until, seconds):
        """Acts until the condition holds; false when it did not in so many seconds."""
        deadline = time.monotonic() + seconds
        while not until():
            now = time.monotonic()
            if now > deadline:
                return False
            wait = min(0.1, max(0.0, self.timers[0][0] - now)) if self.timers else 0.1
            try:
                who, event = self.events.get(timeout=wait)
                self.judge.take(who, event)
                agent = self.agents.get(event.ThisDN) or self.office.get(event.ThisDN)
                if agent is not None:
                    self._react(agent, event)
            except queue.Empty:
                pass
            while self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()
        return True

    def _later(self, agent, conn, function, *arguments, **more):
        """After some talk, if the agent is still in the call."""

        def act():
            if conn in agent.calls:
                self.ask(agent, function, *arguments, **more)

        at = time.monotonic() + self.talk * self.random.uniform(0.5, 1.5)
        heapq.heappush(self.timers, (at, next(self.order), act))

    def _react(self, agent, event):
        name, conn = event.name, event.ConnID
        if name.startswith("EventAgent"):
            return self._work(agent, name)
        if name == "EventError":
            # Something else was faster, such as a caller who left: the agent ends what is left.
            for left in list(agent.calls):
                self._later(agent, left, "release_call", left)
        elif name in ("EventRinging", "EventDialing"):
            agent.calls[conn] = name
            if name == "EventDialing":
                agent.consultation = conn
        elif name in ("EventReleased", "EventAbandoned"):
            self._over(agent, conn)
        elif name == "EventPartyChanged" and event.PreviousConnID is not None:
            agent.calls.pop(event.PreviousConnID, None)
            agent.calls[conn] = name
            self._later(agent, conn, "release_call", conn)
        elif name == "EventEstablished":
            self._talk(agent, event)
        elif name == "EventHeld" and agent.plan == "hold":
            self._later(agent, conn, "retrieve_call", conn)
        elif name == "EventRetrieved":
            self._later(agent, conn, "release_call", conn)

    def _work(self, agent, name):
        if name == "EventAgentLogin":
            self.ask(agent, "agent_set_ready")
        elif name == "EventAgentNotReady" and agent.state == "leaving":
            self.ask(agent, "agent_logout")
        agent.state = "out" if name == CLOSED else "leaving" if agent.state == "leaving" else name

    def _talk(self, agent, event):
        conn = event.ConnID
        if agent.dn in self.office:
            if event.ThirdPartyDN is not None:
                self._later(agent, conn, "release_call", conn)
        elif conn == agent.consultation:
            complete = "complete_transfer" if agent.plan == "transfer" else "reconnect_call"
            self._later(agent, conn, complete, agent.main, conn)
        else:
            agent.main, agent.plan = conn, next(self.plans)
            self._begin(agent, conn)

    def _begin(self, agent, conn):
        if agent.plan in ("transfer", "reconnect", "single") and not self.free:
            agent.plan = "plain"
        self.done[agent.plan] += 1
        if agent.plan == "plain":
            self._later(agent, conn, "release_call", conn)
        elif agent.plan == "hold":
            self._later(agent, conn, "hold_call", conn)
        else:
            other = self.free.pop(0)
            function = "single_step_transfer" if agent.plan == "single" else "initiate_transfer"

            def act():
                if conn in agent.calls:
                    self.ask(agent, function, conn, other)
                else:
                    self.free.append(other)

            at = time.monotonic() + self.talk * self.random.uniform(0.5, 1.5)
            heapq.heappush(self.timers, (at, next(self.order), act))

    def _over(self, agent, conn):
        agent.calls.pop(conn, None)
        if agent.dn in self.office:
            if not agent.calls:
                self.free.append(agent.dn)
        elif conn == agent.main and agent.consultation in agent.calls:
            # The caller left while the agent consulted.
            self._later(agent, agent.consultation, "release_call", agent.consultation)
