"""What a fault is: its parameters, when it cannot happen, how it is done, what proves it, and what it costs a probe.

A fault is one thing the lab can do to a running cell: a frozen dataclass whose fields are its keys in scenarios, and
whose docstring is what ``lab reference`` prints. One file each; a file in this folder is found by being there (see
``lab.faults.catalogue``) and nothing else in the tree names it. Files whose name begins with ``_`` hold what several
faults share.

"Inside" is the client's side, "outside" the server's. The client's *current flow* is the transport association that
carried its newest subscription to the server.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from lab.model import fault as model
from lab.model.endpoint import Endpoint
from lab.model.outcome import CauseFound
from lab.model.scenario import Cell
from lab.model.topology import Link, Topology
from lab.model.verdict import CauseKind
from lab.record import codec
from lab.record.entry import Entry
from lab.record.events import FaultBegan, Obeyed
from lab.record.evidence import Evidence, ProbeAttempt
from lab.record.flows import Flow

P = TypeVar("P", bound=msgspec.Struct)


# What a fault may see and do of the running cell


class RunningCell(Protocol):
    """The running cell as a fault sees it."""

    @property
    def cell(self) -> Cell:
        """What is run."""

    @property
    def namespaces(self) -> Mapping[str, int]:
        """A descriptor of each node's network namespace, by the node's name."""

    @property
    def client_node(self) -> str:
        """The name of the client's node."""

    @property
    def server_node(self) -> str:
        """The name of the server's node."""

    @property
    def server_endpoint(self) -> Endpoint:
        """Where the client reaches the server."""

    @property
    def certificates(self) -> Path:
        """The folder of the run's certificates."""

    def current_flow(self) -> Flow | None:
        """Return the client's current flow; None before the first subscription."""

    def next_sequence_number(self, link: str, source: Endpoint, target: Endpoint) -> int | None:
        """Return what the next TCP segment of ``source`` begins with, as seen on a link; None if none was seen."""

    async def ask_server(self, do: str, **fields: Any) -> Obeyed:
        """Tell the server something and wait until it has done it.

        Raises:
            LabFault: it did not obey at once.
        """

    def tell_server(self, do: str, **fields: Any) -> None:
        """Tell the server something and do not wait."""

    def freeze_server(self) -> bool:
        """Stop the server's process where it stands; return whether the kernel says that it is stopped."""

    def thaw_server(self) -> None:
        """Let the server's process go on."""

    async def tell_client_ip_changed(self) -> None:
        """Tell the client program that its address has changed, and wait until it has taken note.

        Raises:
            LabFault: the lab's own client did not take note.
        """


def nothing_to_end() -> int | None:
    """End a fault that leaves nothing to undo."""
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class InForce:
    """A fault that has begun.

    Attributes:
        proof: a ``Proof`` of the fault: what shows that it took effect, as read back from the kernel or said by the
            actor.
        lasts: seconds; 0: over as soon as begun; None: until the end of the run.
        end: undoes it; returns how many packets its rules have lost, None if it has no such rules.
    """

    proof: msgspec.Struct
    lasts: float | None = 0.0
    end: Callable[[], int | None] = field(default=nothing_to_end)


# What a judge asks of a fault


@dataclass(frozen=True, kw_only=True, slots=True)
class Infeasible:
    """Why a fault means nothing in a cell.

    Attributes:
        what: a clause without a full stop.
        allowed: what would make it possible.
        key: the key of the fault's that it cannot have there; empty: the fault itself.
    """

    what: str
    allowed: str
    key: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Harm:
    """A trace of a fault on the flow of a lost probe.

    Attributes:
        since_s: from when on the fault stood in the way: its own time, or that of the first thing it cost.
        evidence: lines of the record that show it, besides the fault's own.
    """

    since_s: float
    evidence: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Struck(Generic[P]):
    """A fault that has begun, and the lost probe it may have cost.

    Attributes:
        evidence: of the cell.
        began, over: the fault's entry in the record, and when it was over.
        proof: what it proved when it began.
        probe, flow: the probe, and the flow it took or should have taken.
        closed: when the client closed that flow for a reason of its own, if it did.
    """

    evidence: Evidence
    began: Entry[FaultBegan]
    over: float
    proof: P
    probe: ProbeAttempt
    flow: Flow
    closed: float | None

    @property
    def at(self) -> float:
        """When the fault began."""
        return self.began.t


