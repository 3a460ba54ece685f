"""The command line of a guest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import HostNotCapable
from lab.worlds import boot, uml
from lab.worlds.clock import Clock

GOLDEN = Path(__file__).parents[1] / "golden" / "guest-command.txt"


def _command(**changes: object) -> list[str]:
    arguments: dict[str, object] = {
        "kernel": Path("/cache/linux"),
        "run_folder": Path("/runs/one two"),
        "control": Path("/runs/one two/guest-0"),
        "name": "lab-7-0",
        "start_ns": 1_700_000_000_000_000_000,
        "interpreter": Path("/usr/bin/python3.11"),
    }
    return boot.command(**(arguments | changes))  # type: ignore[arg-type]


def test_command_line() -> None:
    """Sandbox first, then kernel, then init; reviewed as text, the place of this checkout aside."""
    init = bytes(boot.INIT).hex()
    assert "".join(f"{word}\n" for word in _command()).replace(init, "INIT") == GOLDEN.read_text()


def test_the_kernels_words_hold_no_spaces() -> None:
    """What follows the kernel is split at spaces again, so no word may have one."""
    command = _command()
    kernel = command[command.index("/cache/linux") :]
    assert " ".join(kernel).split() == kernel


def test_root_gives_up_its_capabilities_but_one() -> None:
    """Only the host's root has any to give up; bubblewrap takes an ordinary user's itself."""
    assert "--cap-drop" not in _command()
    as_root = _command(as_root=True)
    assert as_root[as_root.index("--cap-drop") :][:4] == ["--cap-drop", "ALL", "--cap-add", "CAP_DAC_OVERRIDE"]


@pytest.mark.parametrize("path", ["/a b/python", "/a\tb", '/a"b', "/a'b", "/a\\b", "/a=b", "/a#b", "/a\nb"])
def test_paths_that_do_not_fit_a_command_line(path: str) -> None:
    """An interpreter or kernel whose path would be split or misread is refused, naming it."""
    for what in ("interpreter", "kernel"):
        with pytest.raises(HostNotCapable, match="command line splits"):
            _command(**{what: Path(path)})


def test_what_lies_below_dev_is_refused() -> None:
    """Sandbox and guest have a /dev of their own, so nothing of the host's is found there."""
    with pytest.raises(HostNotCapable, match=r"a /dev of its own"):
        _command(kernel=Path("/dev/shm/linux"))


def test_a_command_line_has_a_longest_length() -> None:
    """A path too long for the kernel is refused rather than cut off."""
    with pytest.raises(HostNotCapable, match="at most 4095"):
        _command(control=Path("/" + "x" * 2000))


def test_hidden_folders_are_shown_again() -> None:
    """What lies below the guest's own /tmp, /run and /dev/shm is mounted over them, outermost folders only."""
    paths = ("/usr/lib", "/tmp/b", "/tmp/a/x", "/tmp/a", "/run/venv/lib", "/tmpfoo/x", "/tmp/a")
    assert boot.hidden(paths) == ["/run/venv/lib", "/tmp/a", "/tmp/b"]


def test_a_request_says_everything_init_needs(tmp_path: Path) -> None:
    """The file has what the command line cannot carry."""
    boot.Request("m:f", writable=Path("/runs/x"), args=(1, "a b"), environment={"A": "ü"}, path=("/p",)).write(tmp_path)
    request = json.loads((tmp_path / "guest.json").read_text())
    assert request.pop("executable")
    assert request.pop("prefix")
    request.pop("visible")
    assert request == {
        "entry": "m:f",
        "args": [1, "a b"],
        "writable": "/runs/x",
        "environment": {"A": "ü"},
        "path": ["/p"],
    }


def test_where_the_container_is_the_fence_a_keeper_takes_the_place_of_bubblewrap() -> None:
    """The kernel's own words are the same; memory goes where a container may execute it."""
    fenced = _command(sandbox=boot.Sandbox.CONTAINER, parent=42)
    assert fenced[:6] == ["/usr/bin/python3.11", "-I", "-S", "-B", str(boot.SUPERVISOR), "42"]
    assert fenced[6:9] == ["env", "TMPDIR=/tmp", "HOME=/tmp"]
    assert fenced[9:] == _command()[_command().index("/cache/linux") :]


def test_outside_containers_bubblewrap_is_the_only_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says is not enough: the host's own PID namespace gives it the lie."""
    monkeypatch.setenv(*boot.DECLARES)
    host = Path("/proc/self/ns/pid").stat().st_ino
    monkeypatch.setattr(boot, "INITIAL_PID_NAMESPACE", host)
    monkeypatch.setenv("PATH", "/nowhere")
    assert not boot.in_container()
    with pytest.raises(HostNotCapable, match="needs bubblewrap"):
        boot.check_host()


def test_in_a_container_that_forbids_bubblewrap_the_container_is_the_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both the image and the kernel say it is a container, and bubblewrap has been tried."""
    monkeypatch.setenv(*boot.DECLARES)
    monkeypatch.setattr(boot, "INITIAL_PID_NAMESPACE", 0)
    monkeypatch.setenv("PATH", "/nowhere")
    assert boot.check_host() is boot.Sandbox.CONTAINER
    monkeypatch.delenv(boot.DECLARES[0])
    assert not boot.in_container()


@pytest.fixture
def bubblewrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a script in the place of bubblewrap."""

    def put(script: str) -> None:
        program = tmp_path / "bwrap"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.delenv(boot.DECLARES[0], raising=False)

    return put


@pytest.mark.parametrize("user", [0, 1000])
def test_a_bubblewrap_that_may_not_do_its_work(
    user: int, bubblewrap: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried before anything relies on it: where user namespaces are forbidden, in a chroot, in a container."""
    bubblewrap("echo 'bwrap: No permissions to create new namespace' >&2; exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(HostNotCapable) as refusal:
        boot.check_host()
    assert "(No permissions to create new namespace)" in refusal.value.missing
    assert ("CAP_SYS_ADMIN" if user == 0 else "sysctl") in refusal.value.fix
    assert uml.decide("auto") is Clock.REAL
    with pytest.raises(HostNotCapable, match="No permissions"):
        uml.decide("virtual")


def test_bubblewrap_is_tried_as_guests_need_it_and_once(bubblewrap: Callable[[str], None], tmp_path: Path) -> None:
    bubblewrap(f'echo "$@" >> {tmp_path}/asked')
    assert boot.check_host() is boot.check_host() is boot.Sandbox.BUBBLEWRAP
    (asked,) = (tmp_path / "asked").read_text().splitlines()
    assert asked.endswith("-- setarch --addr-no-randomize true")
    assert asked.split()[:8] == _command(as_root=os.geteuid() == 0)[1:9]
