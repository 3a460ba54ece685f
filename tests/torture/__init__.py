"""The messages of RFC 4475, the torture tests of SIP, and what a server of SUBSCRIBE and REGISTER does with each."""

from __future__ import annotations

from tests.torture.invalid import INVALID
from tests.torture.meaning import MEANING
from tests.torture.message import Torture
from tests.torture.valid import VALID

__all__ = ["MESSAGES", "VALID", "Torture"]

MESSAGES = {**VALID, **INVALID, **MEANING}
"""By the names that RFC 4475 gives them."""
