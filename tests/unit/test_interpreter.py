"""Programs that the lab starts import nothing from the current folder, nor from where a scenario or script lies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from lab import interpreter
from lab.worlds import boot, host

LAB = Path(interpreter.__file__).parent
TRAPS = ("struct", "json", "runpy", "typing", "pip", "lab", "encodings")


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with modules of familiar names, each of which leaves a mark if it is imported."""
    for name in TRAPS:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'a').write({name!r})")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), "relative", *sys.path])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(("", str(tmp_path))))
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        lambda: interpreter.module_command("lab", "--version"),
        lambda: interpreter.pip_command("--version"),
        lambda: host.argv("lab.units:parse_duration"),
        lambda: interpreter.module_command("pjsua2.pjsua2"),
    ],
    ids=["lab", "pip", "world", "pjsip"],
)
def test_nothing_is_imported_from_the_current_folder(trap: Path, command: object) -> None:
    """PYTHONPATH and the search path of this process name it in every way, and still it is not searched."""
    assert callable(command)
    done = subprocess.run(command(), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert not (trap / "sprung").exists(), (trap / "sprung").read_text()
    assert "No module named" not in done.stderr


def test_a_guest_searches_the_same_folders(trap: Path) -> None:
    """What a guest's init searches is not the current folder either; the lab itself is found."""
    request = boot.Request(entry="nothing:nothing", writable=trap)
    assert not {"", str(trap), "relative"} & set(request.path)
    assert str(LAB.parent) in request.path


def test_the_folder_of_a_script_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python puts it first for `python script.py`, and scenarios may lie there."""
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(tmp_path / "script.py"), raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert str(tmp_path) not in interpreter.module_folders()


def test_the_standard_library_and_the_lab_are_always_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where one of them is the current folder; a checkout then comes last, so that it hides no module."""
    for folder in (sysconfig.get_paths()["stdlib"], str(LAB.parent)):
        monkeypatch.chdir(folder)
        assert folder in interpreter.module_folders()
    assert interpreter.module_folders()[-1] == str(LAB.parent)


def test_in_a_deleted_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert str(LAB.parent) in interpreter.module_folders()


@pytest.mark.parametrize("path", ["", ":/usr/bin", "/usr/bin:", "/usr/bin::.:bin:/bin"])
def test_programs_are_not_looked_for_in_the_current_folder(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty entry of PATH means the current folder, and so does a relative one."""
    monkeypatch.setenv("PATH", path)
    for environment in (host.environment(), boot.environment()):
        found = environment["PATH"].split(os.pathsep) if environment["PATH"] else []
        assert all(each.startswith("/") for each in found)


def test_no_other_module_starts_python() -> None:
    """The interpreter's path stands elsewhere only in advice, in what a guest is told, and beside `-I`."""
    allowed = re.compile(
        r'fix=f"|"executable": |_base_executable|_TOLD_BY|^\s*sys\.executable, sys\.prefix|sys\.executable, "-I"'
    )
    found = [
        f"{path.relative_to(LAB)}: {line.strip()}"
        for path in sorted(LAB.rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if "sys.executable" in line and not allowed.search(line)
    ]
    assert found == []
