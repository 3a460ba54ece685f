"""Explains by somebody in between who ended the connection: a middlebox that forgot it, or that forged a segment."""

from __future__ import annotations

from collections.abc import Iterator

from lab.importing.breaks import Break, Kind
from lab.importing.case import Case
from lab.importing.endings import By, Ending
from lab.importing.hypothesis import Hypothesis

SHORTEST_TIMER_S = 20.0
"""No middlebox of the catalogue forgets sooner than after 30 s; with room for one that does."""
DECIDE = "a connection that is left idle for longer behind the same middlebox: whether it ends after the same time"


def explain(case: Case) -> Iterator[Hypothesis]:
    """Yield the explanations of a segment that neither end sent."""
    main = case.main
    if main is None:
        return
    over = main.ending or _ending_at(case, main)
    if over is None or over.by is not By.MIDDLE:
        return
    story, flag = case.story, over.how.lower().replace("close_notify", "fin")
    good = over.t - over.idle_s
    text = f"A {over.how} ended the connection for {_whom(over)}, which the other end had not sent"
    at = story.at(over.t)
    if over.answers:
        how = "rst-to-sender" if over.to != "client" else "rst-to-inside"
        longer = over.idle_s > case.survived_s
        text += f"; it answered a packet that came after {over.idle_s:.1f} s of silence."
        yield Hypothesis(
            name=how,
            cause="middlebox-forgot-flow",
            score=0.9 if longer and over.idle_s >= SHORTEST_TIMER_S else 0.3,
            text=f"{text} The middlebox had forgotten the connection.",
            at=(good + max(case.survived_s, 1.0) + good + over.idle_s) / 2,
            within=(over.idle_s - min(case.survived_s, over.idle_s)) / 2 + 1,
            forgets=True,
            middlebox={"forgotten": how},
            decide=DECIDE,
        )
        yield Hypothesis(
            name=f"reboot-{how}",
            cause="middlebox-lost-table",
            score=0.4,
            text=f"{text} The middlebox had lost its table.",
            at=(good + over.t) / 2,
            within=(over.t - good) / 2 + 1,
            middlebox={"forgotten": how},
            faults=({"reboot": {"at": story.at((good + over.t) / 2), "node": "home-nat"}},),
            decide="the middlebox's uptime, or what became of other connections through it",
        )
        return
    how = "fin-to-inside-at-expiry" if flag == "fin" else "rst-to-both-at-expiry"
    fits = over.idle_s > case.survived_s and over.idle_s >= SHORTEST_TIMER_S
    if fits and (flag == "rst" or over.to == "client"):
        yield Hypothesis(
            name=how,
            cause="middlebox-forgot-flow",
            score=0.8,
            at=over.t,
            within=1.5,
            forgets=True,
            middlebox={"forgotten": how, "established-idle-timeout": f"{round(over.idle_s)} s"},
            text=f"{text}, after {over.idle_s:.1f} s of silence: a middlebox that says so when it forgets.",
            decide=DECIDE,
        )
    yield Hypothesis(
        name=f"forged-{flag}",
        cause=f"forged-{flag}",
        score=0.6 if fits else 0.9,
        at=over.t,
        within=1.0,
        text=f"{text}: somebody in between forged it.",
        faults=({"forged-segment": {"at": at, "node": "home-nat", "flag": flag, "to": over.to}},),
        decide=DECIDE if fits else "",
    )


def _ending_at(case: Case, main: Break) -> Ending | None:
    """Return the end of the connection that came at once after the first lost packet."""
    return next(
        (
            each.ending
            for each in case.breaks
            if each.kind is Kind.ENDED and each.flow is main.flow and each.ending and each.bad - main.bad < 1.0
        ),
        None,
    )


def _whom(over: Ending) -> str:
    return {"both": "both ends"}.get(over.to, f"the {over.to}")
