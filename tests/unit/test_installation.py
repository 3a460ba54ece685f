"""Another distribution's files in the lab's own folder are noticed, whichever was installed last."""

from __future__ import annotations

from pathlib import Path

import pytest

import lab
from lab import installation
from lab.cli import start, streams
from lab.errors import HostNotCapable


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site-packages folder with the lab in it."""
    monkeypatch.setattr(installation, "_PACKAGE", tmp_path / "lab")
    installed(tmp_path, "sip_keepalive_lab", "lab/__init__.py", "lab/cli/main.py")
    return tmp_path


def installed(site: Path, name: str, *files: str) -> None:
    folder = site / f"{name}-8.10.dist-info"
    folder.mkdir()
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).touch()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 8.10\n")
    (folder / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def test_alone(site: Path) -> None:
    installed(site, "labels", "labels/__init__.py")
    installation.check_all()


def test_the_other_lab_was_there_before(site: Path) -> None:
    installed(site, "lab", "lab/__init__.py", "lab/tools.py")
    with pytest.raises(HostNotCapable, match=r"the distribution `lab` .*has put files of its own there"):
        installation.check()


def test_the_other_lab_came_later(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ``__init__.py`` has replaced ours: said before anything of ours is imported, with status 3."""
    monkeypatch.delattr(lab, "DISTRIBUTION")
    with pytest.raises(HostNotCapable, match="another distribution has replaced or removed files"):
        installation.check()


def test_any_other_is_found_by_its_list_of_files(site: Path) -> None:
    installed(site, "Some_Thing", "lab/plugins.py")
    installation.check()
    with pytest.raises(HostNotCapable, match="some-thing has put files of its own there") as caught:
        installation.check_all()
    assert "pipx install sip-keepalive-lab" in caught.value.fix


def test_the_command_ends_with_it(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed(site, "lab", "lab/tools.py")
    monkeypatch.setattr(streams, "secure", lambda: None)  # it would put its own stream in the place of capsys's
    with pytest.raises(SystemExit) as caught:
        start.run()
    assert caught.value.code == 3
    assert capsys.readouterr().err.startswith("host error: ")


def test_names_agree() -> None:
    assert lab.DISTRIBUTION == installation.DISTRIBUTION
