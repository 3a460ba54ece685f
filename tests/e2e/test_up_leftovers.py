"""Nothing is left of a lab that was up, however it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.lab_command import processes_of, wait_until
from tests.live_labs import Labs, entries, take_all_down

pytestmark = [pytest.mark.e2e, pytest.mark.leaves]

Untouched = Callable[[], None]


@pytest.fixture
def labs(tmp_path: Path, untouched: Untouched) -> Iterator[Labs]:
    """No lab is up yet; its temporary files are in a folder of the test's own."""
    found = Labs(tmp_path)
    found.environment["TMPDIR"] = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    try:
        yield found
    finally:
        take_all_down(found.environment)


def left(labs: Labs) -> list[str]:
    """The files that are left of labs: entries, ledgers, folders."""
    ledgers = (labs.home / "state").rglob("*.jsonl")
    return [each.name for each in (*entries(labs.environment), *ledgers, *(labs.home / "tmp").iterdir())]


def test_down(labs: Labs, untouched: Untouched) -> None:
    """A lab that is taken down ends with everything in it, also what was started in its nodes."""
    labs.run("up", "home-nat")
    keeper = labs.entry()["owner"]["pid"]
    assert processes_of(keeper)
    inside = labs.start("exec", "client", "--", "sleep", "600")
    tap = labs.start("tap", "lan", "-w", labs.home / "lan.pcapng")
    wait_until("the tap to be open", (labs.home / "lan.pcapng").exists)
    wait_until("the command to run", lambda: _sleeps(labs))
    labs.run("down")
    assert not processes_of(keeper)
    assert left(labs) == []
    assert inside.communicate() is not None
    assert inside.returncode == 128 + signal.SIGKILL
    assert tap.communicate() is not None
    assert tap.returncode == 0
    untouched()
    assert "no lab of this name is up" in labs.run("down", status=2)


def test_kill_9_of_the_keeper(labs: Labs, untouched: Untouched) -> None:
    """The kernel ends the world; the next command knows, and the entry and the files go with the next `lab clean`."""
    labs.run("up", "home-nat")
    keeper = labs.entry()["owner"]["pid"]
    inside = labs.start("exec", "client", "--", "sleep", "600")
    wait_until("the command to run", lambda: _sleeps(labs))
    os.kill(keeper, signal.SIGKILL)
    wait_until("all processes gone", lambda: not processes_of(keeper))
    assert inside.communicate() is not None
    assert inside.returncode == 128 + signal.SIGKILL
    untouched()
    assert "its keeper was killed" in labs.run("status", status=2)
    assert "removed the entry of lab default" in labs.run("clean")
    assert left(labs) == []


def test_up_again_after_a_kill(labs: Labs) -> None:
    """What a killed lab left does not keep another of its name from coming up."""
    labs.run("up", "home-nat")
    keeper = labs.entry()["owner"]["pid"]
    os.kill(keeper, signal.SIGKILL)
    wait_until("all processes gone", lambda: not processes_of(keeper))
    assert "is up after" in labs.run("up", "home-nat")
    assert "a lab of this name is up" in labs.run("up", "home-nat", status=2)
    labs.run("down")
    assert left(labs) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_up_is_ended_while_it_waits(labs: Labs, number: int) -> None:
    """The keeper hears of it, and takes everything down."""
    deaf = labs.home / "deaf.yaml"
    deaf.write_text(
        "title: A client that never sets its account up\ntopology: home-nat\nmiddlebox: silent-60s\n"
        "client: { command: [sleep, '600'] }\nprobes: [ { at: 1 s } ]\nends: 7 s\n"
    )
    process = labs.start("up", deaf)
    wait_until("the client to be started", lambda: any((labs.home / "tmp").rglob("client.out")))
    keeper = labs.entry()["owner"]["pid"]
    process.send_signal(number)
    process.communicate()
    wait_until("all processes gone", lambda: not processes_of(keeper))
    wait_until("all files gone", lambda: left(labs) == [])


def _sleeps(labs: Labs) -> bool:
    return "sleep 600" in labs.run("exec", "client", "--", "ps", "ax")
