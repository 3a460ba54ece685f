"""A world's process seen from outside, with small programs in its place."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from lab.errors import HostNotCapable, LabFault
from lab.ledger import Ledger
from lab.worlds.base import End, Message, World

OBEDIENT = 'import sys; print(\'{"ev": "up"}\', flush=True); sys.stdin.read()'
FROZEN = (
    'import sys, time; print(\'{"ev": "up"}\', flush=True); sys.stdin.readline();'
    "print('last words', flush=True); time.sleep(600)"
)
DYING = "print('{\"ev\": \"up\"}'); print('Kernel panic'); raise SystemExit(3)"
REFUSED = 'print(\'{"ev": "refused", "missing": "namespaces", "fix": "sysctl"}\')'


def _run(program: str, *, patience_s: float | None = None, cell: bool = False) -> tuple[list[str], End]:
    """Start a world, give it a cell if wished, stop it unless it ends by itself; what it said and how it ended."""
    said: list[str] = []

    async def play() -> End:
        up = asyncio.Event()
        ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()

        def on_message(message: Message) -> None:
            said.append(message["ev"])
            up.set()

        book = Ledger("world-test")
        world = World(
            [sys.executable, "-c", program],
            environment={},
            ledger=book,
            on_message=on_message,
            on_end=ended.set_result,
            patience_s=patience_s,
            hears_end=True,
            job="nothing:nothing",
        )
        await world.start()
        if program is OBEDIENT:
            await asyncio.wait_for(up.wait(), 20)
            await world.stop()
        elif cell:
            await asyncio.wait_for(up.wait(), 20)
            world.run(Path("/nowhere"))
        result = await asyncio.wait_for(ended, 20)
        await world.stop()
        book.close()
        return result

    return said, asyncio.run(play())


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledgers of a test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_stopped() -> None:
    """A world that is told to end ends without an error."""
    assert _run(OBEDIENT) == (["up"], None)


def test_frozen() -> None:
    """A world that runs a cell and says nothing for too long is killed: a lab fault with its last words."""
    _, error = _run(FROZEN, patience_s=1.0, cell=True)
    assert isinstance(error, LabFault)
    assert "froze" in str(error)
    assert "last words" in str(error)


def test_died() -> None:
    """A world that ends by itself is a lab fault with its status and the console's last lines."""
    said, error = _run(DYING)
    assert said == ["up"]
    assert isinstance(error, LabFault)
    assert "status 3" in str(error)
    assert "Kernel panic" in str(error)


def test_refused() -> None:
    """A world the host refuses is the host's fault, with the way out."""
    _, error = _run(REFUSED)
    assert isinstance(error, HostNotCapable)
    assert (error.missing, error.fix) == ("namespaces", "sysctl")
