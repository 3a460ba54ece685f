"""The wheel in an environment of its own: everything that a checkout has beside the package is there.

The environment takes what the lab depends on from the one that runs the tests, so nothing is fetched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from lab import DISTRIBUTION, __version__, library
from lab.backends import images
from lab.worlds import kernel_build
from tests.e2e.lab_command import ALONE, ROOT, environment

pytestmark = [pytest.mark.e2e, pytest.mark.virtual, pytest.mark.xdist_group("package")]

TELLS = """
import json, lab
from lab import library
from lab.backends import images
from lab.worlds import kernel_build
print(json.dumps({
    "package": lab.__file__,
    "version": lab.__version__,
    "scenarios": list(library.scenarios()),
    "topologies": list(library.topologies()),
    "images": [images.tag(kind) for kind in images.KINDS],
    "kernel": kernel_build.recipe_digest(),
    "base-image": (library.root() / images.BASE_IMAGE).stat().st_mode & 0o777,
}))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder with both packages, and what building them said."""
    folder = tmp_path_factory.mktemp("dist")
    return folder, _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))


@pytest.fixture(scope="module")
def python(built: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python = folder / "bin" / "python"
    (wheel,) = built[0].glob("*.whl")
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--no-deps", "--no-index", str(wheel))
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")  # and no .pth in there counts
    return python


def _run(*command: str, folder: Path = ROOT, env: Mapping[str, str] = os.environ) -> str:
    done = subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_both_packages_are_built_without_a_warning(built: tuple[Path, str]) -> None:
    folder, said = built
    name = f"{DISTRIBUTION.replace('-', '_')}-{__version__}"
    assert {path.name for path in folder.iterdir()} == {f"{name}.tar.gz", f"{name}-py3-none-any.whl"}
    assert "warn" not in said.lower()
    assert "deprecat" not in said.lower()


def test_they_have_what_they_should_and_nothing_else(built: tuple[Path, str]) -> None:
    """The wheel the package alone, with its types; the source package what building and testing need."""
    folder, _ = built
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"lab"}
    assert "lab/py.typed" in names
    assert not [name for name in names if name.endswith(".pyc")]
    with tarfile.open(source) as tar:
        inside = {name.partition("/")[2] for name in tar.getnames()}
    assert {"pyproject.toml", "scripts/test", "tests/conftest.py", "docs/reference.md", "LICENSE"} <= inside


def test_an_installed_lab_has_all_that_a_checkout_has(python: Path, tmp_path: Path) -> None:
    """Scenarios, topologies, images of the same tags, a kernel of the same recipe."""
    told = json.loads(_run(str(python), "-c", TELLS, folder=tmp_path))
    assert Path(told.pop("package")).is_relative_to(python.parent.parent)
    assert told == {
        "version": __version__,
        "scenarios": list(library.scenarios()),
        "topologies": list(library.topologies()),
        "images": [images.tag(kind) for kind in images.KINDS],
        "kernel": kernel_build.recipe_digest(),
        "base-image": 0o755,
    }


def test_it_runs_a_scenario_of_the_library_from_an_empty_folder(python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    run = (str(python.with_name("lab")), "run", "article/idle-subscription", "--only", "strategy=none", *ALONE)
    said = _run(*run, folder=folder, env=environment(tmp_path / "home"))
    assert "1 cell, virtual time" in said
    assert "client idle timer closed the transport at 33.0 s" in said
    assert [path.name for path in folder.iterdir()] == ["runs"]
