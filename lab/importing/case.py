"""Brings together what is known of an account: story, breaks, brackets, lost probes, gaps. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lab.importing.brackets import Bracket, brackets
from lab.importing.breaks import Break, Kind, breaks
from lab.importing.facts import Ended, Why
from lab.importing.silences import Silence, silences
from lab.importing.story import IN_TIME_S, SET_UP_S, Story
from lab.importing.transactions import Transaction

SOON_BACK_S = 5.0
"""A client that is out of reach for less is not said to be: the lab's probes wait so long (`Probe.within`)."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which a part of the account had no way in: its connection had ended, and it had no other.

    Attributes:
        begins, ends: times.
        method: ``REGISTER`` or ``SUBSCRIBE``: which part of the account.
        expired: whether it had expired, instead.
    """

    begins: float
    ends: float
    method: str
    expired: bool = False

    @property
    def what(self) -> str:
        """The thing that was missing, in a clause."""
        part = "registration" if self.method == "REGISTER" else "subscription"
        return f"the {part} had expired" if self.expired else f"the {part} had no working connection"


@dataclass(frozen=True, slots=True)
class Case:
    """An account, and all that is known of it.

    Attributes:
        story: what it did.
        breaks: what stopped working.
        silences: on its flows, and on others of the same hosts.
        brackets: of the timers of the middlebox.
        lost: probes that the client did not accept.
        main: the break that matters: that of the first lost probe, else the first that left a gap, else the first.
        gap: the first time without a way in.
    """

    story: Story
    breaks: tuple[Break, ...]
    silences: tuple[Silence, ...]
    brackets: tuple[Bracket, ...]
    lost: tuple[Transaction, ...]
    main: Break | None
    gap: Gap | None

    @property
    def fails(self) -> bool:
        """True if the client was out of reach when somebody tried, or could have been tried."""
        return bool(self.lost) or self.gap is not None or self.never_set_up

    @property
    def never_set_up(self) -> bool:
        """True if the client asked for its account and nothing was granted."""
        asks = (*self.story.asked("REGISTER"), *self.story.asked("SUBSCRIBE"))
        return bool(asks) and not any(200 <= code < 300 for code in self.story.answers)

    @property
    def survived_s(self) -> float:
        """The longest silence that the main break's kind of flow survived."""
        stream = self.main is not None and self.main.flow.is_stream
        tests = [each for each in self.silences if each.flow.is_stream is stream and (stream or not each.up)]
        return max((each.seconds for each in tests if each.survived), default=0.0)


def case_of(story: Story) -> Case:
    """Bring together what is known of an account."""
    found = breaks(story)
    quiet = [each for flow in (*story.flows, *story.others) for each in silences(flow, story.all)]
    lost = tuple(each for each in story.probes if not reached(each))
    gap = _gap(story, found) or _expiry(story)
    return Case(
        story=story,
        breaks=tuple(found),
        silences=tuple(quiet),
        brackets=tuple(brackets(quiet)),
        lost=lost,
        main=_main(found, lost, gap),
        gap=gap,
    )


def reached(probe: Transaction) -> bool:
    """Return whether a client accepted a request in time; an INVITE that rang or was declined reached it, too."""
    told = [each for each in probe.responses if getattr(each.fact, "code", 0) > 100 and each.arrived is not False]
    if not told or told[0].t - probe.t > IN_TIME_S:
        return False
    return probe.method == "INVITE" or 200 <= probe.code < 300


def _gap(story: Story, found: list[Break]) -> Gap | None:
    """Return the first time in which a connection had ended or was dead, and no other had begun."""
    for each in found:
        if each.kind not in (Kind.ENDED, Kind.LOST) or each.again is not None:
            continue
        if each.flow is not story.flow_at(each.bad):
            continue
        begins = each.bad if each.kind is Kind.ENDED else max(each.good, each.bad - SOON_BACK_S)
        for method in ("SUBSCRIBE", "REGISTER"):
            if not any(one.granted is not None and one.flow is each.flow for one in story.asked(method)):
                continue
            ends = _back(story, each, method)
            if _idle_to_the_end(each, ends, story):
                ends = begins + 2 * SOON_BACK_S
            if ends - begins > SOON_BACK_S and not _unsubscribed(story, each.bad):
                return Gap(begins, ends, method)
    return None


def _expiry(story: Story) -> Gap | None:
    """Return the first time after the expiry of a grant that nothing had renewed."""
    for method in ("REGISTER", "SUBSCRIBE"):
        for t, over, renewed in grants(story, method):
            ends = story.end if renewed is None else renewed
            if over > max(t, story.zero) and ends - over > SOON_BACK_S:
                return Gap(over, ends, method, expired=True)
    return None


def grants(story: Story, method: str) -> list[tuple[float, float, float | None]]:
    """Return when each grant began, when it was over, and when the next one began; a removal is a grant of 0 s."""
    found = [
        (each.final.t, each.granted.expires)
        for each in story.asked(method)
        if each.granted is not None and each.final is not None and each.granted.expires is not None
    ]
    later = [t for t, _ in found[1:]]
    return [
        (t, t + expires, next_one) for (t, expires), next_one in zip(found, [*later, None], strict=False) if expires > 0
    ]


def _idle_to_the_end(each: Break, ends: float, story: Story) -> bool:
    """Return whether a log says that its program's idle timer ended a connection, and nothing after that.

    A program without a connection has nothing to say, so the log ends there although the program runs on.
    """
    told = any(isinstance(event.fact, Ended) and event.fact.why is Why.IDLE_TIMER for event in each.flow.events)
    return told and each.kind is Kind.ENDED and ends == story.end


def _back(story: Story, after: Break, method: str) -> float:
    """Return when a request that was granted on another flow brought a part of the account back; else the end."""
    for one in story.asked(method):
        if one.granted is not None and one.final is not None and one.t > after.bad and one.flow is not after.flow:
            return one.final.t
    return story.end


def _unsubscribed(story: Story, t: float) -> bool:
    """Return whether the client had taken its account back just before."""
    return any(
        one.up and one.method in ("REGISTER", "SUBSCRIBE") and one.message.expires == 0 and 0 <= t - one.t <= SET_UP_S
        for one in story.all
    )


def _main(found: list[Break], lost: tuple[Transaction, ...], gap: Gap | None) -> Break | None:
    for probe in lost:
        before = [
            each for each in found if each.bad <= probe.t + 0.001 and (each.again is None or each.again > probe.t)
        ]
        of_flow = [each for each in before if each.flow is probe.flow] or before
        if of_flow:
            return of_flow[0]
        after = [each for each in found if each.flow is probe.flow and each.bad >= probe.t]
        if after:
            return after[0]
    if gap is not None:
        return next((each for each in found if each.bad >= gap.begins - SOON_BACK_S), None)
    return found[0] if found else None
