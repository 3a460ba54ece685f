"""Watches the mappings of a middlebox through conntrack's announcements, in the runner's process.

The kernel looks for expired mappings at most once a minute, so an announcement may be that late; its ``stopped`` stamp
is the true end (``nf_ct_delete`` subtracts the delay). ``observe_now`` makes it announce what has expired so far.
"""

from __future__ import annotations

import asyncio
import errno
import time

from lab.actors.kernel_clock import to_monotonic
from lab.errors import LabFault
from lab.network import conntrack, netns
from lab.network.conntrack import Mapping
from lab.network.netlink import RECEIVE
from lab.record import events
from lab.record.writer import Emit


class MappingObserver:
    """Emits the mappings of one middlebox as they come and go, each with the moment at which it did.

    A LabFault raised while the event loop delivers reaches the loop's exception handler.

    Args:
        node: the middlebox's name, for messages.
        namespace: its network namespace.
        emit: where events go.
    """

    def __init__(self, node: str, namespace: int, emit: Emit) -> None:
        self._node = node
        self._namespace = namespace
        self._emit = emit
        with netns.entered(namespace):
            self._link = conntrack.announcements()
        self._link.sock.settimeout(0)
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self) -> None:
        """Deliver events from the running event loop as they come."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._link.sock.fileno(), self._drain)

    def observe_now(self) -> None:
        """Emit everything that has happened up to this moment, expiries included.

        Raises:
            LabFault: announcements were lost.
        """
        conntrack.table(self._namespace)
        self._drain()

    def close(self) -> None:
        """Stop watching."""
        if self._loop is not None:
            self._loop.remove_reader(self._link.sock)
        self._link.close()

    def _drain(self) -> None:
        while True:
            try:
                data = self._link.sock.recv(RECEIVE)
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno == errno.ENOBUFS:
                    raise LabFault(
                        f"watch the mappings of {self._node}", detail="more came than was read; some are lost"
                    ) from problem
                raise
            for is_new, mapping in conntrack.announced(data):
                self._tell(mapping, is_new=is_new)

    def _tell(self, mapping: Mapping, *, is_new: bool) -> None:
        now = time.monotonic()
        stamp = mapping.started if is_new else mapping.stopped
        at = to_monotonic(stamp) if stamp else now
        event = events.Mapping(
            state="new" if is_new else "destroyed",
            proto=mapping.proto,
            inside=mapping.inside,
            outside=mapping.outside,
            remote=mapping.remote,
            id=mapping.number,
            tcp_state=mapping.tcp_state,
            seen=round(now - at, 6),
        )
        self._emit(event, at=at)
