"""The server is an axis: its values are programs, or settings of programs by the names they are given."""

from __future__ import annotations

from typing import Any

import pytest

import lab

SCENARIO: dict[str, Any] = {
    "title": "t",
    "topology": "home-nat",
    "middlebox": "never-forgets",
    "probes": [{"at": "45 s"}],
    "ends": "60 s",
}
SHORT = {"name": "short", "registration-expires": "60 s"}
LONG = {"name": "long", "software": "scripted", "registration-expires": "600 s"}


def test_settings_of_one_program_have_names() -> None:
    """Cells, claims and `--only` speak of them by these; what is said of each holds in its cells."""
    content = {
        **SCENARIO,
        "matrix": {"server": ["scripted", SHORT, LONG, "kamailio"]},
        "claims": [{"server": ["short", "long"], "verdict": "pass"}],
    }
    cells = lab.build(content).cells
    assert [cell.name for cell in cells] == ["scripted", "short", "long", "kamailio"]
    assert [cell.axes for cell in cells] == [(("server", cell.name),) for cell in cells]
    assert [cell.server.software for cell in cells] == ["scripted", "scripted", "scripted", "kamailio"]
    assert [float(cell.server.registration_expires) for cell in cells] == [300.0, 60.0, 600.0, 300.0]
    assert [cell.claim is not None for cell in cells] == [False, True, True, False]


def test_a_name_alone_decides_nothing() -> None:
    """A server with a name and nothing else is the usual one, whichever serves."""
    (cell,) = lab.build({**SCENARIO, "server": {"name": "mine"}}).cells
    assert (cell.server.software, cell.server.label) == ("scripted", "mine")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            [SHORT, {**SHORT}],
            "given twice, got `short`; write each value once, or a `name` for each setting of a program",
        ),
        (
            [{"answers-crlf": False}, {"answers-crlf": True}],
            "given twice, got `scripted`; write each value once, or a `name`",
        ),
        ([{"name": "kamailio", "software": "scripted"}], "a name of the catalog, got `kamailio`; use another name"),
        ([{"name": "A b"}], "not a name"),
    ],
)
def test_names_that_cannot_be(values: list[Any], problem: str) -> None:
    with pytest.raises(lab.ScenarioError, match=problem):
        lab.build({**SCENARIO, "matrix": {"server": values}})


CLAIMS = [{"server": "kamailio", "verdict": "fail"}, {"server": "scripted", "verdict": "pass"}]


@pytest.mark.parametrize(("server", "verdict"), [("scripted", "pass"), ("kamailio", "fail")])
@pytest.mark.parametrize("said", [{}, {"server": {"registration-expires": "600 s"}}])
def test_a_claim_may_speak_of_the_server_that_takes_its_place(said: dict[str, Any], server: str, verdict: str) -> None:
    """`--server` may put it there, where the file does not say which program serves."""
    (cell,) = lab.build({**SCENARIO, **said, "claims": CLAIMS}, server=server).cells
    assert cell.claim is not None
    assert cell.claim.verdict.value == verdict


@pytest.mark.parametrize("said", ["scripted", {"software": "scripted"}, {"name": "mine"}])
def test_a_claim_may_not_speak_of_a_server_that_cannot_be_there(said: Any) -> None:
    with pytest.raises(lab.ScenarioError, match="no such server here, got `kamailio`"):
        lab.build({**SCENARIO, "server": said, "claims": CLAIMS})
