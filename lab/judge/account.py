"""Finds the times in which the server had no subscription or binding of the client.

What tells the server is the *account*: for NOTIFY the subscription, for requests outside a dialog the binding if the
client registers, else the subscription.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.judge.probe_needs import Account, Gap, Need, UnansweredProbe
from lab.judge.tolerances import CLOCKS_S
from lab.model.outcome import Cause
from lab.model.scenario import Cell
from lab.model.verdict import CLIENT_UNSUBSCRIBED, REGISTRATION_EXPIRED, SUBSCRIPTION_EXPIRED, CauseKind
from lab.model.without import WithoutExpiry
from lab.record.entry import Entry
from lab.record.events import Binding, Held, Ignored, Request, RequestSent, ServerSubscription
from lab.record.evidence import Evidence, ProbeAttempt

Change = Entry[Binding] | Entry[ServerSubscription]

GRANTED = ("active", "refreshed")
METHODS: dict[Account, str] = {"registration": "REGISTER", "subscription": "SUBSCRIBE"}
_EXPIRED: dict[Account, CauseKind] = {"registration": REGISTRATION_EXPIRED, "subscription": SUBSCRIPTION_EXPIRED}


def needed(cell: Cell, kind: str) -> Account:
    """Return what tells the server where to send a probe of a kind."""
    return "registration" if kind != "notify" and "register" in cell.client.account.value else "subscription"


def changes(evidence: Evidence, account: Account) -> Iterator[Change]:
    """Return what happened to the client's subscriptions, or to its bindings, in time order."""
    return evidence.of(Binding) if account == "registration" else evidence.of(ServerSubscription)


def last_grant(evidence: Evidence, account: Account, before: float) -> Change | None:
    """Return the newest grant of that time; None: there was none."""
    grants = [entry for entry in changes(evidence, account) if entry.t <= before and entry.event.state in GRANTED]
    return grants[-1] if grants else None


def granted_again(evidence: Evidence, account: Account, *, since: float, before: float, flow: str | None) -> bool:
    """Return whether the account was granted in a time, on that flow; None: on any."""
    return any(
        since < entry.t < before and entry.event.state in GRANTED and flow in (None, entry.event.flow)
        for entry in changes(evidence, account)
    )


def asked_in_vain(evidence: Evidence, account: Account, probe: ProbeAttempt) -> Entry[Ignored] | Entry[Held] | None:
    """Return the newest request to renew the account that reached the server and was not granted by the probe's end."""
    grant = last_grant(evidence, account, probe.known_s)
    since = grant.t if grant is not None else float("-inf")
    asked: list[Entry[Ignored] | Entry[Held]] = [
        *evidence.between(Ignored, since, probe.known_s, what=METHODS[account]),
        *evidence.between(Held, since, probe.known_s, what=METHODS[account]),
    ]
    return max(asked, key=lambda entry: entry.t, default=None)


def gaps(evidence: Evidence, lost: UnansweredProbe) -> Iterator[Gap]:
    """Find the end of the account, if it was not granted again by the probe."""
    end = _end(evidence, lost)
    if end is None:
        return
    account = lost.account
    if end.event.state == "expired":
        refreshed = ", and the client had not refreshed it" if _never_asked(evidence, account, end) else ""
        kind, text = _EXPIRED[account], f"the {account} expired at {end.t:.1f} s{refreshed}"
        without: WithoutExpiry | None = WithoutExpiry(account)
    elif _ended_by_client(evidence, account, end):
        kind, without = CLIENT_UNSUBSCRIBED, None
        text = f"the client itself ended the {account} at {end.t:.1f} s, and had no new one yet"
    else:
        return
    cause = Cause(kind=kind, at_s=end.t, text=text, evidence=(end.line,))
    yield Gap(need=Need.ACCOUNT, since_s=end.t, cause=cause, without=without)


def _end(evidence: Evidence, lost: UnansweredProbe) -> Change | None:
    """Return the end of the last account that there was at the probe, or within the same instant; None: one lives."""
    newest: dict[str, Change] = {}
    for entry in changes(evidence, lost.account):
        at_once = entry.event.state not in GRANTED and entry.t <= lost.probe.asked_s + CLOCKS_S
        if entry.t <= lost.probe.asked_s or at_once:
            newest[entry.event.id] = entry
    if not newest or any(entry.event.state in GRANTED for entry in newest.values()):
        return None
    return max(newest.values(), key=lambda entry: entry.t)


def _never_asked(evidence: Evidence, account: Account, end: Change) -> bool:
    """Return whether no request to renew the account was under way, or had come in vain, since it was granted."""
    grant = last_grant(evidence, account, end.t)
    since = grant.t + CLOCKS_S if grant is not None else float("-inf")
    method = METHODS[account]
    came = [*evidence.between(Ignored, since, end.t, what=method), *evidence.between(Held, since, end.t, what=method)]
    return not came and not any(evidence.between(RequestSent, since, end.t, method=method))


def _ended_by_client(evidence: Evidence, account: Account, end: Change) -> bool:
    """Return whether a request of the client ended the account."""
    return any(evidence.between(Request, end.t - CLOCKS_S, end.t + CLOCKS_S, method=METHODS[account]))
