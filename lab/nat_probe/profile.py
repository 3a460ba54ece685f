"""Makes a profile of the catalog from findings, and says which keep-alive interval is safe. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.model.middlebox import GROUPS, Grade, Middlebox, SipAlg
from lab.model.rules import kebab
from lab.nat_probe.bracket import Bracket
from lab.nat_probe.findings import Findings
from lab.units import Seconds

TIMERS = {
    "established_idle_timeout": "tcp-established",
    "transitory_timeout": "tcp-half-closed",
    "udp_mapping_timer": "udp-answered",
    "udp_one_way_timer": "udp-one-way",
}
"""The fields that are idle timers, and the names of their questions."""

FACTS = {
    "forgotten": "forgotten",
    "refresh_direction": "refresh-direction",
    "refreshing_segments": "refreshing-segments",
    "lifetime": "lifetime",
    "mapping": "mapping",
    "filtering": "filtering",
    "port_assignment": "ports",
    "hairpinning": "hairpinning",
    "sip_alg": "sip-alg",
}
"""The other fields, and theirs."""

_PONG_S = 10
"""RFC 5626 §4.4.1: a pong that takes longer means that the flow has failed."""


@dataclass(frozen=True)
class ProfileLine:
    """A key of a profile.

    Attributes:
        field: of ``Middlebox``.
        value: as YAML; empty: not known.
        note: how it was found, or why it is not known.
        sure: whether it was measured.
        seconds: a timer's value; None: it has none.
    """

    field: str
    value: str
    note: str
    sure: bool
    seconds: int | None = None

    def __str__(self) -> str:
        if not self.value:
            return f"# {kebab(self.field)}: {self.note}"
        return f"{kebab(self.field)}: {self.value}{f'    # {self.note}' if self.note else ''}"


def lines(findings: Findings) -> list[ProfileLine]:
    """Return the keys of the profile, in the order of the catalog."""
    return [
        _timer(name, findings.brackets.get(TIMERS[name]))
        if name in TIMERS
        else _fact(name, findings.facts.get(FACTS[name]))
        for name in GROUPS
    ]


def _timer(field: str, bracket: Bracket | None) -> ProfileLine:
    if bracket is None or (bracket.dead is None and not bracket.alive):
        return ProfileLine(field, "", "not measured", sure=False)
    if bracket.dead is None:
        return ProfileLine(field, "", f"more than {Seconds(bracket.alive)}; not waited for longer", sure=False)
    between = f"{bracket.alive:g} s survived, {bracket.dead:g} s not"
    if bracket.timer is None:
        return ProfileLine(field, "", f"not finished: {between}", sure=False)
    if not bracket.timer:
        return ProfileLine(field, "", f"below 1 s: {between}", sure=False)
    return ProfileLine(field, f"{bracket.timer} s", between, sure=True, seconds=bracket.timer)


def _fact(field: str, fact: Mapping[str, Any] | None) -> ProfileLine:
    if fact is None:
        return ProfileLine(field, "", "not measured", sure=False)
    unsure = str(fact.get("unsure", ""))
    if "value" not in fact:
        return ProfileLine(field, "", unsure, sure=False)
    value = fact["value"]
    if field == "lifetime":
        if value is None:
            return ProfileLine(
                field, "", f"more than {Seconds(fact['alive'])}, in use; not waited for longer", sure=False
            )
        return ProfileLine(
            field,
            f"{value} s",
            f"in use: {fact['alive']:g} s survived, {fact['dead']:g} s not",
            sure=True,
            seconds=value,
        )
    note = unsure
    if field == "sip_alg":
        value = f"[{', '.join(value)}]"
    elif field == "port_assignment":
        manner = str(fact["manner"])
        pool = len(fact["addresses"])
        note = "" if manner in ("preserved", "random") else f"{manner}; a profile has no word for that"
        note += f"{'; ' * bool(note)}outside addresses: {pool}" if pool > 1 else ""
    return ProfileLine(field, str(value), note, sure=not unsure)


def profile(findings: Findings, name: str) -> Middlebox:
    """Return the profile; what is not known has its default."""
    values: dict[str, Any] = {}
    types = {name: type(getattr(Middlebox(name="x"), name)) for name in GROUPS}
    for line in lines(findings):
        if line.seconds is not None:
            values[line.field] = Seconds(line.seconds)
        elif line.field == "sip_alg" and line.value:
            values[line.field] = tuple(SipAlg(each) for each in findings.facts["sip-alg"]["value"])
        elif line.value:
            values[line.field] = types[line.field](line.value)
    return Middlebox(name=name, **values)


def grades(findings: Findings) -> dict[str, Grade]:
    """Return how well each group of values is known: measured if all of its values are."""
    found: dict[str, Grade] = {}
    for line in lines(findings):
        group = GROUPS[line.field]
        grade = Grade.MEASURED if line.sure or _has_no_end(findings, line.field) else Grade.ASSUMED
        found[group] = grade if found.get(group, Grade.MEASURED) is Grade.MEASURED else Grade.ASSUMED
    return found


def _has_no_end(findings: Findings, field: str) -> bool:
    """Return whether mappings in use were not seen to end; that most devices do not end them is no weaker than that."""
    return field == "lifetime" and findings.facts.get("lifetime", {"value": 0}).get("value", 0) is None


def text(findings: Findings, *, source: str) -> str:
    """Return the profile as a file of the catalog."""
    evidence = ", ".join(f"{group}: {grade.value}" for group, grade in grades(findings).items())
    about = [f"# {sentence}" for sentence in remarks(findings)]
    return (
        "\n".join([*about, "source: >-", f"  {source}", *map(str, lines(findings)), f"evidence: {{ {evidence} }}"])
        + "\n"
    )


def remarks(findings: Findings) -> Iterator[str]:
    """Yield what is worth knowing and no profile can say."""
    facts = findings.facts
    if several := facts.get("several-nats"):
        yield f"Several NATs in a row: {several}. This profile is what all of them do together."
    if (fragments := facts.get("fragments")) and not (fragments["out"] and fragments["in"]):
        where = "in" if fragments["out"] else "out"
        yield f"IPv4 fragments do not get {where}; keep SIP over UDP below 1300 bytes (RFC 3261 §18.1.1)."
    if facts.get("untranslated"):
        yield "Addresses are not translated; this is a firewall, or no middlebox at all."
    for transport, changed in (facts.get("sip-alg") or {}).get("lines", {}).items():
        yield f"A SIP ALG changes requests over {transport.upper()}, for example: {changed[0]}"


def advice(findings: Findings) -> list[str]:
    """Return which keep-alive intervals to ship, a sentence for each transport."""
    known = {line.field: line for line in lines(findings)}
    life = known["lifetime"].seconds
    said = []
    udp = [each for name in ("udp_one_way_timer", "udp_mapping_timer") if (each := known[name].seconds)]
    if udp:
        shortest = min(udp)
        interval = max(1, (shortest - 1) // 2)
        said.append(
            f"UDP: send a keep-alive every {interval} s or more often: mappings last {shortest} s, and one of two"
            " packets may be lost."
        )
    elif findings.facts.get("udp", True):
        said.append("UDP: no interval can be named; no mapping was seen to end.")
    else:
        said.append("UDP does not get through: use TCP or TLS.")
    established = known["established_idle_timeout"]
    if established.seconds:
        interval = max(established.seconds - _PONG_S, established.seconds // 2, 1)
        data = findings.facts.get("refreshing-segments", {}).get("value") == "data"
        kind = "with data (CRLF, not TCP keep-alives)" if data else "(CRLF, or TCP keep-alives)"
        limits = f"every {interval} s or more often; flows last {established.seconds} s"
        said.append(f"TCP and TLS: send a keep-alive {kind} {limits}.")
    elif established.note.startswith("more than"):
        said.append(f"TCP and TLS: flows last {established.note.split(';')[0]}.")
    if known["refresh_direction"].value == "outbound":
        said.append("Keep-alives of the server do not help: only packets from inside refresh a mapping.")
    if known["forgotten"].value in ("silent", "repickup-on-new-port") and established.seconds:
        said.append("A client needs a pong watchdog: nobody tells it that its TCP flow is forgotten.")
    if life:
        said.append(
            f"Register anew at least every {max(1, life // 2)} s: no mapping lives longer than {life} s, in use or not."
        )
    return said
