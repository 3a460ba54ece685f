"""Tells the reading of a case in sentences, with frame numbers. Pure.

No sentence has anything from a message but method, status code and times.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.importing.case import Case, reached
from lab.importing.endings import By
from lab.importing.facts import Place
from lab.importing.hypothesis import Hypothesis
from lab.importing.middlebox import bracket_text
from lab.importing.silences import ANSWERED_S
from lab.importing.story import Story
from lab.units import counted

MOST_UNANSWERED = 4
"""Requests of the client without an answer that are told one by one."""
MOST_PROBES = 8
"""Probes that are told one by one."""


def frame(place: Place, story: Story) -> str:
    """Return a place: ``frame 12``, with the file's number if there are several files."""
    several = len({event.place.file for flow in story.flows for event in flow.events[:1]}) > 1
    return f"frame {place.number}" + (f" of file {place.file + 1}" if several else "")


def reading(case: Case, hypothesis: Hypothesis) -> list[str]:
    """Return the reading of a case, with one explanation, in sentences."""
    return [*observed(case), hypothesis.text]


def observed(case: Case) -> list[str]:
    """Return what was seen, without its explanation."""
    story = case.story
    return [
        *_setup(story),
        *_sent(story),
        *_ends(case),
        *_unanswered(story),
        *_probes(case),
        *_gap(case),
        *_brackets(case),
    ]


def _setup(story: Story) -> Iterator[str]:
    where = (
        "both sides"
        if story.sides.both
        else "the client's side"
        if story.sides.near
        else "the server's side"
        if story.sides.far
        else "somewhere"
    )
    yield f"Seen from {where}, over {story.transport.upper()}, for {story.end - story.start:.0f} s."
    if story.guessed:
        yield "TLS could not be opened: messages are guessed from the sizes, directions and times of records."
    for method, done in (("REGISTER", "registered"), ("SUBSCRIBE", "subscribed")):
        asks = story.asked(method)
        if not asks:
            continue
        ok = next((each for each in asks if each.granted is not None), None)
        if ok is None or ok.granted is None or ok.final is None:
            codes = ", ".join(map(str, sorted(set(story.answers))))
            damaged = any(200 <= code < 300 for code in story.answers)
            answers = (
                "answers that belong to none of them" if damaged else "answered only" if codes else "never answered"
            )
            answers = f"{answers} {codes}".rstrip()
            sent = sum(len(each.requests) for each in asks)
            yield (
                f"{counted(len(asks), method)} (sent {counted(sent, 'time')}, the first in"
                f" {frame(asks[0].place, story)}): {answers}."
            )
        else:
            expires = "" if not ok.granted.expires else f" for {ok.granted.expires} s"
            challenged = " after a challenge" if any(each.code in (401, 407) for each in asks) else ""
            yield (
                f"The client {done}{expires}{challenged} ({frame(ok.place, story)} to {frame(ok.final.place, story)})."
            )
    if not story.has_setup:
        yield "The set-up of the account is not in the file; times count from its first message."


def _sent(story: Story) -> Iterator[str]:
    for each in story.periods:
        who = "The client" if each.up else "The server"
        how_often = counted(each.count, "time")
        yield f"{who} sent {each.what} {how_often}, every {each.interval_s:.1f} s (from {frame(each.first, story)})."


def _ends(case: Case) -> Iterator[str]:
    story = case.story
    for each in case.breaks:
        over = each.ending
        if over is not None:
            how = "" if over.by is not By.MIDDLE else ", in the other end's name"
            yield (
                f"At {story.at(over.t):.1f} s {over.by.value} ended a connection with {over.how}{how}, after"
                f" {over.idle_s:.1f} s"
                f" without a packet and {over.since_sip_s:.1f} s without SIP ({frame(over.place, story)})."
            )


def _unanswered(story: Story) -> Iterator[str]:
    """Yield the client's requests that had no final answer, but for those of a set-up that failed."""
    lost = [each for each in story.all if each.up and each.final is None and story.end - each.t > ANSWERED_S]
    told = [each for each in lost if each.t > story.zero]
    for each in told[:MOST_UNANSWERED]:
        sent = counted(len(each.requests), "time")
        what = "had no final answer" if each.responses else "was not answered"
        when = f"{story.at(each.t):.1f} s ({frame(each.place, story)})"
        yield f"{each.method} of the client at {when} {what}, sent {sent}."
    if len(told) > MOST_UNANSWERED:
        yield f"So it was with {counted(len(told) - MOST_UNANSWERED, 'further request')} of the client."


def _probes(case: Case) -> Iterator[str]:
    story = case.story
    for each in story.probes[:MOST_PROBES]:
        came = reached(each)
        if each.method == "INVITE" and each.code >= 300 and came:
            outcome = f"reached the client, which answered {each.code}"
        elif came:
            outcome = f"was answered {each.code or 'provisionally'}"
        elif each.came is False:
            outcome = f"did not arrive, sent {counted(len(each.requests), 'time')}"
        elif each.came and each.answer_came is False and each.responses:
            outcome = "arrived, and its answer was lost"
        else:
            outcome = (
                f"was not answered, sent {counted(len(each.requests), 'time')}"
                if not each.code
                else f"was answered {each.code}"
            )
        yield f"{each.method} of the server at {story.at(each.t):.1f} s ({frame(each.place, story)}) {outcome}."
    if len(story.probes) > MOST_PROBES:
        yield (
            f"{counted(len(story.probes) - MOST_PROBES, 'more request')} of the server, of which"
            f" {sum(not reached(each) for each in story.probes[MOST_PROBES:])} were not accepted."
        )


def _gap(case: Case) -> Iterator[str]:
    if case.gap is not None and not case.lost:
        story, gap = case.story, case.gap
        when = f"From {story.at(gap.begins):.1f} s to {story.at(gap.ends):.1f} s"
        yield f"{when} {gap.what}. Nobody tried to reach it then; the probe of the scenario at that time is the lab's."


def _brackets(case: Case) -> Iterator[str]:
    for each in case.brackets:
        whose = "client" if each.up else "server"
        against = " No idle timer explains both." if each.contradicts else ""
        yield f"{each.protocol.upper()}, silence ended by the {whose}: {bracket_text(each.alive, each.dead)}.{against}"
