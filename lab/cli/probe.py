"""Implements ``lab probe``: the helper outside a NAT, and the measurement from inside."""

from __future__ import annotations

import asyncio
import json as json_text
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from lab.errors import EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.model.rules import kebab
from lab.nat_probe import findings, profile, responder, stun
from lab.nat_probe.bracket import Bracket
from lab.nat_probe.findings import Findings
from lab.nat_probe.measure import Limits, ask_translation
from lab.nat_probe.measure import measure as measure_all
from lab.nat_probe.session import ResponderError, ResponderSession
from lab.nat_probe.translation import OTHER_PORT, AskStun
from lab.report import terminal
from lab.units import Seconds, short_time
from lab.visible_text import visible

SERVE, MEASURE = "lab probe serve", "lab probe measure"


@dataclass(frozen=True, kw_only=True)
class Serving:
    """The options of ``lab probe serve``."""

    address: str
    second_address: str
    port: int | None
    sip: bool
    rate: float
    longest: str
    program: bool


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """The options of ``lab probe measure``."""

    host: str
    port: int | None
    stun: bool
    longest: str
    flows: int
    resolution: str
    state: Path | None
    name: str
    out: Path | None
    json: bool


def serve(told: Serving) -> int:
    """Run the responder until interrupted, or print its program.

    Raises:
        ScenarioError: a time that is none.
    """
    problems: list[Problem] = []
    longest = _seconds(SERVE, "--longest", told.longest, problems)
    if problems:
        raise ScenarioError(problems)
    if told.program:
        sys.stdout.write(Path(responder.__file__).read_text("utf-8"))
        return EXIT_CLAIMS_HOLD
    options = {
        "--address": told.address,
        "--second-address": told.second_address,
        "--port": told.port or responder.PORT,
        "--rate": told.rate,
        "--longest": longest,
    }
    given = [f"{name}={value}" for name, value in options.items()]
    return responder.main([*given, *([] if told.sip else ["--no-sip"])])


def measure(told: Measuring) -> int:
    """Measure the NAT in front of this host, and print its profile.

    Raises:
        ScenarioError: an option, or the state file, is wrong.
        ResponderError: the host cannot be used.
    """
    problems: list[Problem] = []
    secret = os.environ.get(responder.SECRET, "")
    if not secret and not told.stun:
        what = "set it to what `lab probe serve` has, or printed"
        problems.append(Problem(MEASURE, 0, responder.SECRET, "is not set", allowed=what))
    longest = _seconds(MEASURE, "--longest", told.longest, problems)
    resolution = _seconds(MEASURE, "--resolution", told.resolution, problems)
    if told.out is not None and not told.out.parent.is_dir():
        problems.append(Problem(str(told.out), 0, "", "its folder does not exist"))
    if problems:
        raise ScenarioError(problems)
    port = told.port or (stun.PORT if told.stun else responder.PORT)
    where = f"{'stun:' if told.stun else ''}{told.host}:{port}"
    kept = findings.load(told.state or Path(f"lab-probe-{_file_name(told.host)}.json"), where)
    news = _News(json=told.json)
    limits = Limits(longest=longest, flows=told.flows, resolution=resolution)
    try:
        asyncio.run(
            _by_stun(told, port, kept, news) if told.stun else _measured(told, port, secret, kept, limits, news)
        )
    except KeyboardInterrupt:
        news.say(f"interrupted; the same command goes on with {kept.path}")
        raise
    except ResponderError:
        if kept.facts:
            news.say(f"what is measured is in {kept.path}; the same command goes on")
        raise
    _show(told, kept, news)
    return EXIT_CLAIMS_HOLD


async def _by_stun(told: Measuring, port: int, kept: Findings, news: _News) -> None:
    await ask_translation(await AskStun.open(told.host, port), kept, news)


