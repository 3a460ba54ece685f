"""``lab list``: everything of one kind, a line each, for any width of the window."""

from __future__ import annotations

import json as json_text
import sys
import textwrap
from collections.abc import Iterator, Sequence

from lab.errors import EXIT_CLAIMS_HOLD
from lab.loader import catalog
from lab.model import wire
from lab.model.middlebox import FilteringBehavior, Grade, MappingBehavior, Middlebox
from lab.reference import things
from lab.report import terminal
from lab.units import Seconds

MIDDLEBOXES = "middleboxes"
GAP = "  "
WIDEST = 100
"""Columns of running text."""
NARROWEST = 20
"""Columns for the text beside a name; where there are fewer it stands below."""

MAPPING = dict(zip(MappingBehavior, ("EIM", "ADM", "APDM"), strict=True))
FILTERING = dict(zip(FilteringBehavior, ("EIF", "ADF", "APDF"), strict=True))
GRADES = {grade: grade.value[0].upper() if grade is Grade.SYNTHETIC else grade.value[0] for grade in Grade}

LEGEND = """\
TCP, UDP: idle time after which a flow is forgotten; of UDP before and after it was answered.
Forgotten flow meets: of TCP; `lab show NAME` says what the words mean.
NAT: mapping/filtering (RFC 4787): EIM, EIF endpoint-independent; ADM, ADF address-dependent; APDM, APDF \
address-and-port-dependent.
ev., evidence: how well the values of TCP, UDP and forgotten are known: m measured, d documented, s secondary (others \
say so), a assumed, S synthetic (made up on purpose). `lab show NAME` has all values and the sources.
"""


def print_list(kind: str, *, json: bool, names: Sequence[str] = ()) -> int:
    """Print all there is of a kind, or, in JSON, some of it.

    Raises:
        ScenarioError: there is nothing of a name.
    """
    found = things.kind(kind)
    if json:
        document = as_json(found, names or found.names())
        sys.stdout.write(json_text.dumps(document, indent=2) + "\n")
        return EXIT_CLAIMS_HOLD
    console = terminal.console(stderr=False)
    for line in middleboxes(console.width) if kind == MIDDLEBOXES else lines(found, console.width):
        console.print(line, markup=False, soft_wrap=True)
    return EXIT_CLAIMS_HOLD


def as_json(kind: things.Kind, names: Sequence[str]) -> list[object]:
    """Return things of a kind as JSON values: a profile with all its values, else the name and what it is."""
    things.check(kind.names(), names)
    if kind.name == MIDDLEBOXES:
        return [wire.to_json(catalog.middlebox(name)) for name in names]
    return [{"name": name, "what": kind.summary(name)} for name in names]


def lines(kind: things.Kind, width: int) -> Iterator[str]:
    """Yield a line for each thing, its name first; longer texts are continued beneath themselves."""
    names = list(kind.names())
    longest = max(map(len, names))
    width = min(width, WIDEST)
    indent = longest + len(GAP)
    if width - indent < NARROWEST:
        indent = 4
    for name in names:
        text = textwrap.wrap(kind.summary(name), width - indent, break_on_hyphens=False) or [""]
        if indent == 4:
            yield name
        else:
            yield f"{name:{longest}}{GAP}{text.pop(0)}".rstrip()
        yield from (" " * indent + line for line in text)


def middleboxes(width: int) -> Iterator[str]:
    """Yield the profiles' main values as a table of less than 80 columns, and what its abbreviations mean."""
    head = ("middlebox", "TCP", "UDP", "forgotten flow meets", "NAT", "ev.")
    rows = [head, *(_row(catalog.middlebox(name)) for name in catalog.middlebox_names())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for number, row in enumerate(rows):
        yield GAP.join(f"{text:{column}}" for text, column in zip(row, widths, strict=True)).rstrip()
        if not number:
            yield "─" * (sum(widths) + len(GAP) * (len(head) - 1))
    yield ""
    for sentence in LEGEND.splitlines():
        yield from textwrap.wrap(sentence, min(width, WIDEST), subsequent_indent=GAP, break_on_hyphens=False)


def _row(profile: Middlebox) -> tuple[str, ...]:
    known = profile.evidence
    new, answered = _short(profile.new_udp_timer), _short(profile.udp_mapping_timer)
    return (
        profile.name,
        _short(profile.established_idle_timeout),
        answered if new == answered else f"{new}/{answered}",
        profile.forgotten.value,
        f"{MAPPING[profile.mapping]}/{FILTERING[profile.filtering]}",
        "".join(GRADES[grade] for grade in (known.tcp, known.udp, known.forgotten)),
    )


def _short(value: Seconds | None) -> str:
    """Return a timer as briefly as it can be said exactly: `60s`, `5d`, `2h4m`."""
    if value is None:
        return "never"
    rest, told = int(value), ""
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds > 60 or int(value) >= 600 or unit == "s":
            number, rest = divmod(rest, seconds)
            told += f"{number}{unit}" if number else ""
    return told or "0s"
