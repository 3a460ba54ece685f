"""Writes settings for linphone: sections of its file ``linphonerc``."""

from __future__ import annotations

from lab.model.scenario import Strategy
from lab.settings_code._offered import lacking, offered
from lab.settings_code.languages import Snippet

LANGUAGE = "linphone"
_KEEP_ALIVES = ("crlf-keepalive", "udp-keepalive")
_SETTINGS = ("register", *_KEEP_ALIVES)
"""The mitigations that are settings of linphone."""


def snippet(strategy: Strategy) -> Snippet | None:
    """See `Language`."""
    ours = offered(strategy, _SETTINGS)
    if not ours:
        return None
    lines = []
    if keep := next((one for kind, one in ours.items() if kind in _KEEP_ALIVES), None):
        lines += ["[sip]", f"keepalive_period={int(keep.interval or 0) * 1000}"]
    if "register" in ours:
        lines += ["[proxy_0]", f"reg_expires={int(ours['register'].expiry)}", "reg_sendregister=1"]
    note = lacking(strategy, _SETTINGS, "linphone")
    return Snippet(language=LANGUAGE, title="linphone, file linphonerc", code="\n".join(lines) + "\n", note=note)
