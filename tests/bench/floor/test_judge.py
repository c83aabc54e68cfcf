"""The judge finds what is wrong: each kind of fault, in a story that is right without it."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2] / "sdk" / "tlib" / "python")]

from floor.judge import Judge  # noqa: E402
from jackfield_tlib import Message  # noqa: E402

#: An agent's day of one routed call: the name, the DN, the ConnID, and what else there is.
STORY = [
    ("EventAgentLogin", "2001", None, {}),
    ("EventAgentNotReady", "2001", None, {"AgentWorkMode": 1}),
    ("EventAgentReady", "2001", None, {}),
    ("EventQueued", "8000", 1, {}),
    ("EventRouteRequest", "8000", 1, {}),
    ("EventRouteUsed", "8000", 1, {}),
    ("EventDiverted", "8000", 1, {}),
    ("EventRinging", "2001", 1, {"ThisQueue": "8000"}),
    ("EventEstablished", "2001", 1, {"ThisQueue": "8000"}),
    ("EventHeld", "2001", 1, {}),
    ("EventRetrieved", "2001", 1, {}),
    ("EventReleased", "2001", 1, {}),
    ("EventAgentNotReady", "2001", None, {"AgentWorkMode": 3}),
    ("EventAgentReady", "2001", None, {}),
    ("EventAgentNotReady", "2001", None, {"AgentWorkMode": 4}),
    ("EventAgentLogout", "2001", None, {}),
]


def faults(story, calls=1):
    judge = Judge(["8000"])
    for number, (name, dn, conn, more) in enumerate(story, 1):
        of_call = {} if conn is None else {"ConnID": conn, "CallUUID": f"{conn:032X}"}
        judge.take(0, Message(name, **{"ThisDN": dn, "EventSequenceNumber": number, **of_call, **more}))
    return judge.finish(["2001"], calls)


def without(name, dn):
    at = next(n for n, event in enumerate(STORY) if event[:2] == (name, dn))
    return STORY[:at] + STORY[at + 1 :]


def changed(name, **more):
    return [(*event[:3], {**event[3], **more}) if event[0] == name else event for event in STORY]


def test_a_story_that_is_right_has_no_fault():
    assert faults(STORY) == []


def test_every_event_that_is_lost_is_missed():
    for name, dn, _, _ in STORY:
        # A call may end while it is held.
        if name != "EventRetrieved":
            assert faults(without(name, dn)), f"{name} on {dn}"


def test_every_event_that_comes_twice_is_noticed():
    for at, event in enumerate(STORY):
        # A call that asks for its route again is back at its Routing Point, which is no fault.
        if event[0] != "EventRouteRequest":
            assert faults(STORY[: at + 1] + STORY[at:]), event[0]


def test_two_events_of_a_party_that_change_places_are_noticed():
    for first in range(3, 11):
        story = list(STORY)
        if story[first][1] == story[first + 1][1]:
            story[first], story[first + 1] = story[first + 1], story[first]
            assert faults(story), STORY[first][0]


def test_a_call_with_two_names_is_noticed():
    assert "are not one call" in faults(changed("EventHeld", CallUUID="F" * 32))[0]


def test_a_sequence_number_that_falls_is_noticed():
    assert "sequence number 1 after 9" in faults(changed("EventHeld", EventSequenceNumber=1))[0]


def test_a_call_that_nobody_was_told_of_is_missed():
    assert faults(STORY, calls=2) == ["1 calls asked for a route, of 2"]


def test_a_second_routed_call_is_noticed():
    at = 9
    second = ("EventRinging", "2001", 2, {"ThisQueue": "8000"})
    assert "2001 is routed a second call, 0000000000000002" in faults(STORY[:at] + [second] + STORY[at:])


def test_a_party_goes_on_in_the_call_it_is_moved_to():
    moved = ("EventPartyChanged", "2001", 2, {"PreviousConnID": 1})
    at = next(n for n, event in enumerate(STORY) if event[0] == "EventReleased")
    assert faults([*STORY[:at], moved, ("EventReleased", "2001", 2, {}), *STORY[at + 1 :]]) == []
