"""Finds out how a NAT maps and filters UDP (RFC 4787), with the questions of RFC 5780."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any, Protocol

from lab.model.middlebox import FilteringBehavior, Hairpinning, MappingBehavior, PortAssignment
from lab.nat_probe import stun
from lab.nat_probe.responder import Address
from lab.nat_probe.session import Inbox, ResponderError, ResponderSession, Unanswered
from lab.visible_text import visible

SAME, OTHER_PORT, OTHER_ADDRESS, OTHER_BOTH = range(4)
"""The endpoints of a helper outside."""

PORTS = 16
"""Sockets whose outside ports are compared."""
_HAIRPIN_TRIES, _HAIRPIN_WITHIN_S = 3, 0.7
_NEAR = 4  # ports that follow each other by no more than this are contiguous; other hosts take some in between


class Asker(Protocol):
    """A helper outside with one or two addresses, two ports each.

    Attributes:
        endpoints: how many it has: 2, or 4 with a second address.
    """

    endpoints: int

    async def mapped(self, box: Inbox, to: int) -> Address | None:
        """Return from where a datagram to an endpoint comes out; None: nothing came back."""

    async def enters(self, box: Inbox, by: int) -> bool:
        """Return whether an answer by another endpoint than the one that was asked gets in."""


class AskResponder:
    """Asks the responder of `lab probe serve`."""

    def __init__(self, session: ResponderSession) -> None:
        self._session = session
        self.endpoints = len(session.endpoints)

    async def mapped(self, box: Inbox, to: int) -> Address | None:
        """Return from where a datagram to an endpoint comes out."""
        try:
            host, port = (await self._session.where(box, to))["at"]
        except Unanswered:
            return None
        return host, port

    async def enters(self, box: Inbox, by: int) -> bool:
        """Return whether an answer by another endpoint gets in."""
        try:
            await self._session.where(box, SAME, by=by)
        except Unanswered:
            return False
        return True


class AskStun:
    """Asks a STUN server that has another address."""

    _CHANGE = (0, 2, 4, 6)  # RFC 5780 §7.2, for each endpoint

    def __init__(self, first: Address, second: Address) -> None:
        self._at = (first, (first[0], second[1]), (second[0], first[1]), second)
        self.endpoints = 4

    @classmethod
    async def open(cls, host: str, port: int) -> AskStun:
        """Return it, once the server has said which other address it has.

        Raises:
            ResponderError: it does not answer, or has no other address.
        """
        first = await stun.resolve(host, port)
        with Inbox() as box:
            answer = await stun.bind(box, first)
        if answer is None:
            raise ResponderError(f"{visible(host)}:{port} does not answer STUN requests over UDP")
        if answer.other is None or answer.other[0] == first[0] or answer.other[1] == first[1]:
            raise ResponderError(
                f"{visible(host)}:{port} names no other address and port; use a STUN server with two (RFC 5780)"
            )
        return cls(first, answer.other)

    async def mapped(self, box: Inbox, to: int) -> Address | None:
        """Return from where a datagram to an endpoint comes out."""
        answer = await stun.bind(box, self._at[to])
        return answer.mapped if answer else None

    async def enters(self, box: Inbox, by: int) -> bool:
        """Return whether an answer by another endpoint gets in."""
        return await stun.bind(box, self._at[SAME], change=self._CHANGE[by]) is not None


async def mapping(asker: Asker) -> dict[str, Any]:
    """Return the mapping behavior; ``unsure`` says why it may be another."""
    with Inbox() as box:
        seen = [await asker.mapped(box, to) for to in range(min(3, asker.endpoints))]
    if seen[SAME] is None:
        raise ResponderError("no answer over UDP; let the UDP ports of the helper in, and UDP out of this network")
    if seen[OTHER_PORT] is None:
        return {"unsure": "no answer from the helper's other port; its firewall may close it"}
    if seen[SAME] != seen[OTHER_PORT]:
        return {"value": MappingBehavior.ADDRESS_AND_PORT_DEPENDENT.value}
    if asker.endpoints == 2:
        value = MappingBehavior.ENDPOINT_INDEPENDENT.value
        return {"value": value, "unsure": "may be address-dependent: the helper has one address only"}
    if seen[OTHER_ADDRESS] is None:
        return {"unsure": "no answer from the helper's other address; its firewall may close it"}
    same = seen[SAME] == seen[OTHER_ADDRESS]
    return {"value": (MappingBehavior.ENDPOINT_INDEPENDENT if same else MappingBehavior.ADDRESS_DEPENDENT).value}


async def filtering(asker: Asker) -> dict[str, Any]:
    """Return the filtering behavior; ``unsure`` says why it may be another.

    The requests go to one endpoint only, so that nothing else opens the filter for the others.
    """
    with Inbox() as box:
        if asker.endpoints > 2 and await asker.enters(box, OTHER_BOTH):
            return {"value": FilteringBehavior.ENDPOINT_INDEPENDENT.value}
        by_port = await asker.enters(box, OTHER_PORT)
        if await asker.mapped(box, SAME) is None:
            return {"unsure": "no answer over UDP"}
    if not by_port:
        return {"value": FilteringBehavior.ADDRESS_AND_PORT_DEPENDENT.value}
    value = FilteringBehavior.ADDRESS_DEPENDENT.value
    unsure = {"unsure": "may be endpoint-independent: the helper has one address only"}
    return {"value": value, **(unsure if asker.endpoints == 2 else {})}


async def ports(asker: Asker) -> dict[str, Any]:
    """Return how outside ports are chosen, and from how many outside addresses."""
    pairs: list[tuple[int, Address]] = []
    boxes = [Inbox() for _ in range(PORTS)]
    try:
        for box in boxes:
            mapped = await asker.mapped(box, SAME)
            pairs += [(box.sock.getsockname()[1], mapped)] if mapped else []
    finally:
        for box in boxes:
            box.close()
    if len(pairs) < PORTS // 2:
        return {"unsure": "too few answers over UDP"}
    manner = port_manner([(inside, outside[1]) for inside, outside in pairs])
    preserves = manner == "preserved"
    value = PortAssignment.PRESERVATION if preserves else PortAssignment.NO_PRESERVATION
    return {"value": value.value, "manner": manner, "addresses": sorted({outside[0] for _, outside in pairs})}


def port_manner(pairs: Sequence[tuple[int, int]]) -> str:
    """Return how outside ports follow from inside ports, in words of RFC 4787 §4.2."""
    if all(inside == outside for inside, outside in pairs):
        return "preserved"
    if sum(inside == outside for inside, outside in pairs) > len(pairs) / 2:
        return "preserved in part"
    outside = [port for _, port in pairs]
    parity = all(inside % 2 == port % 2 for inside, port in pairs)
    steps = [later - earlier for earlier, later in pairwise(outside)]
    if sum(0 < abs(step) <= _NEAR for step in steps) > 0.8 * len(steps):
        return "contiguous"
    return "random, of the same parity" if parity else "random"


async def hairpinning(asker: Asker) -> dict[str, Any]:
    """Return whether two inside endpoints reach each other by their outside ones, and whom they see.

    Both send, so that a filter that asks for it is open.
    """
    with Inbox() as caller, Inbox() as called:
        ends = [(box, await asker.mapped(box, SAME)) for box in (caller, called)]
        if any(mapped is None for _, mapped in ends):
            return {"unsure": "no answer over UDP"}
        (_, caller_at), (_, called_at) = ends
        assert caller_at is not None
        assert called_at is not None
        word = b"hairpin " + secrets.token_bytes(8)
        for _ in range(_HAIRPIN_TRIES):
            for box, to in ((called, caller_at), (caller, called_at)):
                with suppress(OSError):  # an ICMP error: as good as lost
                    box.sock.sendto(word, to)
            while (came := await called.next(_HAIRPIN_WITHIN_S)) is not None:
                if came[0] == word:
                    external = came[1][0] == caller_at[0]
                    value = {"value": Hairpinning.EXTERNAL_SOURCE.value} if external else {}
                    return {**value, "source": list(came[1]), **_odd_source(external=external)}
    return {"value": Hairpinning.UNSUPPORTED.value}


def _odd_source(*, external: bool) -> dict[str, str]:
    return {} if external else {"unsure": "it works, but with an inside source address, which no profile can say"}
