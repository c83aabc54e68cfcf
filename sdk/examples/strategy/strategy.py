#!/usr/bin/env python3
"""A routing client: sends each call at a Routing Point to the agent with the skill it wants who has been ready for longest.

  strategy.py skills.json [--router HOST:PORT] [--agents HOST:PORT] [--password WORD]

``--router`` is the default port of the Session Controller, where the Routing Points are, ``--agents`` the TCport of the T-Controller, where the agents
are. skills.json names the Routing Points, the skills of the agents by the DN they sit at, and the skill that a dialled number wants:
``{"points": ["8000"], "agents": {"2001": ["sales"]}, "numbers": {"8000": "sales"}}``. User data of the call, ``Skill``, come before the number.
"""

import argparse
import json
import logging
import pathlib
import queue
import sys
import time

try:
    from jackfield_tlib import Client
except ImportError:  # from the source tree
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tlib" / "python"))
    from jackfield_tlib import Client

#: Seconds after a call in which the T-Controller may still say that the agent has after-call work.
SETTLE = 0.2
#: Seconds that an agent who refused or did not answer is left alone, unless they say that they are ready.
REST = 5.0
#: Routed calls that nobody has answered yet and that are remembered, in case they come back.
SENT_MAX = 1000
#: AgentStatus of an agent who is ready, in what EventRegistered says of a DN.
READY = 2


class Agent:
    """An agent, by the DN they sit at."""

    def __init__(self, dn, skills):
        self.dn, self.skills = dn, set(skills)
        self.ready = False
        self.since = 0.0
        self.not_before = 0.0
        self.calls = set()
        self.reserved = None

    def free(self, now):
        return self.ready and not self.calls and self.reserved is None and self.not_before <= now


class Waiting:
    """A call that waits at a Routing Point."""

    def __init__(self, point, conn, skill):
        self.point, self.conn, self.skill = point, conn, skill
        self.agent = None
        self.passed_over = set()


