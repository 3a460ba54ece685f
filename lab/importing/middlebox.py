"""Makes the middlebox of a scenario: values inside the brackets, and a word on what is known of each. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from lab.importing.brackets import combined
from lab.importing.case import Case
from lab.importing.hypothesis import Hypothesis
from lab.importing.silences import Silence
from lab.loader import catalog

NAME = "as-measured"


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer of the middlebox.

    Attributes:
        key: of the scenario.
        value: as the scenario has it; None: it is left out.
        alive, dead: the silences that bracket it.
        known: ``bracketed`` from both sides, ``at-least`` from below, or ``unknown``.
    """

    key: str
    value: str | None
    alive: Silence | None
    dead: Silence | None
    known: str


def timers(case: Case, hypothesis: Hypothesis) -> list[Timer]:
    """Return the idle timers of TCP and UDP for one explanation."""
    found = []
    for protocol, key in (("tcp", "established-idle-timeout"), ("udp", "udp-mapping-timer")):
        alive, dead = combined(case.brackets, protocol)
        ours = (case.story.transport != "udp") is (protocol == "tcp")
        if not ours or not hypothesis.forgets or (dead is None and key not in hypothesis.middlebox):
            value = _beyond(alive) if protocol == "udp" and ours else None
            found.append(Timer(key, value, alive, None, "unknown" if alive is None else "at-least"))
            continue
        given = hypothesis.middlebox.get(key)
        found.append(Timer(key, str(given) if given else _inside(key, alive, dead), alive, dead, "bracketed"))
    return found


def _inside(key: str, alive: Silence | None, dead: Silence | None) -> str:
    """Return the value inside a bracket that most profiles of the catalogue have; if none fits, its middle."""
    low = 1.0 if alive is None else alive.seconds
    high = 86_400.0 if dead is None else dead.seconds
    known = Counter(
        value
        for name in catalog.middlebox_names()
        if (value := getattr(catalog.middlebox(name), key.replace("-", "_")))
    )
    fits = [(count, -value) for value, count in known.items() if low + 1 <= value <= high - 1]
    value = -max(fits)[1] if fits else max(1, round((low * high) ** 0.5))
    return f"{value:g} s"


def _beyond(alive: Silence | None) -> str | None:
    """Return a timer that has not struck: the RFC's 300 s, or longer than what was survived."""
    return None if alive is None or alive.seconds < 290 else f"{2 * round(alive.seconds)} s"


def middlebox(case: Case, hypothesis: Hypothesis, measured: str) -> dict[str, Any]:
    """Return the middlebox as a scenario has it; ``measured`` names where its values come from."""
    values: dict[str, Any] = {"name": NAME}
    said, unknown = [], []
    grades = dict.fromkeys(("tcp", "udp", "forgotten", "refresh", "translation"), "assumed")
    for timer in timers(case, hypothesis):
        protocol = "udp" if timer.key.startswith("udp") else "tcp"
        if timer.value is not None:
            values[timer.key] = timer.value
        if timer.known == "bracketed":
            grades[protocol] = "measured"
            said.append(f"{protocol.upper()} {bracket_text(timer.alive, timer.dead)}")
        elif timer.known == "at-least" and timer.alive is not None:
            said.append(f"{protocol.upper()} survived {timer.alive.seconds:.1f} s, its timer is not known")
        else:
            unknown.append(f"the {protocol.upper()} timer")
    values |= {key: value for key, value in hypothesis.middlebox.items() if key not in values}
    if "forgotten" in hypothesis.middlebox:
        grades["forgotten"] = "measured"
    unknown += [f"{group}" for group in ("refresh", "translation") if grades[group] == "assumed"]
    known = "; ".join(said) or "no timer showed"
    values["source"] = f"measured in {measured}: {known}; not known: {', '.join(unknown)}"
    values["evidence"] = {group: grade for group, grade in grades.items() if grade == "measured"}
    return values if values["evidence"] else {key: value for key, value in values.items() if key != "evidence"}


def bracket_text(alive: Silence | None, dead: Silence | None) -> str:
    """Return a bracket in words, with frames."""
    lived = "" if alive is None else f"survived {_told(alive)}"
    died = "" if dead is None else f"did not survive {_told(dead)}"
    return ", ".join(part for part in (lived, died) if part)


def _told(one: Silence) -> str:
    where = "" if one.flow.carries_sip else " of another connection of these hosts"
    return f"{one.seconds:.1f} s (frames {one.before.number} to {one.place.number}{where})"
