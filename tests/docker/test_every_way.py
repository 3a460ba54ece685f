"""The same verdicts and causes in namespaces, containers and virtual time, with the lab's own server and Kamailio."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.loader.load import load
from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run

pytestmark = [
    pytest.mark.waits(150),
    pytest.mark.docker,
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("names"),
]

FILES = (
    "article/idle-behind-nat",
    "field/jssip-744",
    "field/opensips-30",
    "field/pjproject-4225",
    "../tests/docker/registered-phone",
)
PARTS = {"field/pjproject-4225": 2}
"""A scenario with more cells than run side by side in containers (eight) comes in parts, each with some strategies."""
PLACES = ("real", "docker", "virtual")
SERVERS = ("scripted", "kamailio")
APART_S = "2"
"""How far apart an event may be, where up to eighty programs share two processors; causes are seconds apart."""


@pytest.fixture(scope="module", autouse=True)
def _kernel() -> None:
    """There is a kernel for virtual time."""
    if kernel.find() is None:
        kernel.build()


@pytest.mark.parametrize(("file", "part"), [(file, part) for file in FILES for part in range(PARTS.get(file, 1))])
def test_the_same_in_every_way(tmp_path: Path, file: str, part: int) -> None:
    """Six ways: each cell has the verdict and the cause that the others have, or cannot exist there."""
    path = ROOT / "scenarios" / f"{file}.yaml"
    strategies = list(dict.fromkeys(dict(cell.axes)["strategy"] for cell in load(path).cells))
    words = [word for place in PLACES for word in ("--in", place)]
    words += [word for server in SERVERS for word in ("--server", server)]
    words += [word for name in strategies[part :: PARTS.get(file, 1)] for word in ("--only", f"strategy={name}")]
    done = run("fidelity", path, *words, "--within", APART_S, "--out", tmp_path, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for place in PLACES:
        for server in SERVERS:
            assert f"{place}, {server}: " in done.stdout
