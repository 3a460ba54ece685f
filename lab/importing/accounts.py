"""Finds the accounts of which a capture tells, in one pass over its facts that keeps counts only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.importing.facts import HERE, Endpoint, Fact, KeepAlive, Message, Record, Segment, Side

MOST_PAIRS = 20_000
"""Pairs of hosts that are counted; the one that was quiet for longest is forgotten."""
MOST_OPENED = 100_000
"""Connections that are remembered by their first segment, to find the same one behind a NAT."""
SIP_PORTS = (5060, 5061, 5062, 5080, 5081)
"""Where TLS that cannot be opened is taken for SIP (RFC 3261 §19.1.2; 5062 and 5080 are common)."""
_ASKS = ("REGISTER", "SUBSCRIBE")
Pair = frozenset[str]


@dataclass(slots=True)
class _Count:
    messages: int = 0
    unread: int = 0
    client: str = ""
    first_client: str = ""
    records: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Account:
    """Hosts between which one account's messages go.

    Attributes:
        pairs: of hosts.
        clients: those of them that are the client, by all their addresses.
        messages: how many SIP messages there are.
        asks: whether the client registers or subscribes.
        readable: whether they could be read.
    """

    pairs: frozenset[Pair]
    clients: frozenset[str]
    messages: int
    asks: bool
    readable: bool

    def concerns(self, one: str, other: str) -> bool:
        """Return whether packets between two hosts belong to it."""
        return frozenset((one, other)) in self.pairs


class Survey:
    """Counts what passes between pairs of hosts."""

    def __init__(self) -> None:
        self._pairs: OrderedDict[Pair, _Count] = OrderedDict()
        self._opened: OrderedDict[tuple[Endpoint, int], Pair] = OrderedDict()
        self._same: dict[Pair, Pair] = {}

    def take(self, facts: Iterable[Fact]) -> None:
        """Count facts."""
        for fact in facts:
            self._one(fact)

    def _one(self, fact: Fact) -> None:
        pair = frozenset((fact.source.host, fact.destination.host))
        count = self._pairs.get(pair)
        if count is None:
            count = self._pairs[pair] = _Count()
            if len(self._pairs) > MOST_PAIRS:
                self._pairs.popitem(last=False)
        if isinstance(fact, Message):
            self._message(fact, count)
        elif isinstance(fact, Segment):
            if "S" in fact.flags and "A" not in fact.flags:
                self._syn(fact, pair, count)
        elif isinstance(fact, Record | KeepAlive) and {fact.source.port, fact.destination.port} & set(SIP_PORTS):
            count.unread += 1
            high = fact.source if fact.source.port > fact.destination.port else fact.destination
            count.first_client = count.first_client or high.host

    def _message(self, fact: Message, count: _Count) -> None:
        count.messages += 1
        if fact.view.side is not Side.UNKNOWN:
            ours = fact.source == HERE or (fact.is_request and fact.method in _ASKS)
            count.client = count.client or (fact.source.host if ours == (fact.view.side is Side.CLIENT) else "")
        if not fact.is_request:
            return
        count.first_client = count.first_client or fact.source.host
        if fact.method in _ASKS and not (fact.method == "SUBSCRIBE" and fact.in_dialog and count.client):
            count.client = fact.source.host
            count.records.add(fact.called if fact.method == "REGISTER" else fact.caller)

    def _syn(self, fact: Segment, pair: Pair, count: _Count) -> None:
        count.first_client = count.first_client or fact.source.host
        key = fact.destination, fact.seq
        other = self._opened.setdefault(key, pair)
        if other != pair:  # the same connection, with another address of the client
            self._same[pair] = other
        if len(self._opened) > MOST_OPENED:
            self._opened.popitem(last=False)

    def accounts(self) -> list[Account]:
        """Return the accounts, the one with the most messages first; pairs with the same record are one."""
        groups: dict[Pair, set[Pair]] = {pair: {pair} for pair, count in self._pairs.items() if _matters(count)}
        owner: dict[str, Pair] = {}
        for pair in list(groups):
            names = {
                *self._pairs[pair].records,
                *((_name(self._same[pair]),) if pair in self._same else ()),
                _name(pair),
            }
            for name in names:
                _join(groups, owner.setdefault(name, pair), pair)
        found = {id(group): group for group in groups.values()}
        accounts = [self._account(group) for group in found.values()]
        return sorted(accounts, key=lambda each: (each.readable, each.asks, each.messages), reverse=True)

    def _account(self, group: set[Pair]) -> Account:
        counts = [self._pairs[pair] for pair in group]
        read = sum(count.messages for count in counts)
        clients = {count.client or count.first_client for count in counts}
        return Account(
            pairs=frozenset(group),
            clients=frozenset(clients),
            messages=read or sum(count.unread for count in counts),
            asks=any(count.records for count in counts),
            readable=read > 0,
        )


def _name(pair: Pair) -> str:
    return " ".join(sorted(pair))


def _matters(count: _Count) -> bool:
    return bool(count.messages or count.unread)


def _join(groups: dict[Pair, set[Pair]], one: Pair, other: Pair) -> None:
    if one not in groups or groups[one] is groups[other]:
        return
    whole = groups[one] | groups[other]
    for pair in whole:
        groups[pair] = whole