# The fault itself


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault(model.Fault):
    """Base of all faults; each overrides what differs.

    A class that derives from it has a nested ``Proof``, a frozen msgspec struct with a docstring: what the record gets
    when it begins.
    """

    Proof: ClassVar[type[msgspec.Struct]]
    """What shows that it took effect; see `InForce`."""

    # When it cannot happen

    targets_any_node: ClassVar[bool] = False
    """Its ``node`` may be any node between client and server that forwards, not a middlebox alone."""
    needs_server: ClassVar[frozenset[str]] = frozenset()
    """What the server's process must be for it to happen: ``listens`` (it is told something, which it cannot hear while
    it stands still), ``up`` (there is somebody to act on or to connect to)."""
    switch: ClassVar[str] = ""
    """What it sets in the server: of two faults that set the same thing, the end of one would end the other."""
    moves_client: ClassVar[bool] = False
    """It takes the client to its second network."""
    strikes_table: ClassVar[bool] = False
    """It acts on a middlebox's table, which is empty before the client is there."""

    def new_address_on(self, topology: Topology) -> Link | None:
        """Return the link on which its ``address`` must be a free one; None: it has no such key."""
        return None

    def why_no_target(self, topology: Topology) -> tuple[str, str] | None:
        """Say why a topology has nothing it could act on, and what is allowed; None: it has."""
        return None

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """Say why transport, server or client of a cell do not have what it is about; None: they do."""
        return None

    def place(self, cell: Cell) -> tuple[str, str] | None:
        """Return the key that names where it acts and the place; None: it acts on an end, not on the way."""
        return None

    def server_needs(self, cell: Cell) -> tuple[str, ...]:
        """Return what the server's program must be able to do for it, in the words of ``lab.servers``."""
        return ()

    @property
    def keeps_server_s(self) -> float:
        """For how long it keeps the server in another state; infinite: until the end of the run."""
        return 0.0

    @property
    def duration_s(self) -> float | None:
        """For how long it lasts; None: it is over at once, or lasts until the end of the run."""
        lasts = getattr(self, "lasts", None)
        return None if lasts is None else float(lasts)

    # How it is done

    def prepare(self) -> None:
        """Load what ``begin`` needs, while the cell is built: later it would cost time that counts."""

    def begin(self, number: int, cell: RunningCell) -> InForce | Awaitable[InForce]:
        """Do it, now.

        Args:
            number: its place in the scenario, from 0: names of its rules are made of it.
            cell: the running cell.
        """
        raise NotImplementedError

    # What proves it

    def missing(self, proof: Any, began: Entry[FaultBegan], evidence: Evidence, *, until: float) -> str:
        """Say what the record should show of it and does not; empty if it shows it.

        Args:
            proof: its ``Proof``.
            began: its entry in the record.
            evidence: of the cell.
            until: when it was over.
        """
        raise NotImplementedError

    # What it does to a probe and to the lab's own flows

    @property
    def stops_server_s(self) -> float:
        """For how long the server's process stands still, so that a probe may come that much later."""
        return 0.0

    @property
    def mended_by_next_sign(self) -> bool:
        """Return whether it is mended by a later sign that server and client reach each other, although it lasts."""
        return False

    def blocks(self, proof: Any, evidence: Evidence, probe: ProbeAttempt, flow: Flow | None) -> bool:
        """Return whether no probe can have been answered on this flow while it was in force."""
        return False

    def empties_table(self, node: str) -> bool:
        """Return whether that middlebox has lost its whole table by it."""
        return False

    @property
    def takes_outside_address(self) -> bool:
        """Return whether the middlebox it acts on has another address outside afterwards."""
        return False

    @property
    def cuts_link(self) -> str:
        """Return the link that carries nothing meanwhile; empty: none."""
        return ""

    # What it costs

    causes: ClassVar[tuple[CauseKind, ...]]
    """The kinds of cause it can be; mostly one."""

    @property
    def cause(self) -> CauseKind:
        """The kind of cause it is with these parameters."""
        return self.causes[0]

    def words(self) -> str:
        """Say what happened, for a sentence that goes on with its time."""
        raise NotImplementedError

    def harm(self, struck: Struck[Any]) -> Harm | None:
        """Return what it did to the flow of a lost probe; None if the record shows nothing."""
        raise NotImplementedError

    def borne_out(self, found: CauseFound, struck: Struck[Any]) -> CauseFound | None:
        """Return the cause as the record bears it out, with what shows it; None if it does not.

        For faults that harm only who meets them: whoever was refused says so.
        """
        return found


@functools.cache
def _decoder(kind: type[P]) -> msgspec.json.Decoder[P]:
    return msgspec.json.Decoder(kind, dec_hook=codec.read_endpoint)


def proof_of(fault: Fault, began: Entry[FaultBegan]) -> Any:
    """Return what a fault proved when it began, as its ``Proof``.

    Raises:
        ValueError: the record has something else.
    """
    return _decoder(fault.Proof).decode(began.event.proof)


def faults_of(cell: Cell) -> tuple[Fault, ...]:
    """Return the faults of a cell."""
    return tuple(fault for fault in cell.faults if isinstance(fault, Fault))


def begun(evidence: Evidence) -> Iterator[tuple[int, Fault, Entry[FaultBegan], float]]:
    """Return the faults that began: place in the scenario, the fault, its entry, and when it was over (or infinite)."""
    for number, fault in enumerate(faults_of(evidence.cell)):
        began, ended = evidence.fault_began(number), evidence.fault_ended(number)
        if began is not None:
            yield number, fault, began, float("inf") if ended is None else ended.t
