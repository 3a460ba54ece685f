"""Refuses requests of one method, as long as commanded."""

from __future__ import annotations

from typing import NamedTuple

from lab.sip.message import Headers


class Refusal(NamedTuple):
    """The refusal of requests of one method.

    Attributes:
        method: theirs; empty: none is refused.
        code: the status code.
        retry_after: seconds in ``Retry-After``; None: the answer has none.
    """

    method: str = ""
    code: int = 0
    retry_after: int | None = None

    @property
    def headers(self) -> Headers:
        """The headers of the response besides those of every response."""
        return () if self.retry_after is None else (("Retry-After", str(self.retry_after)),)

    def __str__(self) -> str:
        return f"{self.method} {self.code}" if self.method else ""
