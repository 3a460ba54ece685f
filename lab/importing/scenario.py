"""Makes the scenario of a case and one explanation: as keys, and as the text of a file. Pure.

Nothing of a message's text goes into it; addresses are those of the lab's topologies.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from lab.importing.case import Case, reached
from lab.importing.hypothesis import Hypothesis
from lab.importing.middlebox import middlebox
from lab.importing.reading import reading
from lab.importing.story import Story
from lab.importing.strategy import (
    FRAMED,
    PJSIP_REFRESH_S,
    PJSIP_REGISTERS_FOR_S,
    PJSIP_SUBSCRIBES_FOR_S,
    mitigations,
    seconds,
)
from lab.importing.transactions import Transaction

MOST_PROBES = 40
"""Probes of a scenario; a file may have thousands. Lost ones go first."""
ROOM_S = 20.0
"""After the last probe: room for a call of 7 s, and 5 s each for INVITE and BYE."""
LONGEST_S = 200_000.0
"""Of a scenario: two days of virtual time; a longer file is cut there."""
ANSWERS_LATE_S = 1.0
RINGS = (180, 183)
DIGITS = 16
"""Of a digest that names a file."""
WIDTH = 110
NAME_OF_STRATEGY = "as-seen"


def keys(case: Case, hypothesis: Hypothesis, *, measured: str) -> dict[str, Any]:
    """Return the keys of the scenario, in the order of the file, but for ``why``."""
    story = case.story
    probes = _probes(case)
    until = min(
        LONGEST_S,
        max([each["at"] + each.get("ring", 0.0) for each in probes] + [_fault_end(each) for each in hypothesis.faults]),
    )
    box: Any = middlebox(case, hypothesis, measured)
    if hypothesis.topology == "wifi-and-cellular":
        box = {"home-nat": box, "carrier": "never-forgets"}
    content: dict[str, Any] = {
        "title": _title(case, hypothesis),
        "source": f"measured in {measured}",
        "topology": hypothesis.topology,
        "transport": story.transport,
        "client": _client(story),
        "server": _server(case, hypothesis),
        "middlebox": box,
        "strategy": _strategy(case),
        "faults": [_timed(each) for each in hypothesis.faults],
        "probes": [
            {key: _s(value) if isinstance(value, float) else value for key, value in each.items()} for each in probes
        ],
        "ends": _s(until + ROOM_S),
        "claims": [_claim(case, hypothesis)],
    }
    return {key: value for key, value in content.items() if value not in ({}, [], None, "none")}


def text(content: Mapping[str, Any], case: Case, hypothesis: Hypothesis) -> str:
    """Return the text of the scenario's file."""
    lines = [f"title: {_flow(content['title'])}", f"source: {_flow(content['source'])}", "why: |"]
    for sentence in reading(case, hypothesis):
        lines += [f"  {part}" for part in wrap(sentence, WIDTH)]
    if hypothesis.decide:
        lines += [
            "",
            *(
                f"  {part}"
                for part in wrap(f"To decide between this and other explanations: {hypothesis.decide}.", WIDTH)
            ),
        ]
    lines.append("")
    for key, value in content.items():
        if key in ("title", "source"):
            continue
        if isinstance(value, list):
            lines += [f"{key}:", *(f"  - {_flow(each)}" for each in value)]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _title(case: Case, hypothesis: Hypothesis) -> str:
    what = hypothesis.name.replace("-", " ")
    return f"Imported: a client over {case.story.transport.upper()}, {what}"


def _s(value: float) -> str:
    return seconds(round(max(0.0, value), 1)) if value >= 100 else f"{round(max(0.0, value), 1):g} s"


def _client(story: Story) -> dict[str, Any]:
    account = {(True, True): "register-and-subscribe", (True, False): "register"}.get(
        (story.registers, story.subscribes), "subscribe"
    )
    if not story.registers and not story.subscribes:
        account = "register"
    found: dict[str, Any] = {"account": account}
    if story.transport in FRAMED:
        return {"name": "sipjs", **found}
    asked = [each.message.expires for each in story.asked("REGISTER") if each.message.expires]
    if "register" in account and asked:
        registration: dict[str, Any] = {}
        if asked[0] != PJSIP_REGISTERS_FOR_S:
            registration["expires"] = f"{min(asked[0], 86_400)} s"
        period = next((each for each in story.periods if each.what == "REGISTER" and each.up), None)
        granted = story.grants("REGISTER")
        if period is not None and granted:
            before = max(granted) - period.interval_s
            if before > PJSIP_REFRESH_S + 1 and before < max(granted) - 1:
                registration["refresh-before"] = f"{round(before)} s"
        if registration:
            found["registration"] = registration
    return found


