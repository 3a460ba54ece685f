"""Explains packets that were lost from some moment on: the middlebox forgot, rebooted, or dropped the flow."""

from __future__ import annotations

from collections.abc import Iterator

from lab.importing.breaks import Break, Kind
from lab.importing.case import Case
from lab.importing.flows import Flow
from lab.importing.hypothesis import Hypothesis
from lab.importing.silences import losses

SHORTEST_TIMER_S = 20.0
"""No middlebox of the catalogue forgets sooner than after 30 s; with room for one that does."""
_ANOTHER = "whether another connection through the same middlebox that is left idle as long dies, too"
_OTHERS = "what became of other connections through the same middlebox at that time, or its uptime"


def explain(case: Case) -> Iterator[Hypothesis]:
    """Yield the explanations of packets that were lost silently."""
    main = case.main
    if main is None or main.kind is not Kind.LOST or _reset(case, main):
        return
    story = case.story
    good, bad = main.good, main.bad
    quiet = bad - good
    middle, spread = (good + bad) / 2, (bad - good) / 2
    at = story.at(middle)
    told = (
        f"The last packet that came through was at {story.at(good):.1f} s, the first one that did not at"
        f" {story.at(bad):.1f} s"
    )
    longer = quiet > case.survived_s + 0.5 and quiet >= SHORTEST_TIMER_S
    upwards = main.up_lost is True and not main.flow.is_stream
    if upwards:
        yield from _upwards(case, main, told)
        return
    if longer:
        picks_up = main.flow.is_stream and main.again is not None and main.up_lost is not True
        low = max(case.survived_s, 1.0)
        yield Hypothesis(
            name="forgot-flow",
            cause="middlebox-forgot-flow",
            score=0.85,
            forgets=True,
            at=good + (low + quiet) / 2,
            within=(quiet - low) / 2 + 1,
            middlebox={"forgotten": "repickup-from-inside"} if picks_up else {},
            text=f"{told}: a middlebox that forgets a flow after between {low:.0f} s and {quiet:.0f} s of silence"
            f" explains it.",
            decide=_ANOTHER,
        )
    if main.again is not None and not (not main.flow.is_stream and main.up_lost is not True):
        lasts = (main.last_bad + main.again) / 2 - middle
        yield Hypothesis(
            name="link-down",
            cause="link-down",
            score=0.4 if longer else 0.8,
            at=middle,
            within=spread + 1,
            text=f"{told}, and at {story.at(main.again):.1f} s the same flow worked again: a link carried nothing"
            f" meanwhile.",
            faults=({"link-down": {"at": at, "link": "access", "lasts": lasts}},),
            decide="what became of other traffic on the same access at that time",
        )
        return
    address = _new_address(case, main)
    other = _others(case, main)
    yield Hypothesis(
        name="new-address" if address else "reboot",
        cause="middlebox-new-address" if address else "middlebox-lost-table",
        score=(0.9 if address else 0.3 if longer else 0.7) - (0.4 if other == "lived" else 0.0),
        at=middle,
        within=spread + 1,
        text=f"{told}: a middlebox that lost its table in"
        f" between{', and came back with another address,' if address else ''} explains it.",
        faults=({"reboot": {"at": at, "node": "home-nat", **({"address": "198.51.100.99"} if address else {})}},),
        decide=_OTHERS,
    )
    yield Hypothesis(
        name="evicted",
        cause="middlebox-evicted-flow",
        score=(0.2 if longer else 0.35) + (0.3 if other == "lived" else 0.0),
        at=middle,
        within=spread + 1,
        text=f"{told}: a middlebox that gave up this flow alone to make room explains it.",
        faults=({"evict-flow": {"at": at, "node": "home-nat"}},),
        decide=_OTHERS,
    )
    if main.up_lost is not False:
        yield Hypothesis(
            name="black-hole",
            cause="flow-black-holed",
            score=0.15 if longer else 0.3,
            at=middle,
            within=spread + 1,
            text=f"{told}: somebody on the way drops this flow, whatever the middlebox knows.",
            faults=({"black-hole": {"at": at, "node": "home-nat"}},),
            decide=_OTHERS,
        )


def _upwards(case: Case, main: Break, told: str) -> Iterator[Hypothesis]:
    """Yield the explanations of packets that the client sent over UDP in vain.

    No NAT that forgot them explains it: a packet from inside makes a new mapping.
    """
    story = case.story
    at, middle = story.at((main.good + main.bad) / 2), (main.good + main.bad) / 2
    lasts = {} if main.again is None else {"lasts": (main.last_bad + main.again) / 2 - middle}
    spread = (main.bad - main.good) / 2 + 1
    seen_there = story.sides.far is not None
    if lasts:
        yield Hypothesis(
            name="link-down",
            cause="link-down",
            score=0.8,
            at=middle,
            within=spread,
            text=f"{told}; from {story.at(main.again or 0.0):.1f} s on it worked: a link carried nothing meanwhile.",
            faults=({"link-down": {"at": at, "link": "access", **lasts}},),
            decide=_OTHERS,
        )
    yield Hypothesis(
        name="black-hole",
        cause="flow-black-holed",
        score=0.7,
        at=middle,
        within=spread,
        text=f"{told}, and it came from the client, for which a NAT makes a new mapping: somebody drops this flow.",
        faults=({"black-hole": {"at": at, "node": "home-nat", **lasts}},),
        decide="a capture at the server: whether the requests arrive there",
    )
    if not seen_there:
        yield Hypothesis(
            name="server-mute",
            cause="server-mute",
            score=0.6,
            at=middle,
            within=spread,
            text=f"{told}: a server that does not answer looks the same from the client's side.",
            faults=({"server-mute": {"at": at, **lasts}},),
            decide="a capture at the server: whether the requests arrive there",
        )


def _reset(case: Case, main: Break) -> bool:
    """Return whether a RST or FIN that neither end sent came with the first lost packet."""
    return any(
        each.kind is Kind.ENDED
        and each.flow is main.flow
        and 0 <= each.bad - main.bad < 1.0
        and each.ending is not None
        and each.ending.by.name == "MIDDLE"
        for each in case.breaks
    )


def _new_address(case: Case, main: Break) -> bool:
    """Return whether the client shows another outside address afterwards, behind the same inside one."""

    def outside(flow: Flow) -> str:
        return flow.outside.host if flow.outside else ""

    before = outside(main.flow)
    later = [flow for flow in (*case.story.flows, *case.story.others) if flow.end > main.bad and outside(flow)]
    return bool(before) and any(outside(flow) != before and flow.client.host == main.flow.client.host for flow in later)


def _others(case: Case, main: Break) -> str:
    """Return what became of another flow of the same hosts: ``lived``, ``died``; empty: nothing is known."""
    for flow in case.story.others:
        if flow.start < main.good and flow.end > main.bad:
            after = [gone for event, gone in losses(flow, ()) if event.t >= main.good]
            if after:
                return "lived" if not after[0] else "died"
    return ""
