"""Reacts to another address of the device's, as mitigations say; without one as pjsip does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.clients.pjsip.pjsua2_wheel import pj
from lab.record.events import ClientEvent, IpChanged


class IpChange:
    """The reaction of a user agent to another address.

    Args:
        endpoint: of pjsua2.
        emit: writes an event to the record.

    Attributes:
        reactions: what is done in the place of pjsip's own function, in order.
    """

    def __init__(self, endpoint: Any, emit: Callable[[ClientEvent], None]) -> None:
        self._endpoint = endpoint
        self._emit = emit
        self.reactions: list[Callable[[], object]] = []

    def take(self) -> None:
        """React, and say so."""
        if not self.reactions:
            self.handle()
            return
        for react in self.reactions:
            react()
        self._emit(IpChanged(code=0))

    def handle(self) -> None:
        """Tell pjsip that the system has another address; says what pjsip says of it."""
        try:
            self._endpoint.handleIpChange(pj.IpChangeParam())
            code = 0
        except pj.Error as error:
            code = int(error.status)
        self._emit(IpChanged(code=code))
