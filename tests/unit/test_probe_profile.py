"""From findings to a profile of the catalog, its evidence, and what to ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab import load
from lab.errors import ScenarioError
from lab.model.middlebox import GROUPS, Grade, Middlebox, SipAlg
from lab.nat_probe import findings, profile
from lab.nat_probe.bracket import Bracket
from lab.nat_probe.findings import Findings

FACTS: dict[str, Any] = {
    "mapping": {"value": "address-dependent"},
    "filtering": {"value": "address-dependent"},
    "ports": {"value": "no-port-preservation", "manner": "contiguous", "addresses": ["198.51.100.2", "198.51.100.3"]},
    "hairpinning": {"value": "external-source"},
    "sip-alg": {"value": ["udp"], "lines": {"udp": ["Via: changed"]}},
    "fragments": {"out": True, "in": False},
    "forgotten": {"value": "silent"},
    "refresh-direction": {"value": "outbound"},
    "refreshing-segments": {"value": "data"},
    "lifetime": {"value": 900, "alive": 899.5, "dead": 900.5},
}


def bracket(timer: float | None, *, longest: float = 7500.0) -> Bracket:
    """What is known of a timer after its search."""
    if timer is None:
        return Bracket(longest, reached={longest + 0.5})
    return Bracket(longest, reached={timer - 0.5}, lost={timer + 0.5: 3})


def found(path: Path, **timers: float | None) -> Findings:
    """Findings of a whole measurement."""
    known = {"tcp_established": 300.0, "tcp_half_closed": 240.0, "udp_answered": 120.0, "udp_one_way": 30.0, **timers}
    brackets = {name.replace("_", "-"): bracket(timer) for name, timer in known.items()}
    return Findings(path / "state.json", "host", dict(FACTS), brackets)


def test_the_text_is_a_profile_of_the_catalog(tmp_path: Path) -> None:
    """A scenario that has it under `middlebox` loads, and its values are those that were measured."""
    kept = found(tmp_path)
    text = profile.text(kept, source="a test")
    indented = "".join(f"  {line}\n" for line in text.splitlines())
    scenario = tmp_path / "measured.yaml"
    scenario.write_text(
        f"title: t\ntopology: home-nat\nmiddlebox:\n  name: measured\n{indented}"
        "matrix: { strategy: [none] }\nprobes: [{ at: 10 s }]\nends: 20 s\n"
    )
    (cell,) = load(scenario).cells
    box: Middlebox = dict(cell.middleboxes)["home-nat"]
    expected = profile.profile(kept, "measured")
    for key in GROUPS:
        assert getattr(box, key) == getattr(expected, key), key
    assert box.sip_alg == (SipAlg.UDP,)
    assert box.evidence.tcp is Grade.MEASURED


@pytest.mark.parametrize("missing", [*profile.FACTS.values()])
def test_what_was_not_measured_is_assumed(tmp_path: Path, missing: str) -> None:
    """A fact that is missing, or unsure, makes its group assumed, and no other."""
    (field,) = [name for name, question in profile.FACTS.items() if question == missing]
    for fact in (None, {**FACTS[missing], "unsure": "why"}):
        kept = found(tmp_path)
        if fact is None:
            del kept.facts[missing]
        else:
            kept.facts[missing] = fact
        if missing == "lifetime" and fact is not None:
            continue  # it is never unsure and has a value
        graded = profile.grades(kept)
        assert [group for group, grade in graded.items() if grade is not Grade.MEASURED] == [GROUPS[field]]


def test_a_timer_beyond_the_wait_has_no_value(tmp_path: Path) -> None:
    """No extrapolation: it stands in a comment, and its group is assumed."""
    kept = found(tmp_path, tcp_established=None)
    assert "# established-idle-timeout: more than 7500.5 s; not waited for longer\n" in profile.text(kept, source="x")
    assert profile.grades(kept)["tcp"] is Grade.ASSUMED
    assert profile.profile(kept, "x").established_idle_timeout is None


def test_advice(tmp_path: Path) -> None:
    """Intervals below the timers, with room for a lost packet; what else a client must do."""
    udp, tcp, server, watchdog, anew = profile.advice(found(tmp_path))
    assert "every 14 s" in udp  # two within 30 s
    assert "every 290 s" in tcp
    assert "with data" in tcp
    assert "server do not help" in server
    assert "watchdog" in watchdog
    assert "every 450 s" in anew
    short = profile.advice(found(tmp_path, tcp_established=15.0))
    assert "every 7 s" in short[1]  # 10 s less would leave 5
    kept = found(tmp_path, tcp_established=None)
    assert profile.advice(kept)[1] == "TCP and TLS: flows last more than 7500.5 s."


def test_remarks(tmp_path: Path) -> None:
    """What no profile has a word for."""
    kept = found(tmp_path)
    kept.facts["several-nats"] = "hops 1 and 2 hold state"
    several, fragments, alg = profile.remarks(kept)
    assert several.startswith("Several NATs in a row: hops 1 and 2 hold state")
    assert "fragments do not get in" in fragments
    assert "Via: changed" in alg
    assert "contiguous" in profile.text(kept, source="x")


def test_findings_are_kept(tmp_path: Path) -> None:
    """What is written is read back; a search goes on where it was."""
    kept = found(tmp_path)
    kept.brackets["tcp-established"] = Bracket(7500.0, reached={200.5}, lost={300.5: 1})
    kept.note("path", ["10.0.0.1"])
    again = findings.load(kept.path, "host")
    assert again.facts == kept.facts
    assert again.brackets["tcp-established"] == kept.brackets["tcp-established"]
    assert all(200.5 < idle < 300.5 for idle in again.brackets["tcp-established"].next())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "holds no findings"),
        (json.dumps({"lab-nat-probe-findings": 2}), "holds no findings"),
        (
            json.dumps({"lab-nat-probe-findings": 1, "responder": "other", "facts": {}, "timers": {}}),
            "another responder",
        ),
        (json.dumps({"lab-nat-probe-findings": 1, "responder": "host", "facts": {}, "timers": {"x": 1}}), "holds no"),
    ],
)
def test_a_state_file_of_something_else(tmp_path: Path, content: str, said: str) -> None:
    """It is the user's fault, and is not overwritten."""
    path = tmp_path / "state.json"
    path.write_text(content)
    with pytest.raises(ScenarioError, match=said):
        findings.load(path, "host")
    assert path.read_text() == content
