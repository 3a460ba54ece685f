"""Names the client's connections in the record, follows their states, and says why each ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.clients.pjsip.library import Transport
from lab.mitigations.base import TransportState
from lab.record.events import ClientEvent, ClientTransport, TransportReference, Unanswered

IDLE_TIMER = "idle-timer"
"""The reason of an end by pjsip's idle timer; any other reason is pjsip's own text."""

_IDLE = re.compile(r"Transport (\S+) is being destroyed due to timeout in idle timer")  # sip_transport.c
_CANCELLED = 70014  # PJ_ECANCELLED: the error of every transport that was told to end, whatever the reason
_TLS_CLOSED = 470006  # PJ_SSL_ERRNO_START + SSL_ERROR_ZERO_RETURN, which pjsip's own text calls "EVP lib"

Emit = Callable[[ClientEvent], None]
"""Writes an event to the record."""


def error_text(status: int, endpoint: Any) -> str:
    """Return pjsip's text for a transport's last error; empty if that was none.

    Args:
        status: the error.
        endpoint: ``pjsua2.Endpoint``.
    """
    if status == _TLS_CLOSED:
        return "TLS closed by the other side (close_notify)"
    return "" if status in (0, _CANCELLED) else str(endpoint.utilStrError(status))


@dataclass(slots=True)
class _TrackedTransport:
    id: str
    transport: Transport
    alive: bool = False
    reason: str = ""


class Transports:
    """Follows the handles pjsip speaks of; a handle may be used again after its transport was destroyed.

    Args:
        emit: where events go.
        read: reads the transport of a handle.
        logs_idle_end: whether pjsip's log tells of the idle timer. Where it does not, an end that nothing announced is
            the idle timer's: before any other pjsip says that the transport is disconnected or shut down.
    """

    def __init__(self, emit: Emit, read: Callable[[int], Transport], *, logs_idle_end: bool = True) -> None:
        self._emit = emit
        self._read = read
        self._logs_idle_end = logs_idle_end
        self._known: dict[int, _TrackedTransport] = {}
        self._count = 0
        self._watchers: list[Callable[[int, TransportState], None]] = []

    def watch(self, callback: Callable[[int, TransportState], None]) -> None:
        """Call back at each state, after it was written to the record."""
        self._watchers.append(callback)

    def on_log(self, line: str) -> None:
        """Look at a line of pjsip's log: only there does it say that its idle timer ended a transport.

        It says so too of a transport that had ended before and was kept by references: that one's reason stands.
        """
        if "idle timer" not in line or (match := _IDLE.search(line)) is None:
            return
        for known in self._known.values():
            if known.transport.name == match[1] and known.alive:
                known.reason = IDLE_TIMER

    def on_state(self, handle: int, state: TransportState, *, type: str, error: str) -> None:  # noqa: A002
        """Take note of a state; ``error`` is pjsip's text for the transport's last error, empty if there was none.

        The first error is the reason; later ones are its consequences.
        """
        known = self._known.get(handle)
        if known is None:
            self._count += 1
            known = self._known[handle] = _TrackedTransport(f"tp{self._count}", self._read(handle))
        unannounced = known.alive and state is TransportState.DESTROYED and not error
        known.alive = state is TransportState.CONNECTED
        known.reason = known.reason or error or (IDLE_TIMER if unannounced and not self._logs_idle_end else "")
        self._emit(
            ClientTransport(
                id=known.id,
                state=state.value,
                type=type,
                local=known.transport.local,
                remote=known.transport.remote,
                reason=known.reason,
            )
        )
        if state is TransportState.DESTROYED:
            del self._known[handle]
        for watcher in self._watchers:
            watcher(handle, state)

    def give_up(self, handle: int, *, after: float) -> bool:
        """Write to the record that nothing was answered within ``after`` seconds; False if it has ended already."""
        known = self._known.get(handle)
        if known is None or not known.alive:
            return False
        known.reason = known.reason or f"given up: no answer within {after:g} s"
        self._emit(Unanswered(id=known.id, patience=float(after)))
        return True

    def alive(self) -> list[int]:
        """Return the handles of the connections that have not ended."""
        return [handle for handle, known in self._known.items() if known.alive]

    def of(self, handle: int) -> Transport:
        """Return the transport of a handle that is not yet destroyed, as it was when first seen."""
        return self._known[handle].transport

    def id(self, handle: int) -> str:
        """Return its name in the record."""
        return self._known[handle].id

    def on_ref(self, handle: int, *, held: bool) -> None:
        """Write to the record that a mitigation took or gave back a reference."""
        self._emit(TransportReference(id=self._known[handle].id, held=held))
