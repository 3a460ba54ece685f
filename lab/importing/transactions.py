"""Groups the SIP messages of an account into transactions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.importing.facts import Message, Place
from lab.importing.flows import Event, Flow


@dataclass(slots=True)
class Transaction:
    """A request, each time it was sent, and its responses.

    Attributes:
        flow: that carried it.
        up: from the client.
        requests: in the order of time.
        responses: in the order of time.
    """

    flow: Flow
    up: bool
    requests: list[Event] = field(default_factory=list)
    responses: list[Event] = field(default_factory=list)

    @property
    def message(self) -> Message:
        """The request."""
        fact = self.requests[0].fact
        assert isinstance(fact, Message)
        return fact

    @property
    def method(self) -> str:
        """Its method."""
        return self.message.method

    @property
    def t(self) -> float:
        """The time at which it was sent first."""
        return self.requests[0].t

    @property
    def place(self) -> Place:
        """The frame or line of the first time that it was sent."""
        return self.requests[0].place

    @property
    def final(self) -> Event | None:
        """The first final response; None: there was none."""
        return next((each for each in self.responses if _code(each) >= 200), None)

    @property
    def code(self) -> int:
        """Of the final response; 0: there was none."""
        return 0 if self.final is None else _code(self.final)

    @property
    def granted(self) -> Message | None:
        """The final response if it is a 2xx."""
        fact = None if self.final is None else self.final.fact
        return fact if isinstance(fact, Message) and fact.code < 300 else None

    @property
    def came(self) -> bool | None:
        """True if the request reached its receiver; None: nobody was there to see it, and there is no answer."""
        if self.responses or any(each.arrived for each in self.requests):
            return True
        return None if any(each.arrived is None for each in self.requests) else False

    @property
    def answer_came(self) -> bool | None:
        """True if a final response reached the sender of the request; None: nobody was there to see it."""
        finals = [each for each in self.responses if _code(each) >= 200]
        if not finals:
            return False
        if any(each.arrived for each in finals):
            return True
        return None if any(each.arrived is None for each in finals) else False


def _code(event: Event) -> int:
    return event.fact.code if isinstance(event.fact, Message) else 0


def transactions(flows: Sequence[Flow]) -> list[Transaction]:
    """Return the transactions of all flows, in the order of time; ACK is left out."""
    found: list[Transaction] = []
    by_key: dict[tuple[object, ...], Transaction] = {}
    events = sorted(
        ((event, flow) for flow in flows for event in flow.events if isinstance(event.fact, Message)),
        key=lambda each: (each[0].t, each[0].place),
    )
    for event, flow in events:
        fact = event.fact
        assert isinstance(fact, Message)
        if fact.method == "ACK":
            continue
        up = event.up if fact.is_request else not event.up
        key = up, fact.method, fact.cseq, fact.call, fact.branch if fact.is_request else ""
        bare = (*key[:4], "")
        if fact.is_request:
            one = by_key.get(key)
            if one is None:
                one = by_key[key] = by_key[bare] = Transaction(flow, up)
                found.append(one)
            one.requests.append(event)
        elif (one := by_key.get((*key[:4], fact.branch)) or by_key.get(bare)) is not None:
            one.responses.append(event)
    return found
