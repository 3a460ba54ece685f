"""Moments as scenarios write them."""

from __future__ import annotations

import pytest

from lab.model.when import Event, When


@pytest.mark.parametrize(
    ("text", "offset", "event"),
    [
        ("50 s", 50.0, Event.SUBSCRIBED),
        ("0 s", 0.0, Event.SUBSCRIBED),
        ("2 min after subscribed", 120.0, Event.SUBSCRIBED),
        ("2 min after registered", 120.0, Event.SUBSCRIBED),
        ("5 s after reconnected", 5.0, Event.RECONNECTED),
        ("500 ms after  refreshed ", 0.5, Event.REFRESHED),
        ("1 s after ringing", 1.0, Event.RINGING),
        ("while the INVITE  is pending", 0.0, Event.RINGING),
        ("2 s before the refresh", -2.0, Event.REFRESH_DUE),
    ],
)
def test_forms(text: str, offset: float, event: Event) -> None:
    """A time alone, or a time and an event."""
    assert When.parse(text) == When(offset=offset, event=event)


@pytest.mark.parametrize(
    "text",
    [
        "50 s",
        "5 s after reconnected",
        "500 ms after refreshed",
        "2 s before the refresh",
        "1 s after ringing",
        "while the INVITE is pending",
    ],
)
def test_shown_as_written(text: str) -> None:
    """What a moment is shown as can be read again."""
    assert str(When.parse(text)) == text
    assert When.parse(str(When.parse(text))) == When.parse(text)


def test_only_a_time_is_known_before_the_run() -> None:
    """The loader can check a time against the run's end, and nothing else."""
    assert When.parse("50 s after subscribed").fixed == 50.0
    assert When.parse("50 s after reconnected").fixed is None


@pytest.mark.parametrize(
    "text",
    ["", "soon", "after reconnected", "5 s after", "-5 s", "5 s before subscribed", "5 s before registered", 5, None],
)
def test_anything_else(text: object) -> None:
    """What is wrong, and what is allowed, in one message."""
    with pytest.raises(ValueError, match=r"^[^;]+; .+"):
        When.parse(text)