class Strategy:
    """Who gets which call. Events go in with the time they came; ``route(point, conn, dn)`` is called to have a call routed and gives a ReferenceID."""

    def __init__(self, skills, route):
        self.agents = {dn: Agent(dn, those) for dn, those in skills["agents"].items()}
        self.numbers = skills.get("numbers", {})
        self.route = route
        self.waiting = {}
        self.asked = {}
        self.sent = {}
        self.counts = {"wanted": 0, "routed": 0, "refused": 0, "abandoned": 0, "came back": 0}

    def on_router_event(self, event, now):
        """An event of a Routing Point, from the Session Controller."""
        if event.name == "EventRouteRequest":
            self._wanted(event, now)
        elif event.name == "EventError" and event.ReferenceID in self.asked:
            self._refused(self.asked.pop(event.ReferenceID), event, now)
        elif event.name == "EventRouteUsed":
            self.asked.pop(event.ReferenceID, None)
        elif event.name in ("EventDiverted", "EventAbandoned"):
            call = self.waiting.pop(event.ConnID, None)
            if event.name == "EventAbandoned" and call is not None:
                self.counts["abandoned"] += 1
                self._let_go(call)
            elif event.name == "EventDiverted" and call is not None:
                self.counts["routed"] += 1
                self.sent[event.ConnID] = call
                if len(self.sent) > SENT_MAX:
                    del self.sent[next(iter(self.sent))]
        self.assign(now)

    def on_agent_event(self, event, now):
        """An event of an agent's DN, from the T-Controller."""
        agent = self.agents.get(event.ThisDN)
        if agent is None:
            return
        if event.name in ("EventEstablished", "EventAbandoned"):
            self.sent.pop(event.ConnID, None)
        if event.name == "EventRegistered":
            state = event.Extensions
            agent.ready = state is not None and state.get("AgentStatus") == READY
            agent.since = now
        elif event.name == "EventAgentReady":
            agent.ready, agent.since, agent.not_before = True, now, now
        elif event.name in ("EventAgentNotReady", "EventAgentLogout"):
            agent.ready = False
        elif event.name in ("EventRinging", "EventDialing"):
            agent.calls.add(event.ConnID)
            if agent.reserved == event.ConnID:
                agent.reserved = None
        elif event.name in ("EventReleased", "EventAbandoned"):
            agent.calls.discard(event.ConnID)
            if agent.reserved == event.ConnID:
                agent.reserved = None
            if not agent.calls:
                agent.since, agent.not_before = now, max(agent.not_before, now + SETTLE)
        elif event.name == "EventPartyChanged" and event.PreviousConnID in agent.calls:
            agent.calls.discard(event.PreviousConnID)
            agent.calls.add(event.ConnID)
        self.assign(now)

    def assign(self, now):
        """Routes what can be routed: the longest waiting first, each to the agent who has been ready for longest."""
        for call in list(self.waiting.values()):
            if call.agent is not None:
                continue
            fit = [a for a in self.agents.values() if a.free(now) and (not call.skill or call.skill in a.skills)]
            fresh = [a for a in fit if a.dn not in call.passed_over]
            if fit:
                agent = min(fresh or fit, key=lambda a: a.since)
                agent.reserved, call.agent = call.conn, agent
                self.asked[self.route(call.point, call.conn, agent.dn)] = call

    def next_time(self, now):
        """Seconds until ``assign`` may find somebody whom no event makes free; ``None`` when nobody will be."""
        rests = [a.not_before - now for a in self.agents.values() if a.ready and a.not_before > now]
        return min(rests, default=None)

    def _wanted(self, event, now):
        before = self.waiting.pop(event.ConnID, None) or self.sent.pop(event.ConnID, None)
        data = event.UserData
        skill = (data.get("Skill") if data else None) or self.numbers.get(event.DNIS) or self.numbers.get(event.ThisDN)
        call = Waiting(event.ThisDN, event.ConnID, skill)
        if before is not None:
            # Nobody answered, and it is back.
            self.counts["came back"] += 1
            call.passed_over = before.passed_over
            self._pass_over(before, now)
        else:
            self.counts["wanted"] += 1
        self.waiting[event.ConnID] = call

    def _refused(self, call, event, now):
        self.counts["refused"] += 1
        logging.info("call %s not routed to %s: error %s", call.conn, call.agent and call.agent.dn, event.ErrorCode)
        self._pass_over(call, now)

    def _pass_over(self, call, now):
        if call.agent is not None:
            call.passed_over.add(call.agent.dn)
            call.agent.not_before = now + REST
            self._let_go(call)

    def _let_go(self, call):
        if call.agent is not None and call.agent.reserved == call.conn:
            call.agent.reserved = None
        call.agent = None


def run(skills, router, agents, password=None, patience=20):
    """Connects to both ports and routes until one of the connections is over, with an exception."""
    events = queue.Queue()
    desk = Client(*agents, application="strategy", password=password, on_event=lambda e: events.put(("agent", e)))
    urs = Client(*router, application="strategy", password=password, on_event=lambda e: events.put(("router", e)))

    def route(point, conn, dn):
        return urs.route_call(point, conn, dn, extensions={"NO_ANSWER_TIMEOUT": patience, "NO_ANSWER_ACTION": "notready"})

    strategy = Strategy(skills, route)
    with desk, urs:
        # The agents first: a call that waits is told of as soon as the point is registered.
        for reference in [desk.register_address(dn) for dn in skills["agents"]]:
            reference.wait()
        for reference in [urs.register_address(point) for point in skills["points"]]:
            reference.wait()
        print("ready", flush=True)
        while not (desk.closed or urs.closed):
            now = time.monotonic()
            try:
                source, event = events.get(timeout=min(1.0, strategy.next_time(now) or 1.0))
            except queue.Empty:
                strategy.assign(time.monotonic())
                continue
            take = strategy.on_agent_event if source == "agent" else strategy.on_router_event
            take(event, time.monotonic())
    raise SystemExit(f"a connection is over; {strategy.counts}")


def place(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("skills", type=pathlib.Path)
    options.add_argument("--router", type=place, default=("127.0.0.1", 7000), metavar="HOST:PORT")
    options.add_argument("--agents", type=place, default=("127.0.0.1", 7001), metavar="HOST:PORT")
    options.add_argument("--password")
    given = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    run(json.loads(given.skills.read_text()), given.router, given.agents, given.password)


if __name__ == "__main__":
    main()
