"""Implements dialogs (RFC 3261 §12), begun by either side."""

from __future__ import annotations

from typing import NamedTuple

from lab.sip.fields import NameAddr, Uri, parse_cseq, split
from lab.sip.message import MalformedMessage, Request, Response
from lab.sip.uas import RequestRefused

DialogId = tuple[str, str, str]
"""Call-ID, local tag, remote tag."""


def dialog_id(request: Request) -> DialogId | None:
    """Return the dialog a request is sent within; None when it is outside any (no To tag)."""
    local = NameAddr.parse(request.first("To") or "").tag
    if local is None:
        return None
    remote = NameAddr.parse(request.first("From") or "").tag or ""
    return (request.first("Call-ID") or "", local, remote)


def contact_of(request: Request | Response) -> str | None:
    """Return the URI of the only Contact, None when there is none.

    Raises:
        MalformedMessage: several, or not a SIP URI.
    """
    values = [value for line in request.all("Contact") for value in split(line, ",")]
    if not values:
        return None
    if len(values) > 1:
        raise MalformedMessage("more than one Contact", request=request if isinstance(request, Request) else None)
    uri = NameAddr.parse(values[0]).uri
    Uri.parse(uri)
    return uri


class Dialog(NamedTuple):
    """One dialog, seen from the server.

    Attributes:
        local, remote: our and the peer's address in the request that made it, with their tags.
        local_cseq: number of our last request; 0 before the first.
        remote_cseq: number of the peer's last request; 0 before the first.
        route_set: Record-Route values of what made it, ours to be visited first at the front (RFC 3261 §12.1).
        remote_target: URI of the peer's Contact.
    """

    call_id: str
    local: NameAddr
    remote: NameAddr
    local_cseq: int
    remote_cseq: int
    route_set: tuple[str, ...]
    remote_target: str

    @classmethod
    def accept(cls, request: Request, *, tag: str) -> Dialog:
        """Make the dialog that a 2xx with To tag ``tag`` to ``request`` establishes.

        Raises:
            MalformedMessage: no usable Contact, or a Record-Route that cannot be read.
        """
        target = contact_of(request)
        if target is None:
            raise MalformedMessage("no Contact", request=request)
        return cls(
            call_id=request.first("Call-ID") or "",
            local=NameAddr.parse(request.first("To") or "").with_tag(tag),
            remote=NameAddr.parse(request.first("From") or ""),
            local_cseq=0,
            remote_cseq=parse_cseq(request.first("CSeq") or "")[0],
            route_set=_routes(request),
            remote_target=target,
        )

    @classmethod
    def accepted(cls, response: Response) -> Dialog:
        """Make the dialog that the peer's 2xx to a request of ours establishes (RFC 3261 §12.1.2).

        Raises:
            MalformedMessage: no usable Contact, or a Record-Route that cannot be read.
        """
        target = contact_of(response)
        if target is None:
            raise MalformedMessage("no Contact")
        return cls(
            call_id=response.first("Call-ID") or "",
            local=NameAddr.parse(response.first("From") or ""),
            remote=NameAddr.parse(response.first("To") or ""),
            local_cseq=parse_cseq(response.first("CSeq") or "")[0],
            remote_cseq=0,
            route_set=tuple(reversed(_routes(response))),
            remote_target=target,
        )

    @property
    def id(self) -> DialogId:
        """The ``dialog_id`` of the peer's requests within this dialog."""
        return (self.call_id, self.local.tag or "", self.remote.tag or "")

    def receive(self, request: Request) -> Dialog:
        """Return the dialog after a target refresh request within it (RFC 3261 §12.2.2).

        Raises:
            Refused: 500, the request is out of order.
            MalformedMessage: its Contact cannot be read.
        """
        number, _ = parse_cseq(request.first("CSeq") or "")
        if number <= self.remote_cseq:
            raise RequestRefused(500)
        return self._replace(remote_cseq=number, remote_target=contact_of(request) or self.remote_target)

    @property
    def next_hop(self) -> Uri:
        """The next hop of requests within the dialog: the first route, else the remote target."""
        return Uri.parse(NameAddr.parse(self.route_set[0]).uri if self.route_set else self.remote_target)

    def request(self, method: str, *headers: tuple[str, str], via: str, body: bytes = b"") -> tuple[Dialog, Request]:
        """Build the next request within the dialog (RFC 3261 §12.2.1.1).

        Args:
            method: not CANCEL; an ACK has the number of the INVITE, which must be our last request.
            headers: further headers, among them Contact.
            via: the Via value, with its branch.
            body: body; its Content-Type is among ``headers``.
        """
        dialog = self if method == "ACK" else self._replace(local_cseq=self.local_cseq + 1)
        uri, routes = self.remote_target, self.route_set
        if routes and "lr" not in dict(Uri.parse(NameAddr.parse(routes[0]).uri).parameters):  # a strict router
            uri, routes = NameAddr.parse(routes[0]).uri, (*routes[1:], f"<{self.remote_target}>")
        fixed = (
            ("Via", via),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in routes),
            ("From", str(self.local)),
            ("To", str(self.remote)),
            ("Call-ID", self.call_id),
            ("CSeq", f"{dialog.local_cseq} {method}"),
        )
        return dialog, Request(method=method, uri=uri, headers=(*fixed, *headers), body=body)


def _routes(message: Request | Response) -> tuple[str, ...]:
    routes = tuple(value for line in message.all("Record-Route") for value in split(line, ","))
    for route in routes:
        Uri.parse(NameAddr.parse(route).uri)
    return routes
