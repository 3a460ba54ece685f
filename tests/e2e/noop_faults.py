"""Runs a cell in which what a fault does is not done; only the test beside it asks for it.

A cell's folder names what is left undone, one of ``UNDONE``. Each takes away the one act on kernel or server, as far
down as it can be taken away, and leaves in place all that looks whether it was done.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.backends import netns
from lab.backends.base import OpenBackend
from lab.faults import reboot
from lab.network import apply, conntrack, drop_rules, forge, link_change
from lab.network.netlink import Netlink
from lab.record.events import Obeyed
from lab.runner import cell
from lab.servers.name_server import NameServer
from lab.servers.scripted import flows
from lab.servers.scripted.connections import Connections
from lab.servers.scripted.server import SipServer
from tests.fault_cases import brought

FILE_NAME = "undone"

_nft = apply.nft
_killpg = os.killpg


class _Deaf(Netlink):
    """Asks the kernel for nothing and is told that it is done."""

    def request(self, kind: int, message: Any, *, flags: int = 0) -> list[Any]:  # noqa: ARG002  (unheard)
        return []


class _NoStop:
    """The module ``os``, but for the signal that stops a process."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def killpg(self, group: int, number: int) -> None:
        if number != signal.SIGSTOP:
            _killpg(group, number)


def _loses_nothing(commands: str) -> str:
    return _nft(commands.replace(drop_rules.LOSE, "counter"))


def _obeys(do: str, **said: Any) -> Callable[..., None]:
    """A server that says that it has obeyed."""

    def obey(server: Any, manner: Any = None, **_: Any) -> None:
        told = {"mode": manner.mode, "by": manner.by} if manner is not None else said
        server._channel.emit(Obeyed(do=do, **told))

    return obey


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _same(names: Any, _: str) -> str:
    return str(names._meant)


def _no_readdress(interface: str, new: Any, *, node: int, neighbour: int) -> tuple[str, ...]:
    return ("198.51.100.2/24",)


UNDONE: dict[str, tuple[Any, str, Any]] = {
    "table": (conntrack, "forget_flows", _nothing),
    "address": (reboot, "readdress", _no_readdress),
    "eviction": (conntrack, "forget", _nothing),
    "losses": (drop_rules, "nft", _loses_nothing),
    "segment": (forge, "forge", _nothing),
    "close": (flows.StreamFlow, "close", _nothing),
    "restart": (SipServer, "go_down", _obeys("go-down")),
    "stop": (netns, "os", _NoStop()),
    "manner": (SipServer, "answer", _obeys("answer")),
    "certificate": (Connections, "serve_certificate", _nothing),
    "names": (NameServer, "answer", _nothing),
    "moving": (NameServer, "move", _same),
    "revocation": (Connections, "heed_revocation", _nothing),
    "move": (link_change, "Netlink", _Deaf),
    **{name: act for cases in brought() for name, act in cases.acts.items()},
}
"""Where what is left undone is, and what is there instead."""


JOB = f"{__name__}:run"


def run(folder: Path, open_backend: OpenBackend) -> int:
    """Run a cell, in a process of its own, whose actors are its forks."""
    for name in (folder / FILE_NAME).read_text(encoding="utf-8").split():
        place, attribute, instead = UNDONE[name]
        assert hasattr(place, attribute)
        setattr(place, attribute, instead)
    return cell.run(folder, open_backend)
