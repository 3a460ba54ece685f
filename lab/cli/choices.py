"""What options with a fixed set of words take; light, because ``lab --help`` reads it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path


class ClockChoice(str, Enum):
    """What ``--clock`` takes."""

    AUTO = "auto"
    REAL = "real"
    VIRTUAL = "virtual"


class TransportChoice(str, Enum):
    """What ``--transport`` takes."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class AccountChoice(str, Enum):
    """What ``--account`` takes."""

    SUBSCRIBE = "subscribe"
    REGISTER = "register"
    REGISTER_AND_SUBSCRIBE = "register-and-subscribe"


class DigestChoice(str, Enum):
    """What ``--authentication`` of an actor takes."""

    NONE = "none"
    MD5 = "MD5"
    SHA_256 = "SHA-256"

    @property
    def algorithm(self) -> str:
        """The hash; empty: there is no authentication."""
        return "" if self is DigestChoice.NONE else self.value


class PlaceChoice(str, Enum):
    """What ``--in`` takes."""

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
    """What `lab actor tell` takes."""

    NOTIFY = "notify"
    MESSAGE = "message"
    OPTIONS = "options"
    INVITE = "invite"


class KindChoice(str, Enum):
    """What `lab list` takes."""

    STRATEGIES = "strategies"
    MIDDLEBOXES = "middleboxes"
    FAULTS = "faults"
    TOPOLOGIES = "topologies"
    SCENARIOS = "scenarios"
    CLIENTS = "clients"
    SERVERS = "servers"
    MITIGATIONS = "mitigations"
    CAUSES = "causes"
    FAILURES = "failures"
