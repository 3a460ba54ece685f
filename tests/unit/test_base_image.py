"""``scripts/base-image`` says at once what it lacks, and leaves the official image's name alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lab import library
from lab.backends import images

DOCKER = """#!/bin/sh
echo "$@" >> "$0.log"
case "$1" in
  version) {version} ;;
  image) {inspect} ;;
  pull) exit 1 ;;
esac
"""


def _run(folder: Path, *, docker: str = "") -> subprocess.CompletedProcess[str]:
    """Run it with this ``docker``, and an ``mmdebstrap`` that does nothing."""
    for name, text in (("docker", docker), ("mmdebstrap", "#!/bin/sh\n")):
        if text:
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
    for tool in ("bash", "timeout", "mktemp", "rm", "cat", "sh"):
        (folder / tool).symlink_to(Path("/usr/bin") / tool)
    script = library.root() / images.BASE_IMAGE
    return subprocess.run(
        ["/bin/bash", script], env={**os.environ, "PATH": str(folder)}, capture_output=True, text=True, check=False
    )


def test_without_docker(tmp_path: Path) -> None:
    done = _run(tmp_path)
    assert (done.returncode, done.stderr) == (3, "host error: there is no docker command; apt-get install docker.io\n")


def test_without_a_daemon(tmp_path: Path) -> None:
    """Before it waits for any registry."""
    says = "echo 'Cannot connect to the Docker daemon' >&2; exit 1"
    done = _run(tmp_path, docker=DOCKER.format(version=says, inspect="exit 0"))
    assert done.returncode == 3
    assert done.stderr.startswith("host error: Docker's daemon does not answer (Cannot connect to the Docker daemon);")
    assert len((tmp_path / "docker.log").read_text().splitlines()) == 1


@pytest.mark.parametrize("there", images.BASES)
def test_one_that_is_there_is_enough(tmp_path: Path, there: str) -> None:
    inspect = f'[ "$3" = {there} ] || exit 1'
    assert _run(tmp_path, docker=DOCKER.format(version="exit 0", inspect=inspect)).returncode == 0
    assert "pull" not in (tmp_path / "docker.log").read_text()


def test_a_home_made_one_has_a_name_of_ours(tmp_path: Path) -> None:
    """The official name is everybody's on that machine."""
    done = _run(tmp_path, docker=DOCKER.format(version="exit 0", inspect="exit 1"))
    assert done.returncode == 0, done.stderr
    last = (tmp_path / "docker.log").read_text().splitlines()[-1]
    assert last.startswith("import ")
    assert last.endswith(f" {images.BASES[1]}")