def _server(case: Case, hypothesis: Hypothesis) -> dict[str, Any]:
    story = case.story
    found: dict[str, Any] = {}
    registered, subscribed = story.grants("REGISTER"), story.grants("SUBSCRIBE")
    if registered and max(registered) != PJSIP_REGISTERS_FOR_S:
        found["registration-expires"] = f"{min(max(registered), 86_400)} s"
    if subscribed and max(subscribed) != PJSIP_SUBSCRIBES_FOR_S:
        found["subscription-expires"] = f"{min(max(subscribed), 86_400)} s"
    challenged = [m for m in ("REGISTER", "SUBSCRIBE") if any(each.code == 401 for each in story.asked(m))]
    if challenged and any(each.granted for each in (*story.asked("REGISTER"), *story.asked("SUBSCRIBE"))):
        found["authentication"] = {"methods": challenged}
    return {**found, **hypothesis.server}


def _strategy(case: Case) -> Any:
    found = mitigations(case)
    return {"name": NAME_OF_STRATEGY, "mitigations": found} if found else "none"


def _probes(case: Case) -> list[dict[str, Any]]:
    story = case.story
    real = [each for each in story.probes if 0 < story.at(each.t) < LONGEST_S]
    lost_first: dict[float, Transaction] = {}  # one of those that were sent at one time, to several bindings
    for each in sorted(real, key=lambda each: (reached(each), each.t)):
        lost_first.setdefault(round(story.at(each.t), 1), each)
    chosen = list(lost_first.values())[:MOST_PROBES]
    found = [_probe(each, story) for each in sorted(chosen, key=lambda each: each.t)]
    if case.gap is not None and not case.lost:
        begins, ends = story.at(case.gap.begins), story.at(case.gap.ends)
        own: dict[str, Any] = {"at": max(0.5, round(min((begins + ends) / 2, ends - 1, LONGEST_S), 1))}
        if case.gap.method == "REGISTER" and story.subscribes:
            own["kind"] = "invite"
        found.append(own)
    if not found:
        found.append({"at": max(1.0, round(min(story.at(story.end), LONGEST_S) - 1, 1))})
    return sorted(found, key=lambda each: float(each["at"]))


def _probe(one: Transaction, story: Story) -> dict[str, Any]:
    found: dict[str, Any] = {"at": round(story.at(one.t), 1)}
    usual = "NOTIFY" if story.subscribes else "INVITE"
    method = "OPTIONS" if one.method == "NOTIFY" and not story.subscribes else one.method
    if method != usual:
        found["kind"] = method.lower()
    ringing = next((each for each in one.responses if getattr(each.fact, "code", 0) in RINGS), None)
    if (
        method == "INVITE"
        and one.final is not None
        and one.granted is not None
        and ringing is not None
        and reached(one)
    ):
        rang = one.final.t - ringing.t
        if rang > ANSWERS_LATE_S:
            found["ring"] = round(rang, 1)
    return found


def _timed(fault: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        kind: {key: _s(value) if isinstance(value, float) else value for key, value in values.items()}
        for kind, values in fault.items()
    }


def _fault_end(fault: Mapping[str, Mapping[str, Any]]) -> float:
    return max(float(values["at"]) for values in fault.values())


def _claim(case: Case, hypothesis: Hypothesis) -> dict[str, Any]:
    if not case.fails:
        return {"verdict": "pass"}
    claim: dict[str, Any] = {"verdict": "fail"}
    if hypothesis.cause:
        claim["cause"] = hypothesis.cause
        if hypothesis.at is not None and case.story.at(hypothesis.at) > 0:
            claim |= {"at": _s(case.story.at(hypothesis.at)), "within": f"{max(1, round(hypothesis.within + 0.5))} s"}
    return claim


def name_of(digest: str) -> str:
    """Return what a file is called in a scenario: by its digest, since the names of files name people, too."""
    return f"the file with SHA-256 {digest[:DIGITS]}…"


def _flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = True
    yaml.width = 10_000  # one line
    yaml.sort_base_mapping_type_on_output = False
    yaml.allow_unicode = True
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue().removesuffix("\n...\n").removesuffix("\n").strip()
