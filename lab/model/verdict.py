"""Defines verdicts and causes, the words of a cell's outcome."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(str, Enum):
    """The outcome of a cell."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    """The lab could not establish what it claims to test."""
    UNSUPPORTED = "unsupported"
    """The strategy cannot exist here (a transport, an account), so nothing was run."""


@dataclass(frozen=True, slots=True)
class CauseKind:
    """A kind of first link of the chain that led to a failure.

    The judge's own kinds stand below. Those of a fault stand in its module (``lab.faults``).

    Attributes:
        name: as in claims and reports.
        what: one sentence for ``lab reference``.
    """

    name: str
    what: str


CLIENT_IDLE_TIMER = CauseKind(
    "client-idle-timer", "pjsip destroyed a transport nobody referenced (PJSIP_TRANSPORT_IDLE_TIME, 33 s)."
)
MIDDLEBOX_FORGOT = CauseKind(
    "middlebox-forgot-flow", "The middlebox expired the mapping of the flow that the server uses."
)
CLIENT_ABORTED = CauseKind("client-aborted", "The client process died; its last log lines are in the record.")
CLIENT_CLOSED = CauseKind(
    "client-closed-transport", "The client ended the connection for a reason other than its idle timer."
)
REGISTRATION_EXPIRED = CauseKind(
    "registration-expired", "The client's registration expired, and nothing kept it from being refreshed."
)
SUBSCRIPTION_EXPIRED = CauseKind(
    "subscription-expired", "The client's subscription expired, and nothing kept it from being refreshed."
)
CLIENT_UNSUBSCRIBED = CauseKind(
    "client-unsubscribed", "The client ended its own subscription or registration and had no new one yet."
)
SERVER_IDLE_TIMEOUT = CauseKind(
    "server-idle-timeout", "The server's idle timeout ended the connection (its `idle-timeout`)."
)
PROXY_TIMEOUT = CauseKind(
    "proxy-timeout", "A timeout of the proxy ended the client's connection and the one to the server."
)
SERVER_GAVE_UP = CauseKind(
    "server-gave-up-client",
    "The server had removed the bindings and subscriptions of a client that lived, as its OPTIONS were not answered.",
)
PUSH_LOST = CauseKind("push-lost", "The push service lost the push that was to wake the client for a held request.")
PUSH_LATE = CauseKind("push-late", "The push came when the server did not hold the request any more, or not at all.")
PUSH_TOKEN_EXPIRED = CauseKind(
    "push-token-expired", "The push service refused the push: the device's token was no longer active."
)
CLIENT_NOT_REGISTERED = CauseKind(
    "client-did-not-register", "A push had woken the client, and it did not register while the request was held."
)
UNKNOWN = CauseKind("unknown", "Probes went unanswered and nothing in the record says why.")
