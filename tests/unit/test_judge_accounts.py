"""The judge asks whether a client has set up what its account says; it is the server that knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.mitigations.register import Register
from lab.model.scenario import Account, Client, Strategy
from lab.model.verdict import Verdict
from lab.record.events import Binding, Registered, ServerSubscription, Subscribed
from lab.units import Seconds
from tests.records import CLIENT, END, cell, changed, flow_set_up, judged, probe, say, sentinel

BOUND = say(
    -0.2,
    "server",
    Binding(id="b1", state="active", expires=300, flow="f1", contact="sip:alice@10.0.0.2:40001", aor="sip:alice@b"),
)
REGISTERED = say(0.0, CLIENT, Registered())


@pytest.mark.parametrize(
    ("account", "has", "doubt"),
    [
        ("register", "registered bound", ""),
        ("register", "registered", "the client says that it is registered, but the server knows of no binding"),
        (
            "register",
            "registered bound-late",
            "the client says that it is registered, but the server knows of no binding",
        ),
        ("register", "registered bound subscribed", "the client says `subscribed`, but the account is `register`"),
        ("register", "registered bound subscription", "the client subscribes, but the account is `register`"),
        ("subscribe", "subscribed subscription", ""),
        ("subscribe", "subscribed subscription bound", "the client registers, but the account is `subscribe`"),
        (
            "subscribe",
            "subscribed subscription registered",
            "the client says `registered`, but the account is `subscribe`",
        ),
        ("register-and-subscribe", "registered bound subscribed subscription", ""),
        (
            "register-and-subscribe",
            "registered bound subscribed",
            "the client says that it is subscribed, but the server knows of no subscription",
        ),
        (
            "register-and-subscribe",
            "registered subscribed subscription",
            "the client says that it is registered, but the server knows of no binding",
        ),
    ],
)
def test_account(account: str, has: str, doubt: str) -> None:
    """A client sets up what its account has, and no more; and it is the server that knows."""
    subscription, subscribed = (
        next(entry for entry in flow_set_up() if isinstance(entry.event, kind))
        for kind in (ServerSubscription, Subscribed)
    )
    lines = {
        "registered": REGISTERED,
        "bound": BOUND,
        "bound-late": changed(BOUND, t=5.0),
        "subscribed": subscribed,
        "subscription": subscription,
    }
    other = [entry for entry in flow_set_up() if not isinstance(entry.event, ServerSubscription | Subscribed)]
    subject = replace(cell(), client=Client(account=Account(account)))
    shown = [*other, *(lines[word] for word in has.split())]
    outcome = judged(subject, *shown, *sentinel("delivered"), *probe(1, 100, answered=True), END)
    assert outcome.doubt == doubt
    assert outcome.verdict is (Verdict.INCONCLUSIVE if doubt else Verdict.PASS)


def test_mitigation_that_registers() -> None:
    """With it, a client whose account only subscribes registers as well."""
    strategy = Strategy(name="s", mitigations=(Register(expiry=Seconds(60)),))
    lines = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), END]
    assert judged(replace(cell(), strategy=strategy), *lines, BOUND, REGISTERED).verdict is Verdict.PASS
    assert judged(replace(cell(), strategy=strategy), *lines).verdict is Verdict.INCONCLUSIVE


def test_subscription_that_the_server_does_not_know() -> None:
    """A client's word alone does not establish what the cell is about."""
    lines = [entry for entry in flow_set_up() if not isinstance(entry.event, ServerSubscription)]
    outcome = judged(cell(), *lines, *sentinel("delivered"), *probe(1, 100, answered=False), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "the server knows of no subscription" in outcome.doubt
