"""Guests: what they are given, what they cannot do, and that they always end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from lab.errors import HostNotCapable, LabFault
from lab.worlds import boot, kernel
from tests.kernel import guest_entries

pytestmark = pytest.mark.virtual

ENTRIES = Path(__file__).parent
PATH = f"{os.defpath}:/usr/sbin:/sbin"
SOON_S = 20.0  # real time; a guest needs well below a second on an idle machine

Boot = Callable[..., boot.Guest]


@pytest.fixture(scope="session")
def uml() -> Path:
    """The virtual-time kernel; built if need be, which takes minutes."""
    try:
        boot.check_host()
        return kernel.find() or kernel.build()
    except HostNotCapable as lack:
        pytest.skip(str(lack))


@pytest.fixture
def boot_guest(uml: Path, tmp_path: Path) -> Iterator[Boot]:
    """Boots a guest with an entry of guest_entries.py; all of them are gone afterwards."""
    guests: list[boot.Guest] = []

    def start(entry: str, *args: object, folder: Path | None = None, memory_mb: int = 256) -> boot.Guest:
        folder = folder or tmp_path / "run"
        argv = _argv(uml, folder, entry, *args, memory_mb=memory_mb)
        guests.append(boot.Guest(argv))
        return guests[-1]

    yield start
    for guest in guests:
        guest.__exit__(None, None, None)


def _argv(uml: Path, folder: Path, entry: str, *args: object, memory_mb: int = 256) -> list[str]:
    folder.mkdir(exist_ok=True)
    boot.Request(
        entry=f"guest_entries:{entry}",
        args=args,
        writable=folder,
        environment={"PATH": PATH, "ODD": "a b\n'\"ü"},
        path=(str(ENTRIES), *(path for path in sys.path if path)),
    ).write(folder)
    return boot.command(
        kernel=uml,
        run_folder=folder,
        control=folder,
        name=f"test-{os.getpid()}-{time.monotonic_ns()}",
        start_ns=time.time_ns(),
        memory_mb=memory_mb,
        as_root=os.geteuid() == 0,
    )


def test_a_guest_is_a_place_to_live_in(boot_guest: Boot, tmp_path: Path) -> None:
    """Arguments and environment arrive as they are; the clock is the host's; loopback and mounts are there."""
    with boot_guest("facts", 1, "two words", None) as guest:
        facts = guest.receive(within_s=SOON_S)
        assert guest.wait(within_s=SOON_S) == 0
    assert isinstance(facts, dict)
    assert facts["args"] == [1, "two words", None]
    assert facts["environment"] == {"PATH": PATH, "ODD": "a b\n'\"ü"}
    assert facts["pid"] == 1
    assert facts["cwd"] == str(tmp_path / "run")
    assert facts["lo"] == "127.0.0.1"
    assert abs(facts["time"] - time.time()) < SOON_S
    for mounted in (["/proc", "proc"], ["/sys", "sysfs"], ["/tmp", "tmpfs"], ["/run", "tmpfs"], ["/dev/shm", "tmpfs"]):
        assert mounted in facts["filesystems"]


def test_two_idle_hours_take_no_time(boot_guest: Boot, tmp_path: Path) -> None:
    """7440 s pass in the guest in seconds here, and what it wrote is on the host when it has ended."""
    began = time.monotonic()
    with boot_guest("waits", 7440) as guest:
        slept = guest.receive(within_s=SOON_S)
        assert guest.wait(within_s=SOON_S) == 0
    assert isinstance(slept, float)
    assert 7440 <= slept < 7440.1
    assert time.monotonic() - began < SOON_S
    assert (tmp_path / "run" / "slept").read_text() == "yes"


