"""The push service of the lab, and the device that hands pushes to the app."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.model.push import Push, PushPriority
from lab.record.entry import TimedEvent
from lab.record.events import Event, PushDelivered, PushHeld, PushLost, PushRefused, PushRequested
from lab.record.writer import RecordWriter
from lab.runner.device_pushes import DevicePushes
from lab.runner.push_service import PushService
from lab.units import Percent, Seconds

HIGH, NORMAL = PushPriority.HIGH, PushPriority.NORMAL
AT_ONCE = Push(delay=Seconds(0), delay_p95=Seconds(0))


def asked(number: int) -> PushRequested:
    return PushRequested(id=f"n{number}", probe="p1", binding="b1", provider="apns", prid="t", priority="high")


Played = tuple[list[Any], list[str]]
FATES = (PushDelivered, PushLost, PushRefused)


def played(folder: Path, settings: Push, *, seed: int = 1, pushes: int = 1) -> Played:
    """What becomes of pushes that are asked for one after the other: the events, and what the actors are told."""
    told: list[str] = []
    events: list[Any] = []

    async def play() -> None:
        record = RecordWriter(folder / "record.jsonl")
        loop = asyncio.get_running_loop()
        record.begin_silence(loop.time() - 60)
        all_known: asyncio.Future[None] = loop.create_future()

        def see(happening: TimedEvent[Event]) -> None:
            if not isinstance(happening.event, PushRequested):
                events.append(happening.event)
            if sum(isinstance(event, FATES) for event in events) == pushes and not all_known.done():
                loop.call_soon(all_known.set_result, None)  # who caused the last event may tell somebody

        record.watch(see)
        PushService(
            settings,
            seed,
            record,
            "client",
            tell_client=told.append,
            tell_server=lambda do, **fields: told.append(f"{do} {fields['push']}"),
        )
        for number in range(1, pushes + 1):
            record.take("server", asked(number))
        await all_known
        record.close()

    asyncio.run(play())
    return events, told


def test_a_push_reaches_the_app(tmp_path: Path) -> None:
    """The record says so, and the client is told."""
    (delivered,), told = played(tmp_path, AT_ONCE)
    assert isinstance(delivered, PushDelivered)
    assert delivered.id == "n1"
    assert told == ["push"]


def test_a_push_is_lost(tmp_path: Path) -> None:
    """Nobody is told."""
    assert played(tmp_path, Push(loss=Percent(100))) == ([PushLost(id="n1")], [])


@pytest.mark.parametrize(("lasts", "expired"), [(59, True), (61, False)])
def test_a_token_that_has_expired(tmp_path: Path, lasts: float, expired: bool) -> None:
    """The server is told; the app is not. Time zero was a minute ago."""
    settings = Push(delay=Seconds(0), delay_p95=Seconds(0), token_lasts=Seconds(lasts))
    events, told = played(tmp_path, settings)
    if expired:
        assert (events, told) == ([PushRefused(id="n1", code=410)], ["push-refused n1"])
    else:
        assert told == ["push"]


def test_the_seed_decides(tmp_path: Path) -> None:
    """Which pushes are lost, and how long the others take."""
    some = Push(delay=Seconds(0), delay_p95=Seconds(0), loss=Percent(50))

    def lost(seed: int) -> list[str]:
        folder = tmp_path / str(seed)
        folder.mkdir(exist_ok=True)
        return [event.id for event in played(folder, some, seed=seed, pushes=20)[0] if isinstance(event, PushLost)]

    assert lost(1) == lost(1) != lost(2)
    assert 2 < len(lost(1)) < 18


def test_delays_are_as_asked_for(tmp_path: Path) -> None:
    """By the median and the 95th percentile; the defaults have the mean that was measured, 800 ms."""
    record = RecordWriter(tmp_path / "record.jsonl")
    service = PushService(Push(), 1, record, "client", tell_client=print, tell_server=print)  # nobody is told anything
    record.close()
    drawn = sorted(service._delay() for _ in range(20_000))
    assert drawn[10_000] == pytest.approx(0.62, rel=0.05)
    assert drawn[19_000] == pytest.approx(2.0, rel=0.05)
    assert statistics.mean(drawn) == pytest.approx(0.8, rel=0.05)


@pytest.mark.parametrize(("delay", "delay_p95"), [(3, 2), (0, 2)])
def test_delays_that_do_not_fit(delay: float, delay_p95: float) -> None:
    """No distribution has them."""
    with pytest.raises(ValueError, match="delay"):
        Push(delay=Seconds(delay), delay_p95=Seconds(delay_p95))


@pytest.fixture
def device() -> tuple[DevicePushes, list[str]]:
    done: list[str] = []
    return (
        DevicePushes(
            deliver=lambda push: done.append(f"delivered {push}"), hold=lambda push: done.append(f"held {push}")
        ),
        done,
    )


def test_a_device_that_nobody_watches(device: tuple[DevicePushes, list[str]]) -> None:
    """Hands over at once."""
    pushes, done = device
    pushes.arrive("n1", HIGH)
    assert done == ["delivered n1"]


def test_a_push_waits_for_all_who_watch(device: tuple[DevicePushes, list[str]]) -> None:
    """It is offered again when one of them says so, and when one ends."""
    pushes, done = device
    open_: dict[str, bool] = {"doze": False, "other": True}

    def watch(name: str) -> Callable[[PushPriority], bool]:
        return lambda priority: priority is HIGH or open_[name]

    doze, other = pushes.watch(watch("doze")), pushes.watch(watch("other"))
    pushes.arrive("n1", NORMAL)
    pushes.arrive("n2", NORMAL)
    pushes.arrive("n3", HIGH)
    other.offer_again()
    assert done == ["held n1", "held n2", "delivered n3"]
    open_["doze"] = True
    doze.offer_again()
    assert done[3:] == ["delivered n1", "delivered n2"]
    open_["doze"] = False
    pushes.arrive("n4", NORMAL)
    doze.end()
    assert done[5:] == ["held n4", "delivered n4"]


def test_who_wakes_the_app_may_offer_what_waits(device: tuple[DevicePushes, list[str]]) -> None:
    """Each push is delivered once all the same."""
    pushes, done = device
    awake = False

    def takes(priority: PushPriority) -> bool:
        nonlocal awake
        if priority is NORMAL and not awake:
            return False
        if not awake:
            awake = True
            watch.offer_again()
        return True

    watch = pushes.watch(takes)
    pushes.arrive("n1", NORMAL)
    pushes.arrive("n2", HIGH)
    assert sorted(done[1:]) == ["delivered n1", "delivered n2"]


def test_events_of_pushes_are_events() -> None:
    """They have names that programs count by."""
    names = [
        str(kind.__struct_config__.tag) for kind in (PushRequested, PushDelivered, PushHeld, PushLost, PushRefused)
    ]
    assert names == ["push-requested", "push-delivered", "push-held", "push-lost", "push-refused"]
