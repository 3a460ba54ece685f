"""Keeps a registrar's bindings, each with its flow (RFC 3261 §10.3, RFC 5626 §6).

Authentication is ``lab.sip.digest``'s; of one device's several flows each is a binding of its own.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from lab.sip.fields import NameAddr, Uri, parse_cseq, parse_expires, split
from lab.sip.message import MalformedMessage, Request
from lab.sip.uas import RequestRefused

OUTBOUND = "outbound"
"""The option tag (RFC 5626 §11.6)."""

Device = tuple[str, str]
"""``+sip.instance`` as written, ``reg-id``."""
Identity = Device | Uri | str
"""What tells the bindings of an address apart: a device's flow, a contact, or the id of a flow."""
Key = tuple[str, Identity]
"""Address of record, and what tells its bindings apart."""
TOO_MANY = 503
"""The answer to one contact too many, as Kamailio has it."""
Change = Literal["active", "refreshed", "removed"]
"""What a REGISTER made of a binding."""


class Policy(NamedTuple):
    """The rules for bindings; see ``lab.model.registrar.Registrar``.

    Attributes:
        matches_by: ``contact``, ``instance`` or ``connection``.
        at_most: bindings of an address; None: any number.
        removes_oldest: whether one more costs the oldest its place, instead of being refused.
        least_expires: seconds; a shorter expiry is refused.
    """

    matches_by: str = "contact"
    at_most: int | None = None
    removes_oldest: bool = False
    least_expires: int = 1


class Binding(NamedTuple):
    """One contact of an address of record.

    Attributes:
        aor: address of record, a URI without port and parameters.
        contact: URI as registered.
        flow: id of the flow the last REGISTER for it came on.
        expires_at: when it ends unless refreshed, on the caller's clock.
        call_id, cseq: of that REGISTER.
        id: ``b1``, ``b2``, … in order of appearance; a refreshed binding keeps it.
        device: ``+sip.instance`` and ``reg-id`` of a binding of a flow (SIP outbound); None for one of an address.
        matched: what tells it from the others of its address where that is not its contact; None: its contact.
        registered_at: when that REGISTER came, on the caller's clock.
    """

    aor: str
    contact: str
    flow: str
    expires_at: float
    call_id: str
    cseq: int
    id: str = ""
    device: Device | None = None
    matched: Device | str | None = None
    registered_at: float = 0.0

    @property
    def key(self) -> Key:
        """The identity of the binding; by default two bindings are equal if their contacts are the same URI."""
        return self.aor, self.matched or Uri.parse(self.contact)


