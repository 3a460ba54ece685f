"""Lists the words that options accept; imports little, because ``lab --help`` reads it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path


class ClockChoice(str, Enum):
    """The values of ``--clock``."""

    AUTO = "auto"
    REAL = "real"
    VIRTUAL = "virtual"


class TransportChoice(str, Enum):
    """The values of ``--transport`` where the client is pjsip."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class AnyTransportChoice(str, Enum):
    """The values of ``--transport`` where the client is anybody's."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    WS = "ws"
    WSS = "wss"


class AccountChoice(str, Enum):
    """The values of ``--account``."""

    SUBSCRIBE = "subscribe"
    REGISTER = "register"
    REGISTER_AND_SUBSCRIBE = "register-and-subscribe"


class DigestChoice(str, Enum):
    """The values of ``--authentication`` of an actor."""

    NONE = "none"
    MD5 = "MD5"
    SHA_256 = "SHA-256"

    @property
    def algorithm(self) -> str:
        """The hash; empty: there is no authentication."""
        return "" if self is DigestChoice.NONE else self.value


class PlaceChoice(str, Enum):
    """The values of ``--in``."""

    REAL = "real"
    DOCKER = "docker"
    VIRTUAL = "virtual"


def _servers() -> list[str]:
    """Return the names of the server programs without importing them: each is a folder."""
    folder = Path(__file__).parent.parent / "servers"
    return sorted((path.parent.name for path in folder.glob("*/__init__.py")), key=lambda name: name != "scripted")


ServerChoice = Enum("ServerChoice", {name.upper(): name for name in _servers()}, type=str)  # type: ignore[misc]  # mypy wants words
"""What ``--server`` takes."""
DEFAULT_SERVER = next(iter(ServerChoice))


class ProbeChoice(str, Enum):
    """The commands of `lab actor tell`."""

    NOTIFY = "notify"
    MESSAGE = "message"
    OPTIONS = "options"
    INVITE = "invite"


class KindChoice(str, Enum):
    """The values of `lab list`."""

    STRATEGIES = "strategies"
    MIDDLEBOXES = "middleboxes"
    PROXIES = "proxies"
    DEVICES = "devices"
    FAULTS = "faults"
    TOPOLOGIES = "topologies"
    SCENARIOS = "scenarios"
    CLIENTS = "clients"
    SERVERS = "servers"
    MITIGATIONS = "mitigations"
    CAUSES = "causes"
    FAILURES = "failures"
