"""Makes the server refuse requests of one method for a while."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Annotated

import msgspec

from lab.faults._requests import harm_of_silence
from lab.faults.base import (
    STANDS_STILL,
    ActiveFault,
    Fault,
    FaultImpact,
    Infeasible,
    LostProbe,
    Occurrence,
    RunningCell,
)
from lab.model.rules import AllowedValues
from lab.model.scenario import Cell
from lab.model.verdict import CauseKind
from lab.record.entry import Entry
from lab.record.events import ResponseSent
from lab.record.evidence import BEFORE_S
from lab.units import Checked, Lasting, WholeSeconds


class Refusable(str, Enum):
    """Requests that a server can refuse."""

    REGISTER = "REGISTER"
    SUBSCRIBE = "SUBSCRIBE"
    OPTIONS = "OPTIONS"


def _failure(value: int) -> int:
    if not 400 <= value <= 699:
        raise ValueError("not a refusal; 400 to 699")
    return value


Refusal = Annotated[int, Checked(_failure), AllowedValues("a status code from 400 to 699")]


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerRefuses(Fault):
    """The server answers requests of one method with a failure, as one that is overloaded or under maintenance does.

    Attributes:
        lasts: None: until the end of the run.
        method: of the requests that it refuses.
        code: the status code.
        retry_after: seconds in ``Retry-After`` (RFC 3261 §20.33); None: the answer has none.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The requests that the server says it refuses: method and status code, such as ``REGISTER 503``."""

        refuses: str

    order = 105
    holds = "what the server refuses"
    not_while = frozenset({STANDS_STILL})
    causes = (CauseKind("server-refused", "Fault: the server refused requests of the client."),)

    tries = MappingProxyType({"code": (503, 403)})  # try later, or not again (RFC 3261 §21.5.4, §21.4.4)

    lasts: Lasting | None = None
    method: Refusable = Refusable.REGISTER
    code: Refusal = 503
    retry_after: WholeSeconds | None = None

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        for method, does, verb in (
            (Refusable.REGISTER, cell.registers, "register"),
            (Refusable.SUBSCRIBE, cell.subscribes, "subscribe"),
        ):
            if self.method is method and not does:
                allowed = f"use another `method`, or an account that {verb}s"
                return Infeasible(what=f"the client does not {verb}", allowed=allowed, key="method")
        return None

    def server_needs(self, cell: Cell) -> tuple[str, ...]:
        """See `Fault`."""
        return ("refuse",)

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        retry_after = None if self.retry_after is None else int(self.retry_after)
        said = await cell.ask_server("refuse", method=self.method.value, code=self.code, retry_after=retry_after)

        def end() -> None:
            cell.tell_server("refuse", method="", code=self.code, retry_after=None)

        return ActiveFault(proof=self.Proof(refuses=said.mode), end=end)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        if seen.proof.refuses != f"{self.method.value} {self.code}":
            return "the server did not obey"
        answered = [entry for entry in self._answers(seen) if entry.event.code != self.code]
        return f"it answered {answered[0].event.code}" if answered else ""

    def words(self) -> str:
        """See `Fault`."""
        return f"the server began to refuse {self.method.value} with {self.code}"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        refused = [entry.t for entry in self._answers(seen)]
        if not refused:
            return None
        return harm_of_silence(seen, lost, since=min(refused) - BEFORE_S, methods={self.method.value})

    def _answers(self, seen: Occurrence[Proof]) -> list[Entry[ResponseSent]]:
        """Return the answers to requests of the method while the server refused them."""
        sent = seen.evidence.of(ResponseSent, method=self.method.value)
        return [entry for entry in sent if seen.at < entry.t < seen.over]
