"""Mitigations against a client that only records; the real client is in tests/contract/test_pjsip_client.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lab.mitigations
from lab.mitigations import classes
from lab.mitigations.base import TransportState
from lab.mitigations.hold_transport import HoldTransport
from lab.mitigations.options_ping import OptionsPing
from lab.model.wire import from_json, to_json
from lab.units import Seconds
from tests.unit.recording_client import RecordingClient

FIRST, SECOND = 0x1000, 0x2000


@pytest.fixture
def client() -> RecordingClient:
    return RecordingClient()


def test_options_ping_starts_when_the_client_is_set_up(client: RecordingClient) -> None:
    """Nothing before; then the interval, and one OPTIONS at each tick."""
    OptionsPing(interval=Seconds(25)).attach(client)
    client.advance(30)
    client.subscribed()
    client.advance(24.9)
    assert client.done == []
    client.advance(25.2)
    assert client.done == ["OPTIONS", "OPTIONS"]


@pytest.mark.parametrize(
    ("states", "done"),
    [
        ("connected", ["+1000"]),
        ("connected disconnected", ["+1000", "-1000"]),
        ("connected disconnected shutdown destroyed", ["+1000", "-1000"]),
        ("connected shutdown disconnected destroyed", ["+1000", "-1000"]),
        ("connected destroyed", ["+1000"]),  # the whole endpoint ends: the transport is gone already
        ("disconnected shutdown destroyed", []),  # never connected
        ("connected disconnected destroyed connected", ["+1000", "-1000", "+1000"]),  # the handle is used again
    ],
)
def test_hold_transport_gives_back_exactly_once(client: RecordingClient, states: str, done: list[str]) -> None:
    """One reference from the connection to its end, never two given back."""
    HoldTransport().attach(client)
    for state in states.split():
        client.transport(FIRST, TransportState(state))
    assert client.done == done


def test_hold_transport_takes_the_next_while_the_last_is_still_ending(client: RecordingClient) -> None:
    """Transports overlap at a reconnection; each has its own reference."""
    HoldTransport().attach(client)
    client.transport(FIRST, TransportState.CONNECTED)
    client.transport(SECOND, TransportState.CONNECTED)
    client.transport(FIRST, TransportState.SHUTDOWN)
    client.transport(SECOND, TransportState.DISCONNECTED)
    assert client.done == ["+1000", "+2000", "-1000", "-2000"]


def test_two_clients_do_not_share_references() -> None:
    """One mitigation value, attached to two clients, keeps their transports apart."""
    mitigation, one, other = HoldTransport(), RecordingClient(), RecordingClient()
    mitigation.attach(one)
    mitigation.attach(other)
    one.transport(FIRST, TransportState.CONNECTED)
    other.transport(FIRST, TransportState.SHUTDOWN)
    assert (one.done, other.done) == (["+1000"], [])


def test_every_module_of_the_folder_is_in_the_catalogue() -> None:
    """A file is found by being there, under the name it has."""
    folder = Path(lab.mitigations.__path__[0])
    files = {path.stem.replace("_", "-") for path in folder.glob("[!_]*.py")}
    assert set(classes()) == files - {"base", "catalogue"}
    assert all(kind == cls.kind for kind, cls in classes().items())


def test_every_mitigation_is_a_sourced_value() -> None:
    """Frozen dataclasses that name who recommends them: an RFC section or an issue."""
    for cls in classes().values():
        assert getattr(cls, "__dataclass_params__").frozen, cls  # noqa: B009  (typeshed does not know it)
        assert re.search(r"RFC \d+ §\d|#\d+", cls.source), cls


@pytest.mark.parametrize("mitigation", [OptionsPing(interval=Seconds(25)), HoldTransport()])
def test_crosses_processes(mitigation: OptionsPing | HoldTransport) -> None:
    """What the runner sends is what the client gets."""
    plugins = {cls.__name__: cls for cls in classes().values()}
    data = to_json(mitigation)
    assert from_json(plugins[data["kind"]], data) == mitigation
