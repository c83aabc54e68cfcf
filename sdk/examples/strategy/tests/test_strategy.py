"""Who gets which call: the strategy by itself, without a switch."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2] / "tlib" / "python")]

from jackfield_tlib import Message  # noqa: E402
from strategy import REST, SETTLE, Strategy  # noqa: E402

SKILLS = {
    "points": ["8000"],
    "agents": {"2001": ["sales"], "2002": ["sales", "repair"], "2003": ["repair"]},
    "numbers": {"8000": "sales"},
}


class Desk:
    """A strategy whose routes are kept, and a clock."""

    def __init__(self):
        self.routed, self.now = [], 100.0
        self.strategy = Strategy(SKILLS, self.route)

    def route(self, _point, conn, dn):
        self.routed.append((conn, dn))
        return len(self.routed)

    def agent(self, name, dn, conn=None, after=1.0, **more):
        self.now += after
        self.strategy.on_agent_event(Message(name, ThisDN=dn, ConnID=conn, **more), self.now)

    def point(self, name, conn, **more):
        self.now += 1.0
        more = {"ThisDN": "8000", "DNIS": "8000", **more}
        self.strategy.on_router_event(Message(name, ConnID=conn, **more), self.now)

    def ready(self, *dns):
        for dn in dns:
            self.agent("EventAgentReady", dn)


def test_the_agent_who_is_ready_for_longest_gets_the_call():
    desk = Desk()
    desk.ready("2002", "2001")
    desk.point("EventRouteRequest", 1)
    desk.point("EventRouteRequest", 2)
    assert desk.routed == [(1, "2002"), (2, "2001")]


def test_an_agent_without_the_skill_does_not():
    desk = Desk()
    desk.ready("2003")
    desk.point("EventRouteRequest", 1)
    assert desk.routed == []


def test_user_data_come_before_the_number():
    desk = Desk()
    desk.ready("2001", "2003")
    desk.point("EventRouteRequest", 1, UserData={"Skill": "repair"})
    assert desk.routed == [(1, "2003")]


def test_calls_wait_and_go_in_the_order_in_which_they_came():
    desk = Desk()
    desk.point("EventRouteRequest", 1)
    desk.point("EventRouteRequest", 2)
    desk.ready("2001", "2002")
    assert desk.routed == [(1, "2001"), (2, "2002")]


def test_no_agent_gets_two_calls():
    desk = Desk()
    desk.ready("2001")
    desk.point("EventRouteRequest", 1)
    desk.point("EventRouteRequest", 2)
    desk.point("EventDiverted", 1)
    desk.agent("EventRinging", "2001", 1)
    desk.agent("EventEstablished", "2001", 1)
    assert desk.routed == [(1, "2001")]


def test_after_a_call_it_is_seen_first_whether_there_is_after_call_work():
    desk = Desk()
    desk.ready("2001")
    desk.point("EventRouteRequest", 1)
    desk.point("EventDiverted", 1)
    desk.agent("EventRinging", "2001", 1)
    desk.point("EventRouteRequest", 2)
    desk.agent("EventReleased", "2001", 1)
    desk.agent("EventAgentNotReady", "2001", after=SETTLE / 2)
    desk.strategy.assign(desk.now + 10)
    assert desk.routed == [(1, "2001")]
    desk.ready("2001")
    assert desk.routed == [(1, "2001"), (2, "2001")]


def test_without_after_call_work_the_agent_is_free_after_a_moment():
    desk = Desk()
    desk.ready("2001")
    desk.point("EventRouteRequest", 1)
    desk.agent("EventRinging", "2001", 1)
    desk.point("EventDiverted", 1)
    desk.point("EventRouteRequest", 2)
    desk.agent("EventReleased", "2001", 1)
    assert desk.routed == [(1, "2001")]
    assert abs(desk.strategy.next_time(desk.now) - SETTLE) < 1e-6
    desk.strategy.assign(desk.now + SETTLE)
    assert desk.routed == [(1, "2001"), (2, "2001")]


def test_a_route_that_is_refused_goes_to_the_next_agent():
    desk = Desk()
    desk.ready("2001", "2002")
    desk.point("EventRouteRequest", 1)
    desk.point("EventError", 1, ReferenceID=1, ErrorCode=231)
    assert desk.routed == [(1, "2001"), (1, "2002")]
    assert not desk.strategy.agents["2001"].free(desk.now)
    assert desk.strategy.agents["2001"].free(desk.now + REST)


def test_a_call_that_nobody_answered_comes_back_and_goes_to_somebody_else():
    desk = Desk()
    desk.ready("2001", "2002")
    desk.point("EventRouteRequest", 1)
    desk.agent("EventRinging", "2001", 1)
    desk.point("EventDiverted", 1)
    desk.agent("EventReleased", "2001", 1)
    desk.ready("2001")
    desk.point("EventRouteRequest", 1)
    assert desk.routed == [(1, "2001"), (1, "2002")]
    assert desk.strategy.counts["came back"] == 1


def test_a_caller_who_leaves_makes_the_agent_free():
    desk = Desk()
    desk.point("EventRouteRequest", 1)
    desk.point("EventAbandoned", 1)
    desk.ready("2001")
    assert desk.routed == []
    desk.point("EventRouteRequest", 2)
    desk.point("EventAbandoned", 2)
    desk.point("EventRouteRequest", 3)
    assert desk.routed == [(2, "2001"), (3, "2001")]


def test_the_state_of_agents_at_the_beginning_is_that_of_the_registration():
    desk = Desk()
    desk.agent("EventRegistered", "2001", Extensions={"AgentStatus": 3})
    desk.agent("EventRegistered", "2002", Extensions={"AgentStatus": 2})
    desk.point("EventRouteRequest", 1)
    assert desk.routed == [(1, "2002")]


def test_agents_who_log_out_or_call_somebody_get_nothing():
    desk = Desk()
    desk.ready("2001", "2002")
    desk.agent("EventAgentLogout", "2001")
    desk.agent("EventDialing", "2002", 9)
    desk.point("EventRouteRequest", 1)
    assert desk.routed == []
