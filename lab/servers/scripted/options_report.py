"""Records the results of the OPTIONS that the server sends by itself."""

from __future__ import annotations

from collections.abc import Callable

from lab.servers.scripted.flows import Flow
from lab.sip.message import Response


class OptionsReport:
    """The results of a mitigation's OPTIONS.

    Args:
        say: writes a ``keep-alive`` into the record.
        on_answered: called at the final answer.
    """

    def __init__(self, say: Callable[..., None], on_answered: Callable[[], object]) -> None:
        self._say = say
        self._on_answered = on_answered

    def sent(self, flow: Flow) -> None:
        """Handle a result, as `Asker`."""
        self._say("options", "sent", flow)

    def answered(self, flow: Flow, response: Response, *, in_time: bool) -> None:
        """Handle a result, as `Asker`."""
        self._on_answered()
        if in_time:
            self._say("options", "answered", flow, code=response.code)

    def failed(self, flow: Flow | None, reason: str) -> None:
        """Handle a result, as `Asker`."""
        if flow is not None:
            self._say("options", "failed", flow, reason=reason)