class Registrar:
    """All bindings. Time is an argument; nothing here waits.

    Args:
        longest: seconds granted at most, and when the client names none.
        outbound: bind flows where the client asks for it.
        policy: how bindings are told apart, and how many there may be.
    """

    def __init__(self, longest: float, *, outbound: bool = False, policy: Policy = Policy()) -> None:  # noqa: B008
        self._longest = int(longest)
        self._policy = policy
        self._outbound = outbound
        self._bindings: dict[Key, Binding] = {}
        self._count = 0

    def register(self, request: Request, *, now: float, flow: str) -> list[tuple[Binding, Change]]:
        """Take a REGISTER; all of it or nothing is done.

        Returns:
            What changed, each with ``active`` (new), ``refreshed`` or ``removed``. The answer is 200 with ``contacts``.

        Raises:
            Refused: 500, the request is out of order; 423, it asks for too short an expiry; 503, there are too many
                contacts.
            MalformedMessage: a field it needs is missing or unreadable, or ``*`` is misused.
        """
        aor = address_of_record(request)
        call_id, (cseq, _) = request.first("Call-ID") or "", parse_cseq(request.first("CSeq") or "")
        header = request.first("Expires")
        default = self._longest if header is None else parse_expires(header)
        values = [value for line in request.all("Contact") for value in split(line, ",")]
        changes: list[tuple[Binding, Change]] = []
        if "*" in values:
            if len(values) > 1 or default != 0 or header is None:
                raise MalformedMessage("`*` is for removing all bindings only", request=request)
            changes = [(one, "removed") for one in self._bindings.values() if one.aor == aor]
        else:
            for value in values:
                binding = self._asked(request, aor, NameAddr.parse(value), default, now=now, flow=flow)
                known = self._bindings.get(binding.key)
                if binding.expires_at > now:
                    changes.append((binding, "refreshed" if known else "active"))
                elif known:
                    changes.append((binding, "removed"))
            kept = {binding.key for binding, state in changes if state != "removed"}
            changes = [change for change in changes if change[1] != "removed" or change[0].key not in kept]
            gone = {binding.key for binding, state in changes if state == "removed"}
            changes += [(one, "removed") for one in self._excess(aor, kept, gone)]
        for binding, _ in changes:
            old = self._bindings.get(binding.key)
            if old is not None and old.call_id == call_id and cseq <= old.cseq:
                raise RequestRefused(500)
        changes = [(self._named(binding), state) for binding, state in changes]
        for binding, state in changes:
            self._bindings.pop(binding.key, None)  # the newest is last; the same contact may be named twice
            if state != "removed":
                self._bindings[binding.key] = binding
        return changes

    def _excess(self, aor: str, kept: set[Key], gone: set[Key]) -> list[Binding]:
        """Return the bindings that those of a REGISTER cost their place, the oldest first.

        Args:
            aor: whose.
            kept: those that the REGISTER makes or refreshes.
            gone: those that it removes itself: a client that learns its outside address replaces its contact so.

        Raises:
            Refused: 503, there is no place for them.
        """
        others = [one for one in self.bindings(aor) if one.key not in kept | gone]
        most = self._policy.at_most
        excess = 0 if most is None else len(others) + len(kept) - most
        if excess <= 0 or not kept:
            return []
        if not self._policy.removes_oldest or excess > len(others):
            raise RequestRefused(TOO_MANY)
        return others[:excess]

    def _named(self, binding: Binding) -> Binding:
        """Return the binding with an id: its own, that of its predecessor, or a new one."""
        if binding.id:
            return binding
        known = self._bindings.get(binding.key)
        if known is not None:
            return binding._replace(id=known.id)
        self._count += 1
        return binding._replace(id=f"b{self._count}")

    def _asked(self, request: Request, aor: str, address: NameAddr, default: int, *, now: float, flow: str) -> Binding:
        """Return the binding that one Contact asks for; it has already ended if the Contact removes it."""
        own = dict(address.parameters).get("expires")
        wanted = default if own is None else parse_expires(own)
        if 0 < wanted < self._policy.least_expires:
            raise RequestRefused(423, ("Min-Expires", str(self._policy.least_expires)))
        granted = min(self._longest, wanted)
        device = _device(address) if self._outbound and _asks_for_outbound(request) else None
        return Binding(
            aor=aor,
            contact=address.uri,
            flow=flow,
            expires_at=now + granted,
            call_id=request.first("Call-ID") or "",
            cseq=parse_cseq(request.first("CSeq") or "")[0],
            device=device,
            matched=device or self._matched(address, flow),
            registered_at=now,
        )

    def _matched(self, address: NameAddr, flow: str) -> Device | str | None:
        if self._policy.matches_by == "instance":
            return _device(address)
        return flow if self._policy.matches_by == "connection" else None

    def bindings(self, aor: str) -> list[Binding]:
        """Return the bindings of an address of record, the one registered last at the end."""
        return [one for one in self._bindings.values() if one.aor == aor]

    def all(self) -> list[Binding]:
        """Return all bindings, of any address of record, the one registered last at the end."""
        return list(self._bindings.values())

    def of_flow(self, flow: str) -> list[Binding]:
        """Return the bindings that came on a flow."""
        return [one for one in self._bindings.values() if one.flow == flow]

    def remove(self, key: Key) -> None:
        """Remove a binding, whether its time is over or not."""
        self._bindings.pop(key, None)

    def expire(self, key: Key, *, now: float) -> Binding | None:
        """Remove and return a binding whose time is over; None when it was refreshed or removed meanwhile."""
        binding = self._bindings.get(key)
        return self._bindings.pop(key) if binding is not None and binding.expires_at <= now else None


def address_of_record(request: Request) -> str:
    """Return the To URI without port and parameters (RFC 3261 §10.3 step 5).

    Raises:
        MalformedMessage: not a SIP URI.
    """
    uri = Uri.parse(NameAddr.parse(request.first("To") or "").uri)
    return str(Uri(uri.scheme, uri.user, uri.host))


def contacts(bindings: list[Binding], *, now: float) -> tuple[tuple[str, str], ...]:
    """Return the Contact headers of the 200 (RFC 3261 §10.3 step 8)."""
    return tuple(
        ("Contact", f"<{one.contact}>;expires={max(0, round(one.expires_at - now))}{_device_parameters(one)}")
        for one in bindings
    )


def _asks_for_outbound(request: Request) -> bool:
    return OUTBOUND in (tag.lower() for line in request.all("Supported") for tag in split(line, ","))


def _device(address: NameAddr) -> Device | None:
    """Return the key that RFC 5626 §6 binds instead of the address; None unless both parameters are there."""
    named = dict(address.parameters)
    instance, reg_id = named.get("+sip.instance"), named.get("reg-id")
    return (instance, reg_id) if instance and reg_id else None


def _device_parameters(binding: Binding) -> str:
    return "" if binding.device is None else f";+sip.instance={binding.device[0]};reg-id={binding.device[1]}"
