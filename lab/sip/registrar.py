"""A registrar's bindings (RFC 3261 §10.3), each with the flow it came on. No authentication, no minimum expiry."""

from __future__ import annotations

from typing import NamedTuple

from lab.sip.fields import NameAddr, Uri, parse_cseq, parse_expires, split
from lab.sip.message import MalformedMessage, Request
from lab.sip.uas import Refused


class Binding(NamedTuple):
    """One contact of an address of record.

    Attributes:
        aor: address of record, a URI without port and parameters.
        contact: URI as registered.
        flow: id of the flow the last REGISTER for it came on.
        expires_at: when it ends unless refreshed, on the caller's clock.
        call_id, cseq: of that REGISTER.
    """

    aor: str
    contact: str
    flow: str
    expires_at: float
    call_id: str
    cseq: int

    @property
    def key(self) -> tuple[str, Uri]:
        """What identifies it: two contacts are one when they parse to the same URI."""
        return self.aor, Uri.parse(self.contact)


class Registrar:
    """All bindings. Time is an argument; nothing here waits.

    Args:
        longest: seconds granted at most, and when the client names none.
    """

    def __init__(self, longest: float) -> None:
        self._longest = int(longest)
        self._bindings: dict[tuple[str, Uri], Binding] = {}

    def register(self, request: Request, *, now: float, flow: str) -> list[tuple[Binding, str]]:
        """Take a REGISTER; all of it or nothing is done.

        Returns:
            What changed, each with ``active`` (new), ``refreshed`` or ``removed``. The answer is 200 with ``contacts``.

        Raises:
            Refused: 500, the request is out of order.
            MalformedMessage: a field it needs is missing or unreadable, or ``*`` is misused.
        """
        aor = address_of_record(request)
        call_id, (cseq, _) = request.first("Call-ID") or "", parse_cseq(request.first("CSeq") or "")
        header = request.first("Expires")
        default = self._longest if header is None else parse_expires(header)
        values = [value for line in request.all("Contact") for value in split(line, ",")]
        changes: list[tuple[Binding, str]] = []
        if "*" in values:
            if len(values) > 1 or default != 0 or header is None:
                raise MalformedMessage("`*` is for removing all bindings only", request=request)
            changes = [(one, "removed") for one in self._bindings.values() if one.aor == aor]
        else:
            for value in values:
                address = NameAddr.parse(value)
                own = dict(address.parameters).get("expires")
                granted = min(self._longest, default if own is None else parse_expires(own))
                binding = Binding(
                    aor=aor, contact=address.uri, flow=flow, expires_at=now + granted, call_id=call_id, cseq=cseq
                )
                known = binding.key in self._bindings
                if granted:
                    changes.append((binding, "refreshed" if known else "active"))
                elif known:
                    changes.append((binding, "removed"))
        for binding, _ in changes:
            old = self._bindings.get(binding.key)
            if old is not None and old.call_id == call_id and cseq <= old.cseq:
                raise Refused(500)
        for binding, state in changes:
            if state == "removed":
                self._bindings.pop(binding.key, None)  # the same contact may be named twice
            else:
                self._bindings[binding.key] = binding
        return changes

    def bindings(self, aor: str) -> list[Binding]:
        """Return the bindings of an address of record, oldest first."""
        return [one for one in self._bindings.values() if one.aor == aor]

    def newest(self) -> Binding | None:
        """Return the binding that was made last, of any address of record."""
        return next(reversed(self._bindings.values()), None)

    def expire(self, key: tuple[str, Uri], *, now: float) -> Binding | None:
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
    return tuple(("Contact", f"<{one.contact}>;expires={max(0, round(one.expires_at - now))}") for one in bindings)
