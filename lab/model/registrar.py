"""Describes how a registrar treats several contacts of one address."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from lab.model.rules import Yaml
from lab.units import Checked, Seconds, WholeSeconds


class MatchesBy(str, Enum):
    """By what a registrar knows that a REGISTER is about a binding that it has, which it then replaces."""

    CONTACT = "contact"
    """By the Contact URI (RFC 3261 §10.3): a phone that comes with another port gets another binding."""
    INSTANCE = "instance"
    """By ``+sip.instance`` and ``reg-id`` where the phone names both (RFC 5626 §6), else by the Contact URI."""
    CONNECTION = "connection"
    """By the connection that it came on; over UDP, by the address that it came from."""


class WhenFull(str, Enum):
    """The treatment of one contact too many."""

    REMOVE_OLDEST = "remove-oldest"
    """Remove the binding whose last REGISTER is the oldest."""
    REFUSE = "refuse"
    """Answer 503, as Kamailio does (``max_contacts``)."""


class GoneConnection(str, Enum):
    """The treatment of a request for a contact whose connection is gone; not for UDP."""

    FAIL = "fail"
    """Nothing is sent; this contact counts as answered 430 (RFC 5626 §11.5)."""
    CONNECT = "connect"
    """Connect to the host and port of the Contact, as with ``notify-route: contact``."""
    WAIT = "wait"
    """Keep INVITE, MESSAGE and OPTIONS until the phone registers anew, for ``wait`` at most; NOTIFY and BYE fail."""


def _one_or_more(value: int) -> int:
    if not 1 <= value <= 1000:
        raise ValueError("out of range; 1 to 1000")
    return value


@dataclass(frozen=True, kw_only=True, slots=True)
class Registrar(Yaml):
    """The way in which the server keeps the contacts of an address of record.

    Attributes:
        matches_by: what makes a REGISTER replace a binding instead of adding one.
        at_most: how many bindings an address has; leave it out: any number. What a REGISTER removes itself is not
            counted.
        when_full: what becomes of one more; needs ``at-most``. Unless set it is `remove-oldest`.
        removes_closed: whether a binding ends with the connection that it came on. Over UDP none does.
        least_expires: the shortest expiry it grants; one that asks for less is answered 423 with ``Min-Expires``
            (RFC 3261 §10.3), but a removal (0) never is. The longest is ``registration-expires``.
    """

    matches_by: MatchesBy = MatchesBy.CONTACT
    at_most: Annotated[int, Checked(_one_or_more)] | None = None
    when_full: WhenFull | None = None
    removes_closed: bool = False
    least_expires: WholeSeconds = Seconds(1)

    def __post_init__(self) -> None:
        """Check that they fit together.

        Raises:
            ValueError: they do not.
        """
        if self.when_full is not None and self.at_most is None:
            raise ValueError("`when-full`, and no number that could be reached; add `at-most`")

    @property
    def removes_oldest(self) -> bool:
        """True if one contact too many replaces the oldest."""
        return self.at_most is not None and self.when_full is not WhenFull.REFUSE

    @property
    def needs(self) -> tuple[str, ...]:
        """The abilities that the server needs for it: words that may stand in the ``lacks`` of a server."""
        wanted = {
            "match-by-connection": self.matches_by is MatchesBy.CONNECTION,
            "remove-oldest-of-several": self.removes_oldest and self.at_most != 1,
        }
        return tuple(need for need, asked in wanted.items() if asked)
