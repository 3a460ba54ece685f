"""Writes settings for baresip: the line of an account in its file ``accounts``."""

from __future__ import annotations

from lab.model.scenario import Strategy
from lab.settings_code._offered import lacking, offered
from lab.settings_code.languages import Snippet

LANGUAGE = "baresip"
_SETTINGS = ("register", "outbound")
"""The mitigations that are settings of baresip."""


def snippet(strategy: Strategy) -> Snippet | None:
    """See `Language`."""
    ours = offered(strategy, _SETTINGS)
    if not ours:
        return None
    parts = ["<sip:me@example.com;transport=tls>"]
    if "register" in ours:
        parts.append(f"regint={int(ours['register'].expiry)}")
    if "outbound" in ours:
        parts.append("sipnat=outbound")
    note = lacking(strategy, _SETTINGS, "baresip")
    return Snippet(language=LANGUAGE, title="baresip, file accounts", code=";".join(parts) + "\n", note=note)
