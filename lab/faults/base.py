"""Defines the interface of faults: parameters, feasibility, execution, proof, and effect on a probe.

A fault is one thing that the lab can do to a running cell. It is a frozen dataclass in a module of its own, found by
being in this folder (``lab.faults.catalog``); nothing outside its module names it. Its fields are its keys in
scenarios, and its docstring is what ``lab reference`` prints. Modules whose name begins with ``_`` hold what several
faults share.

"Inside" is the client's side, "outside" the server's. The client's *current flow* is the transport association that
it uses: of those that live, the one that carried its last REGISTER or SUBSCRIBE (``lab.record.flows.Flows.in_use``).
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

import msgspec

from lab.faults._running_cell import RunningCell
from lab.model import fault as model
from lab.model.scenario import Cell
from lab.model.topology import Topology
from lab.model.verdict import CauseKind
from lab.record import codec
from lab.record.entry import Entry
from lab.record.events import ClientAddresses, FaultBegan
from lab.record.evidence import Evidence, ProbeAttempt
from lab.record.flows import Flow

__all__ = [
    "IS_DOWN",
    "STANDS_STILL",
    "ActiveFault",
    "Fault",
    "FaultImpact",
    "Infeasible",
    "LostProbe",
    "Occurrence",
    "RunningCell",
    "WideEffect",
    "client_moves",
    "faults_of",
    "nothing_to_end",
    "occurrence",
    "occurrences",
    "standstill_s",
]

P = TypeVar("P", bound=msgspec.Struct)

STANDS_STILL = "the server stands still"
"""A state of the server (`Fault.holds`) in which it hears no command."""
IS_DOWN = "the server is down"
"""A state of the server in which nobody can connect to it, and there is no connection to act on."""


# How a fault is done


def nothing_to_end() -> int | None:
    """End a fault that leaves nothing to undo."""
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveFault:
    """A fault that has begun in the running cell.

    Attributes:
        proof: a ``Proof`` of the fault: what shows that it took effect, as read back from the kernel or said by the
            actor.
        end: undoes it; returns how many packets its rules have lost, None if it has no such rules.
    """

    proof: msgspec.Struct
    end: Callable[[], int | None] = nothing_to_end


# What is asked of a fault


@dataclass(frozen=True, kw_only=True, slots=True)
class Infeasible:
    """The reason why a fault cannot take effect in a cell.

    Attributes:
        what: a clause without a full stop.
        allowed: what would make it possible.
        key: the key of the fault that cannot have this value there; empty: the fault itself cannot be there.
    """

    what: str
    allowed: str
    key: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class WideEffect:
    """The effect of a fault on every flow on its path, the sentinel's too.

    Attributes:
        cuts_link: the link that carries nothing meanwhile; empty: none.
        empties_table: the middlebox that loses its whole table; empty: none.
        new_address: the address outside that this middlebox has afterwards; empty: the one it had.
        moves_client: whether the client leaves its first network for its second.
        returns: whether it comes back.
    """

    cuts_link: str = ""
    empties_table: str = ""
    new_address: str = ""
    moves_client: bool = False
    returns: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Occurrence(Generic[P]):
    """A fault that has begun, as the record shows it.

    Attributes:
        evidence: of the cell.
        began: the entry of its beginning.
        over: when it was over; infinite if the record does not have its end.
        proof: its ``Proof``.
    """

    evidence: Evidence
    began: Entry[FaultBegan]
    over: float
    proof: P

    @property
    def at(self) -> float:
        """The time of its beginning."""
        return self.began.t


@dataclass(frozen=True, kw_only=True, slots=True)
class LostProbe:
    """A probe that was not answered.

    Attributes:
        probe: the probe.
        flow: the flow that it took or should have taken.
        closed: when the client closed that flow for a reason of its own; None: it did not.
        account: what tells the server where to send the probe: ``subscription`` or ``registration``.
        asked_again_s: when the client asked on another flow to renew the account, and was not granted it; None: it did
            not ask.
    """

    probe: ProbeAttempt
    flow: Flow
    closed: float | None
    account: Literal["subscription", "registration"] = "subscription"
    asked_again_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultImpact:
    """A trace of a fault on the flow of a lost probe.

    Attributes:
        since_s: from when on the fault stood in the way: its own time, or that of the first thing it cost.
        evidence: lines of the record that show it, besides the fault's own.
        words: what the sentence about the fault goes on with, such as ``, and the client refused it``.
        anew_s: when it kept the client from a new flow in the place of one that had ended; None: it did not.
    """

    since_s: float
    evidence: tuple[int, ...] = ()
    words: str = ""
    anew_s: float | None = None


# The fault itself


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault(model.Fault):
    """Base of all faults; each overrides what differs. It must have `Proof`, `causes`, and what raises here."""

    Proof: ClassVar[type[msgspec.Struct]]
    """What shows that it took effect (see `ActiveFault`): a frozen msgspec struct with a docstring. The record has it
    as
    JSON, so later versions may add fields with defaults only."""
    order: ClassVar[int] = 1000
    """Its place where faults are listed: the smaller first, then by name."""

    # When it cannot happen

    acts_on: ClassVar[Literal["", "packets", "table"]] = ""
    """What it acts on at its ``node`` or ``link``: the client's packets that pass there; or the table of a middlebox,
    which ``node`` must name then; empty: neither."""
    only_forgets: ClassVar[bool] = False
    """All that it does is to end mappings of a middlebox, and perhaps to give it another address. What follows depends
    on the middlebox's timers only if one of them ends."""
    holds: ClassVar[str] = ""
    """What it sets in the server for as long as it lasts, such as `STANDS_STILL`. Of two faults that set the same thing
    the end of one would end the other."""
    not_while: ClassVar[frozenset[str]] = frozenset()
    """The states of the server in which it cannot begin: `STANDS_STILL`, `IS_DOWN`."""
    is_change: ClassVar[bool] = False
    """It changes something for good, rather than disturbing it for a time: a client that has found its way since is
    over it, and another such fault may follow."""
    of_device: ClassVar[bool] = False
    """It is what the device does to its apps day by day, and no accident: the silent hour of costs has it, too."""
    restarts_client: ClassVar[bool] = False
    """It may start the client's program again, once."""
    needs_radio: ClassVar[bool] = False
    """What it does depends on the cellular network of the scenario (``radio``), which else only costs do."""
    tries: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType({})
    """Values for a search (``lab explore``) of a key whose type does not say which make a difference."""

    @classmethod
    def misfit(cls, topology: Topology, written: Mapping[str, str]) -> Infeasible | None:
        """Say what of it does not fit a network; None: all fits, as far as it is written.

        The loader asks this of what is written, so that it can report it beside other problems of the same fault. It
        looks itself whether ``node`` and ``link`` exist.

        Args:
            topology: of the scenario.
            written: values that are text, by key.
        """
        return None

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """Say why a cell (its transport, server, client, other faults) lacks what it is about; None: it does not."""
        return None

    def server_needs(self, cell: Cell) -> tuple[str, ...]:
        """Return what the server must be able to do for it: words that stand in the ``lacks`` of one that cannot."""
        return ()

    # How it is done

    @property
    def lasts_s(self) -> float:
        """For how long it lasts; 0: it is over as soon as it has begun; infinite: until the end of the run."""
        lasts = getattr(self, "lasts", 0.0)
        return float("inf") if lasts is None else float(lasts)

    def prepare(self) -> None:
        """Load what ``begin`` needs, while the cell is built: later it would cost time that counts."""

    def begin(self, number: int, cell: RunningCell) -> ActiveFault | Awaitable[ActiveFault]:
        """Do it, now.

        Args:
            number: its place in the scenario, from 0; it tells its rules from those of other faults.
            cell: the running cell.
        """
        raise NotImplementedError

    # What proves it

    def missing(self, seen: Occurrence[Any]) -> str:
        """Say what the record should show of it and does not, a clause; empty if it shows it."""
        raise NotImplementedError

    def nothing_left(self, seen: Occurrence[Any]) -> bool:
        """Return whether all that the fault does had been done when it began.

        If an equal fault did it, this one has its effect, too: things are as the scenario wants them.
        """
        return False

    # What it does to flows

    @property
    def wide_effect(self) -> WideEffect:
        """The effect on every flow on its path."""
        return WideEffect()

    def blocks(self, seen: Occurrence[Any], probe: ProbeAttempt, flow: Flow | None) -> bool:
        """Return whether a probe that is sent and known while it is in force cannot be answered on this flow."""
        return False

    # What it costs

    causes: ClassVar[tuple[CauseKind, ...]]
    """The kinds of cause that it can be; mostly one."""

    @property
    def cause(self) -> CauseKind:
        """The kind of cause that it is with these parameters."""
        return self.causes[0]

    def words(self) -> str:
        """Say what happened, for a sentence that goes on with its time."""
        raise NotImplementedError

    def impact(self, seen: Occurrence[Any], lost: LostProbe) -> FaultImpact | None:
        """Return what it did to the flow of a lost probe; None if the record shows nothing."""
        raise NotImplementedError


