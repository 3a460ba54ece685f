"""Reads the parameters for push messages in a Contact URI (RFC 8599 §8.7)."""

from __future__ import annotations

from typing import NamedTuple

from lab.sip.fields import Uri
from lab.sip.message import MalformedMessage


class PushTarget(NamedTuple):
    """The address of an app for push messages; two contacts with the same one are the same app on the same device.

    Attributes:
        provider: of ``pn-provider``: the push service.
        prid: of ``pn-prid``: the device's token there.
        param: of ``pn-param``: what that service needs besides; empty: nothing.
    """

    provider: str
    prid: str
    param: str

    @classmethod
    def of(cls, contact: str) -> PushTarget | None:
        """Return that of a Contact URI; None: it asks for no push messages."""
        try:
            named = dict(Uri.parse(contact).parameters)
        except MalformedMessage:
            return None
        provider, prid = named.get("pn-provider"), named.get("pn-prid")
        if not provider or not prid:
            return None
        return cls(provider, prid, named.get("pn-param") or "")
