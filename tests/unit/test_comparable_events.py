"""Comparing two runs of a cell."""

from __future__ import annotations

from lab.fidelity.comparable_events import GIVEN_UP, ComparableEvent, Difference, differences, furthest_apart, moments
from lab.model.endpoint import Endpoint
from tests.records import CLIENT, CONNECTED, END, MAPPED, REMOTE, SENTINEL, changed, idle_timer, on_lan


def test_names_leave_out_what_is_drawn() -> None:
    """Two runs with different ports and ids have the same moments."""
    other = changed(idle_timer(33.0), id="tp9", local=Endpoint("10.0.0.2", 4))
    assert moments([idle_timer(33.0)]) == moments([other])


def test_only_the_silence_counts() -> None:
    """The set-up before, and what the lab does after the end, are no moments; nor are packets."""
    record = [
        changed(CONNECTED, t=-0.1),
        idle_timer(33.0),
        on_lan(40.0, CLIENT, 100),
        changed(END, t=50.0),
        changed(CONNECTED, t=50.1, state="shutdown"),
    ]
    assert moments(record) == [ComparableEvent(33.0, "client transport destroyed idle-timer")]


def test_the_sentinels_mappings_are_none() -> None:
    """They are as old as the start of the actors took, which differs from run to run."""
    mapping = changed(MAPPED, t=59.0, state="destroyed")
    assert moments([changed(mapping, remote=SENTINEL)]) == []
    assert len(moments([changed(mapping, remote=REMOTE)])) == 1


def test_differences() -> None:
    """A moment too far from its counterpart, and one without, are told; one close by is not."""
    first = [ComparableEvent(1.0, "a"), ComparableEvent(2.0, "b"), ComparableEvent(9.0, "b")]
    second = [ComparableEvent(1.004, "a"), ComparableEvent(2.5, "b")]
    assert differences(first, second, within=0.01) == [Difference("b", 2.0, 2.5), Difference("b", 9.0, None)]
    assert furthest_apart(first, second, within=0.01) == 0.5
    assert differences(first, first, within=0.0) == []


def test_the_start_is_not_sharp() -> None:
    """What happens as the silence begins may lie before it in another run; what happens later may not be missing."""
    begin, later = ComparableEvent(0.02, "a"), ComparableEvent(0.6, "b")
    assert differences([begin], [], within=0.5) == []
    assert differences([begin], [], within=0.01) == [Difference("a", 0.02, None)]
    assert differences([], [later], within=0.5) == [Difference("b", None, 0.6)]
    assert differences([], [later], within=0.5, ends=1.0) == []
    assert differences([], [later], within=0.3, ends=1.0) == [Difference("b", None, 0.6)]


def test_what_only_one_run_has_at_its_start_moves_nothing() -> None:
    """A mapping that one run saw just after the silence had begun, and the other just before, is no other mapping."""
    again = [ComparableEvent(50.05, "new"), ComparableEvent(80.0, "new")]
    others = [ComparableEvent(0.00003, "new"), ComparableEvent(50.03, "new"), ComparableEvent(80.7, "new")]
    for first, second, found in ((again, others, (80.0, 80.7)), (others, again, (80.7, 80.0))):
        assert differences(first, second, within=0.5) == [Difference("new", *found)]
        assert round(furthest_apart(first, second, within=0.5), 3) == 0.7


def test_kernels_give_up_at_different_times() -> None:
    """The timers of two kernels differ by up to an eighth; what the program does before, or without, does not."""
    gone = f"client transport disconnected {GIVEN_UP}"
    real, virtual = (
        [ComparableEvent(75.2, gone), ComparableEvent(75.3, "b")],
        [ComparableEvent(74.0, gone), ComparableEvent(74.1, "b")],
    )
    assert differences(real, virtual, within=0.5) == []
    assert differences([*real, ComparableEvent(60.0, "a")], [*virtual, ComparableEvent(61.0, "a")], within=0.5) == [
        Difference("a", 60.0, 61.0)
    ]
    assert differences([ComparableEvent(75.2, gone)], [ComparableEvent(60.0, gone)], within=0.5) == [
        Difference(gone, 75.2, 60.0)
    ]
    assert differences(real[1:], virtual[1:], within=0.5) == [Difference("b", 75.3, 74.1)]
