"""What stands for bubblewrap inside a container: everything it started ends with it, however it ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from lab.worlds import boot

SOON_S = 20.0
TREE = "sleep 1000 & echo started; wait"  # a first process and another, as of a guest


def _keep(*argv: str) -> subprocess.Popen[bytes]:
    supervisor = [sys.executable, "-I", "-S", str(boot.SUPERVISOR), str(os.getpid()), *argv]
    return subprocess.Popen(supervisor, stdout=subprocess.PIPE, start_new_session=True)


def _read_to_end(kept: subprocess.Popen[bytes]) -> bytes:
    """What is said until nobody is left who could say more."""
    assert kept.stdout is not None
    said = b""
    while True:
        ready, _, _ = select.select([kept.stdout], [], [], SOON_S)
        assert ready, f"somebody still holds the output; so far: {said!r}"
        piece = os.read(kept.stdout.fileno(), 4096)
        if not piece:
            return said
        said += piece


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killing_the_keeper_ends_all_it_keeps(number: signal.Signals) -> None:
    with _keep("sh", "-c", TREE) as kept:
        assert kept.stdout is not None
        assert kept.stdout.readline() == b"started\n"
        kept.send_signal(number)
        assert _read_to_end(kept) == b""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_keeper_killed_at_its_kernels_first_breath_still_ends_it(number: signal.Signals) -> None:
    for _ in range(20):  # a guard that is made after the kernel was late here, one time in three to eight
        with _keep("sh", "-c", f"kill -{number.value} $PPID; sleep 1000") as kept:
            assert _read_to_end(kept) == b""


def test_what_the_first_process_leaves_ends_too() -> None:
    with _keep("sh", "-c", "sleep 1000 & echo left; exit 3") as kept:
        assert _read_to_end(kept) == b"left\n"
        assert kept.wait(SOON_S) == 3


def test_a_signal_shows_in_the_status() -> None:
    with _keep("sh", "-c", "kill -9 $$") as kept:
        assert kept.wait(SOON_S) == 128 + signal.SIGKILL


def test_it_does_nothing_for_a_parent_that_is_gone() -> None:
    supervisor = [sys.executable, "-I", "-S", str(boot.SUPERVISOR), "1", "echo", "alive"]
    if os.getpid() == 1:
        pytest.skip("process 1 is this one; run the tests under another")
    done = subprocess.run(supervisor, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
