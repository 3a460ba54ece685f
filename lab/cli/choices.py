"""What options with a fixed set of words take; light, because ``lab --help`` reads it."""

from __future__ import annotations

from enum import Enum


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


class PlaceChoice(str, Enum):
    """What ``--in`` takes."""

    REAL = "real"
    DOCKER = "docker"
    VIRTUAL = "virtual"


class ServerChoice(str, Enum):
    """What ``--server`` takes."""

    SCRIPTED = "scripted"
    KAMAILIO = "kamailio"


class ProbeChoice(str, Enum):
    """What `lab actor tell` takes."""

    NOTIFY = "notify"
    MESSAGE = "message"
    OPTIONS = "options"
    INVITE = "invite"
