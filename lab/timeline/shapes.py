"""Defines the parts of a cell's page. All times are in seconds after time zero, negative before, to a microsecond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LaneKind = Literal["client", "link", "middlebox", "proxy", "server", "pushes", "faults", "probes"]
MessageKind = Literal["sip", "keep-alive", "tls", "tcp"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Something that lasted.

    Attributes:
        from_s, to_s: when it began and ended; equal: it was over at once. ``to_s`` None: it lasted until the end of the
            record, or the record does not have its end.
        row: the row of the lane that it is drawn in, such as ``flow f1``; spans of one row do not overlap.
        kind: what it is, one word, for colors.
        text: what it is, for people.
        evidence: the lines of ``record.jsonl`` (from 1) that show it.
    """

    from_s: float
    to_s: float | None
    row: str
    kind: str
    text: str
    evidence: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """Something that happened at one moment.

    Attributes:
        at_s: when.
        kind: what it is, one word, for colors.
        text: what it is, for people.
        evidence: the lines of the record that show it; of a burst of packets its first and its last. Empty: another
            record shows it, that of a twin.
    """

    at_s: float
    kind: str
    text: str
    evidence: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """The deeds of one part of the network over time.

    Attributes:
        id: the name of the node or link; ``pushes``, ``faults``, ``probes``. No two are the same: a link's begins
            with ``link``, as ``link lan``.
        kind: what it is of.
        title: for people.
        spans: by the time at which they began.
        marks: in the order of time.
    """

    id: str
    kind: LaneKind
    title: str
    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A step of the ladder: a SIP message, or what the transport did (a handshake, a keep-alive, an end).

    Attributes:
        at_s: when it was sent, as its sender says, but not before its connection could carry it; if the sender says
            nothing, when it arrived.
        arrived_s: when the other end had read it; None: it did not, or does not say.
        from_, to: the nodes. A segment that the network forged comes from the node that made it.
        flow: the server's name for the connection, ``f1``; None: the server has seen none.
        kind: ``sip``, or what is folded away at first: ``keep-alive``, ``tls``, ``tcp``.
        first: the first line of the message, or what it is.
        text: the whole message as it was sent, lines ended by LF; empty of what is no SIP.
        arrived_text: as it arrived, if something on the way has changed it; else empty.
        cseq, call_id: as written; empty if there is none.
        repeats: the index, in the ladder, of the message of which it is a retransmission; None: it is none.
        lost: whether it had not arrived when the record ended; None: that is not known.
        evidence: the lines of the record that show it.
    """

    at_s: float
    arrived_s: float | None
    from_: str
    to: str
    flow: str | None
    kind: MessageKind
    first: str
    text: str = ""
    arrived_text: str = ""
    cseq: str = ""
    call_id: str = ""
    repeats: int | None = None
    lost: bool | None = None
    evidence: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """A cell over time.

    Attributes:
        starts_s, ends_s: the times of the first and the last thing in it.
        lanes: the client's, then links and middleboxes on the way to the server, the server's, pushes, faults, probes.
        messages: in the order in which they were sent.
    """

    starts_s: float
    ends_s: float
    lanes: tuple[Lane, ...]
    messages: tuple[Message, ...]