@pytest.mark.parametrize("length", [1, 4095, 4096, 100_000])
def test_the_console_carries_any_line(boot_guest: Boot, length: int) -> None:
    """Lines of every length pass both ways unchanged, control characters included."""
    text = ("".join(map(chr, range(0x20, 0x7F))) * (length // 95 + 1))[:length]
    with boot_guest("echo") as guest:
        assert guest.receive(within_s=SOON_S) == "listening"  # before, the console is not raw
        for message in (text, "\r\x03\x04\x11\x13\x1a\x7f ü"):
            guest.send(message, within_s=SOON_S)
            assert guest.receive(within_s=SOON_S) == message
        guest.close_input()
        assert guest.wait(within_s=SOON_S) == 0


def test_polling_keeps_time_still(boot_guest: Boot) -> None:
    """A guest that polls for the host's word does not age while it waits."""
    with boot_guest("polls") as guest:
        assert guest.receive(within_s=SOON_S) == "polling"
        threading.Event().wait(0.2)  # real time passing is what this is about
        guest.send("now", within_s=SOON_S)
        assert guest.receive(within_s=SOON_S) == pytest.approx(0, abs=0.01)


def test_the_crew_keeps_time_still_between_cells(boot_guest: Boot) -> None:
    """A cell that comes late starts where the one before ended, not hours later."""
    times = []
    with boot_guest("serves") as guest:
        assert guest.receive(within_s=SOON_S) == {"ev": "up"}
        for number in range(2):
            request = {"job": "guest_entries:tell_time", "folder": str(number), "modules": []}
            guest.send(request, within_s=SOON_S)
            times.append(cast("dict[str, float]", guest.receive(within_s=SOON_S))["t"])
            assert cast("dict[str, object]", guest.receive(within_s=SOON_S))["ev"] == "ended"
            threading.Event().wait(0.2)  # real time passing is what this is about
    assert times[1] - times[0] < 1


@pytest.mark.skipif(not all(map(shutil.which, ("ip", "tc", "ss", "nft"))), reason="needs iproute2 and nftables")
def test_the_kernel_has_what_networks_are_made_of(boot_guest: Boot) -> None:
    """Every kind of link, queue, filter, rule and object the lab uses can be made."""
    with boot_guest("features") as guest:
        assert guest.receive(within_s=SOON_S) == []


def test_guests_compute_as_hosts_do(boot_guest: Boot) -> None:
    """Faults, system calls and switches between programs leave floating-point and vector registers as they were."""
    with boot_guest("computes") as guest:
        assert guest.receive(within_s=SOON_S) == guest_entries.results()


def test_guests_remember_as_hosts_do(boot_guest: Boot) -> None:
    """What forked programs write stays theirs, what they share is shared, and a forbidden access ends a program."""
    expected = guest_entries.memories()
    assert expected["ends"] == [signal.SIGSEGV] * 3
    with boot_guest("remembers") as guest:
        assert guest.receive(within_s=SOON_S) == json.loads(json.dumps(expected))


@pytest.mark.parametrize("place", ["/dev/shm", "/run", "/var/tmp"])
def test_a_run_folder_may_be_anywhere(boot_guest: Boot, place: str) -> None:
    """Also where sandbox and guest have files of their own."""
    if not os.access(place, os.W_OK):
        pytest.skip(f"{place} is not ours to write in")
    folder = Path(place) / f"lab-test-{os.getpid()}"
    try:
        with boot_guest("waits", 1, folder=folder) as guest:
            assert guest.wait(within_s=SOON_S) == 0
        assert (folder / "slept").read_text() == "yes"
    finally:
        shutil.rmtree(folder)


def test_a_run_folder_may_have_any_name(boot_guest: Boot, tmp_path: Path) -> None:
    """Spaces, quotes, signs and letters of all kinds in the run folder's path do no harm."""
    odd = tmp_path / "a b'c\"d,e=f#g\\h$i ü"
    with boot_guest("waits", 1, folder=odd) as guest:
        assert guest.receive(within_s=SOON_S) == pytest.approx(1, abs=0.1)
        assert guest.wait(within_s=SOON_S) == 0
    assert (odd / "slept").read_text() == "yes"


def test_a_kernel_with_a_space_in_its_path_is_refused(tmp_path: Path) -> None:
    """What a kernel's command line cannot carry is refused in words."""
    with pytest.raises(HostNotCapable, match="command line splits"):
        boot.command(kernel=tmp_path / "my linux", run_folder=tmp_path, control=tmp_path, name="x", start_ns=0)


def test_an_exception_is_shown_and_the_guest_ends(boot_guest: Boot) -> None:
    """A failing entry point leaves its traceback on the console."""
    with boot_guest("raises") as guest:
        assert guest.wait(within_s=SOON_S) == 0
        assert "RuntimeError: a bug" in guest.console


@pytest.mark.alone  # it must have booted within those two seconds
def test_a_frozen_guest_is_ended(boot_guest: Boot) -> None:
    """A guest that computes for ever is killed at the limit, and its last words are kept."""
    with boot_guest("freezes") as guest:
        with pytest.raises(LabFault, match="said nothing for 2 s") as fault:
            guest.receive(within_s=2)
        assert "about to freeze" in fault.value.detail
        _wait_until_gone(guest.pid)


@pytest.mark.alone  # as the one before: it must get as far as the panic
def test_a_panic_ends_the_guest(boot_guest: Boot) -> None:
    """A kernel that panics ends at once, with the reason on the console and no core file."""
    with boot_guest("panics") as guest:
        assert guest.wait(within_s=SOON_S) != 0
        assert any("Kernel panic" in line for line in guest.console)


def test_running_out_of_memory_ends_the_guest(boot_guest: Boot) -> None:
    """A guest cannot take more memory than it was given, and says so."""
    with boot_guest("devours", memory_mb=64) as guest:
        status = guest.wait(within_s=SOON_S)
        assert status != 0 or "MemoryError" in guest.console  # the kernel panics, or Python gives up first
        assert guest.console


def test_nothing_outlives_the_one_who_booted(uml: Path, tmp_path: Path) -> None:
    """After `kill -9` of the program that booted a guest, no process of the guest is left."""
    argv = _argv(uml, tmp_path / "run", "freezes")
    starter = "import subprocess, sys; p = subprocess.Popen(sys.argv[1:], stdout=1); print(p.pid, flush=True); p.wait()"
    with subprocess.Popen([sys.executable, "-c", starter, *argv], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert any("about to freeze" in line for line in parent.stdout)
        family = _descendants(parent.pid)
        assert len([pid for pid in family if "linux" in _name(pid)]) >= 2, family
        parent.send_signal(signal.SIGKILL)
    for pid in family:
        _wait_until_gone(pid)


def test_the_fence_holds(boot_guest: Boot, tmp_path: Path) -> None:
    """Guest root remounts / writable, and still writes nowhere but in the run folder, and finds no network."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    mode = outside.stat().st_mode
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        with boot_guest("breaks_out", str(outside), server.getsockname()[1]) as guest:
            said = guest.receive(within_s=SOON_S)
            guest.wait(within_s=SOON_S)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert isinstance(said, dict)
    assert said["remount"], "the guest could not even try"
    assert said["run folder"] == "done"
    assert said["interfaces"] == ["dummy0", "ifb0", "ifb1", "lo"]  # the kernel's own; none leads anywhere
    assert [path.name for path in outside.iterdir()] == ["precious"]
    assert (outside / "precious").read_text() == "kept"
    assert outside.stat().st_mode == mode
    assert not Path("/etc/lab-escaped").exists()
    assert (tmp_path / "run" / "inside").read_text() == "allowed"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_an_ordinary_user_can_boot(uml: Path) -> None:
    """No privilege is needed: the user `nobody` boots a guest from a kernel and a project it can read."""
    as_nobody = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    if subprocess.run([*as_nobody, sys.executable, "-c", ""], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"nobody cannot run {Path(sys.executable).resolve()}; make .venv with /usr/bin/python3")
    folder = Path("/var/tmp") / f"lab-test-{os.getpid()}"  # tmp_path is root's alone
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    try:
        program = Path(shutil.copy(uml, folder / "linux"))
        argv = _argv(program, folder / "run", "waits", 3600)
        (folder / "run").chmod(0o777)
        argv = [word for word in argv if word not in ("--cap-drop", "ALL", "--cap-add", boot.ROOT_KEEPS)]
        said = subprocess.run(
            [*as_nobody, *argv],
            capture_output=True,
            text=True,
            timeout=SOON_S,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        assert any(line.startswith("3600") for line in said.stdout.splitlines()), said
        assert (folder / "run" / "slept").read_text() == "yes"
    finally:
        shutil.rmtree(folder)


def _descendants(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [pid for child in children for pid in _descendants(child)]


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()


def _wait_until_gone(pid: int) -> None:
    """Poll: a process that is not ours to wait for can only be looked at."""
    deadline = time.monotonic() + SOON_S
    while _is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        os.sched_yield()


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