# Questions about all faults of a cell


def faults_of(cell: Cell) -> tuple[Fault, ...]:
    """Return the faults of a cell."""
    return cast("tuple[Fault, ...]", cell.faults)


def standstill_s(cell: Cell) -> float:
    """Return for how long the server's process stands still: what it has to tell the lab may come that much later."""
    return sum(fault.lasts_s for fault in faults_of(cell) if fault.holds == STANDS_STILL)


@functools.cache
def _decoder(kind: type[P]) -> msgspec.json.Decoder[P]:
    return msgspec.json.Decoder(kind, dec_hook=codec.read_endpoint)


def occurrence(evidence: Evidence, number: int) -> Occurrence[Any] | None:
    """Return how the fault of that number (from 0) happened; None if it never began.

    Raises:
        ValueError: the record's proof is not of that fault.
    """
    began, ended = evidence.fault_began(number), evidence.fault_ended(number)
    if began is None:
        return None
    proof = _decoder(faults_of(evidence.cell)[number].Proof).decode(began.event.proof)
    return Occurrence(evidence=evidence, began=began, over=float("inf") if ended is None else ended.t, proof=proof)


def occurrences(evidence: Evidence) -> Iterator[tuple[Fault, Occurrence[Any]]]:
    """Return the faults of the cell that began, in the scenario's order."""
    for number, fault in enumerate(faults_of(evidence.cell)):
        if (seen := occurrence(evidence, number)) is not None:
            yield fault, seen


def client_moves(evidence: Evidence) -> list[float]:
    """Return when the client left its network; each time, where the record has its addresses."""
    changes = [entry.t for entry in evidence.of(ClientAddresses)]
    return changes or [seen.at for fault, seen in occurrences(evidence) if fault.wide_effect.moves_client]
