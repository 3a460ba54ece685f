"""Checks that the client has set up its account and nothing more, according to the server. Pure."""

from __future__ import annotations

from lab.record.events import Binding, ClientEvent, Registered, ServerSubscription, Subscribed, name_of
from lab.record.evidence import Evidence

SET_UP_S = 1.0
"""A subscription that the client speaks of exists at the server by then; the NOTIFY that tells the client is later."""


def more_than_it_has(evidence: Evidence) -> str:
    """Say what the client did that its account does not have; empty if it did not.

    A client may say at most what it does: one that speaks of a registration or subscription it was not asked for, or
    makes one, may have been reached by a way that the scenario does not know.
    """
    cell = evidence.cell
    account = f"the account is `{cell.client.account.value}`"
    for has, said, made, does in (
        (cell.registers, Registered, Binding, "registers"),
        (cell.subscribes, Subscribed, ServerSubscription, "subscribes"),
    ):
        if has:
            continue
        if evidence.has(made):
            return f"the client {does}, but {account}"
        if evidence.has(said):
            return f"the client says `{name_of(said)}`, but {account}"
    return ""


def less_than_it_says(evidence: Evidence) -> str:
    """Say what the server does not know of although the client says that its account is set up; empty if it does."""
    cell = evidence.cell
    for has, made, text in (
        (cell.registers, Binding, "registered, but the server knows of no binding"),
        (cell.subscribes, ServerSubscription, "subscribed, but the server knows of no subscription"),
    ):
        kind: type[Binding | ServerSubscription] = made
        if has and not any(entry.t <= SET_UP_S for entry in evidence.of(kind, state="active")):
            return f"the client says that it is {text}"
    return ""


def first_unsaid(evidence: Evidence) -> str:
    """Return the event that the client should have said first and did not."""
    wanted: list[type[ClientEvent]] = [Registered] if evidence.cell.registers else []
    wanted += [Subscribed] if evidence.cell.subscribes else []
    return next((name_of(kind) for kind in wanted if not evidence.has(kind)), name_of(wanted[-1]))
