"""Records the messages that Kamailio reads and sends, as its log shows them."""

from __future__ import annotations

from collections import defaultdict

from lab.actors.channel import Channel
from lab.record.events import MessageText, ServerSipMessage
from lab.servers.kamailio.config import MESSAGE_BYTES
from lab.servers.kamailio.flows import Flows
from lab.servers.kamailio.log import LogLine
from lab.sip.transaction import TIMER_F


class Messages:
    """The messages; one that is logged before its flow is known waits for that.

    Kamailio logs a message, too, that it cannot send because the connection is gone. That one waits in vain.

    Args:
        channel: takes what is seen.
        flows: all that are there.
    """

    def __init__(self, channel: Channel, flows: Flows) -> None:
        self._channel = channel
        self._flows = flows
        self._waiting: dict[str, list[tuple[LogLine, float]]] = defaultdict(list)

    def passed(self, told: LogLine, *, at: float) -> None:
        """Record a message, or let it wait for its flow."""
        name = _flow(told)
        if self._flows.named(name) is None:
            self._waiting[name].append((told, at))
        else:
            self._emit(name, told, at)

    def flow_seen(self, name: str, *, at: float) -> None:
        """Record what has waited for a flow; what waited for longer than a transaction lasts was for another."""
        for told, since in self._waiting.pop(name, ()):
            if at - since <= TIMER_F:
                self._emit(name, told, since)

    def forget(self) -> None:
        """Forget what waits: Kamailio is gone."""
        self._waiting.clear()

    def _emit(self, name: str, told: LogLine, at: float) -> None:
        flow = self._flows.named(name)
        assert flow is not None
        message = ServerSipMessage(
            way="received" if told.get("passed") == "rcv" else "sent",
            flow=flow.id,
            text=MessageText(told.get("text")),
            cut=told.number("bytes") > MESSAGE_BYTES,
        )
        self._channel.emit(message, at=at)


def _flow(told: LogLine) -> str:
    """Return the name of the flow as requests have it: the peer first; the line has the sender first."""
    name = told.get("flow")
    if told.get("passed") == "rcv":
        return name
    transport, _, ends = name.partition(":")
    source, _, destination = ends.partition("/")
    return f"{transport}:{destination}/{source}"