async def _measured(told: Measuring, port: int, secret: str, kept: Findings, limits: Limits, news: _News) -> None:
    session = ResponderSession(told.host, port, secret)
    await session.open()
    before = kept.facts.setdefault("external", session.external)
    pool = kept.facts.get("ports", {}).get("addresses", [])
    if before != session.external and session.external not in pool:
        what = f"was measured behind {before}, this network has {session.external}"
        raise ScenarioError([Problem(str(kept.path), 0, "", what, allowed="use another --state")])
    if not session.has_raw:
        news.say("the responder does not run as root, so `repickup-on-new-port` looks like `rst-to-inside`")
    if len(session.endpoints) <= OTHER_PORT + 1:
        news.say("the responder has one address, so kinds of mapping and filtering by address look alike")
    if session.longest < limits.longest:
        news.say(f"the responder leaves flows idle for {short_time(session.longest)} at most")
    await measure_all(session, kept, limits, news)


class _News:
    """Prints answers as they come."""

    def __init__(self, *, json: bool) -> None:
        self._console = terminal.console(stderr=json)
        self._said: dict[str, str] = {}
        self._begun = time.monotonic()

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        self._console.print(Text(sentence))

    def answer(self, question: str, fact: Any) -> None:
        """Print an answer."""
        self._once(question, _words(fact))

    def timer(self, question: str, bracket: Bracket) -> None:
        """Print what is known of a timer, and how long the rest takes at most."""
        if bracket.next():
            until = f" to {Seconds(bracket.dead)}" if bracket.dead is not None else " or more"
            left = short_time(bracket.left_s())
            self._once(question, f"{Seconds(bracket.alive)}{until}; at most {left} more")
        elif bracket.dead is None:
            self._once(question, f"more than {Seconds(bracket.alive)}")
        else:
            self._once(question, f"{bracket.timer} s")

    def _once(self, question: str, words: str) -> None:
        if self._said.get(question) != words:
            self._said[question] = words
            self._console.print(Text(f"{short_time(time.monotonic() - self._begun):>8}  {question}: {words}"))


def _words(fact: Any) -> str:
    if isinstance(fact, list):
        return ", ".join(each or "unknown" for each in fact) or "none"
    if not isinstance(fact, dict):
        return str(fact) or "no"
    value = fact.get("value", fact if "unsure" not in fact else "unknown")
    if isinstance(value, dict):
        value = ", ".join(f"{name}: {_yes(each)}" for name, each in value.items())
    elif isinstance(value, list):
        value = ", ".join(map(str, value)) or "none"
    elif value is None:
        value = f"more than {Seconds(fact['alive'])}"
    return f"{value} ({fact['unsure']})" if "unsure" in fact else str(value)


def _yes(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _show(told: Measuring, kept: Findings, news: _News) -> None:
    source = f"measured with `lab probe` on {time.strftime('%Y-%m-%d')}"
    text = profile.text(kept, source=source)
    said = profile.advice(kept) if not told.stun else []
    if told.out is not None:
        told.out.write_text(text, encoding="utf-8")
        news.say(f"the profile is in {told.out}")
    if told.json:
        result = {
            "name": told.name,
            "values": [
                {"key": kebab(line.field), "value": line.value, "measured": line.sure, "note": line.note}
                for line in profile.lines(kept)
            ],
            "evidence": {group: grade.value for group, grade in profile.grades(kept).items()},
            "remarks": list(profile.remarks(kept)),
            "advice": said,
            "facts": kept.facts,
            "profile": text,
        }
        sys.stdout.write(json_text.dumps(result, indent=2) + "\n")
        return
    if told.out is None:
        news.say(f"\n# {told.name}.yaml\n{text}")
    for sentence in said:
        news.say(sentence)


def _seconds(command: str, option: str, given: str, problems: list[Problem]) -> float:
    try:
        value = float(Seconds.parse(given))
    except ValueError as problem:
        problems.append(Problem(command, 0, option, str(problem), given))
        return 1.0
    if value < 1:
        problems.append(Problem(command, 0, option, "is too short", given, "1 s or more"))
    return value


def _file_name(host: str) -> str:
    return "".join(character if character.isalnum() or character in ".-" else "-" for character in visible(host))
