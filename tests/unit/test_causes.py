"""What a probe needed and lacked, on records written by hand: accounts and flows, each by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults.server_mute import ServerMute
from lab.model.outcome import Outcome
from lab.model.scenario import Account, Client, ProbeKind
from lab.model.scenario import Probe as ProbeToSend
from lab.model.when import When
from lab.model.without import WithoutExpiry, WithoutFault, WithoutIdleTimer
from lab.record.events import (
    ClientCall,
    Ignored,
    OptionsAnswer,
    Request,
    RequestSent,
    ResponseSent,
)
from lab.report.explanation import explain
from lab.units import Seconds
from tests.lost_probes import (
    BOUND,
    CLOSE,
    CLOSED,
    EXPIRED,
    MUTE,
    mute,
    outcome,
    registering,
    second_flow,
    told,
    without_subscription,
)
from tests.records import (
    CLIENT,
    CONNECTED,
    OUTSIDE,
    SERVER,
    SUBSCRIPTION,
    Line,
    answers_from_now,
    attempt,
    begins,
    call,
    cell,
    changed,
    exchanged,
    idle_timer,
    probe,
    say,
)

# Accounts


def test_what_expired_by_itself_is_the_cause() -> None:
    """Nothing kept the refresh from coming; a twin run would let nothing expire."""
    seen = outcome(cell(), EXPIRED, without_subscription())
    assert told(seen) == ("subscription-expired", 80.0)
    assert seen.cause is not None
    assert seen.cause.text == "the subscription expired at 80.0 s, and the client had not refreshed it"
    assert [suspect.without for suspect in seen.suspects] == [WithoutExpiry("subscription")]


def test_a_request_under_way_is_no_neglect() -> None:
    """The client had asked, and its request was lost: the sentence does not blame it."""
    asked = say(75.0, CLIENT, RequestSent(method="SUBSCRIBE", call_id="c", cseq=2))
    seen = outcome(cell(), asked, EXPIRED, without_subscription())
    assert seen.cause is not None
    assert seen.cause.text == "the subscription expired at 80.0 s"


def test_registration_is_an_account_of_its_own() -> None:
    """A call needs the binding, a NOTIFY the subscription; each expires for itself."""
    over = changed(BOUND, t=60.0, state="expired", expires=0)
    subject = registering(cell())
    invite = changed(without_subscription(), kind="invite")
    assert told(outcome(subject, BOUND, over, invite)) == ("registration-expired", 60.0)
    assert told(outcome(subject, BOUND, over, EXPIRED, without_subscription())) == ("subscription-expired", 80.0)
    renewed = changed(BOUND, t=70.0, state="refreshed")
    assert told(outcome(subject, BOUND, over, renewed, invite)) == ("unknown", None)


def test_what_kept_the_refresh_from_coming_goes_before_the_expiry() -> None:
    """The mute server is the cause, the expiry a link of the chain; without either the probe might have arrived."""
    ignored = say(55.0, SERVER, Ignored(what="SUBSCRIBE", flow="f1"))
    seen = outcome(replace(cell(), faults=(MUTE,)), *mute(), ignored, EXPIRED, without_subscription())
    assert told(seen) == ("server-mute", 50.0)
    assert seen.cause is not None
    assert "the server's subscription ended at 80.0 s: expired" in [link.text for link in seen.cause.chain]
    assert [suspect.without for suspect in seen.suspects] == [WithoutFault(0), WithoutExpiry("subscription")]


def test_each_account_expires_for_want_of_its_own_refresh() -> None:
    """A REGISTER that the mute server ignored cost the binding, a SUBSCRIBE the subscription; never the other."""
    subject = replace(registering(cell()), faults=(MUTE,))
    over = changed(BOUND, t=80.0, state="expired", expires=0)
    invite = changed(without_subscription(), kind="invite")
    for method, cause in (("REGISTER", "server-mute"), ("SUBSCRIBE", "registration-expired")):
        ignored = say(55.0, SERVER, Ignored(what=method, flow="f1"))
        assert told(outcome(subject, *mute(), BOUND, ignored, over, EXPIRED, invite))[0] == cause


@pytest.mark.parametrize("later", [True, False])
def test_a_request_that_failed_is_made_good_by_one_that_did_not(later: bool) -> None:
    """The client's next ping on this flow was answered, so the silence of the server had cost it nothing."""
    ignored = say(55.0, SERVER, Ignored(what="OPTIONS", flow="f1"))
    gave_up = say(87.0, CLIENT, OptionsAnswer(code=408, n=1))
    answered = [
        say(90.0, SERVER, ResponseSent(method="OPTIONS", code=200, flow="f1" if later else "f2")),
        say(90.1, CLIENT, OptionsAnswer(code=200, n=2)),
    ]
    subject = replace(cell(), faults=(MUTE,))
    seen = outcome(subject, *mute(), ignored, gave_up, *answered, idle_timer(95), *probe(1, 100, answered=False))
    assert told(seen)[0] == ("client-idle-timer" if later else "server-mute")


def test_nobody_notices_what_ends_by_agreement() -> None:
    """The flow did not break; what is told is when the client was back."""
    again = changed(SUBSCRIPTION, t=105.0, id="s2")
    subject = cell()
    assert explain(subject, outcome(subject, EXPIRED, without_subscription(), again))[-1] == (
        "  the account ended at 80.0 s; the client subscribed again at 105.0 s"
    )


def test_expiry_and_probe_in_the_same_instant() -> None:
    """The server writes the expiry some microseconds after the probe that it cost."""
    ignored = say(55.0, SERVER, Ignored(what="SUBSCRIBE", flow="f1"))
    late = changed(EXPIRED, t=100.000006)
    subject = replace(cell(), faults=(MUTE,))
    assert told(outcome(subject, *mute(), ignored, late, without_subscription())) == ("server-mute", 50.0)
    assert told(outcome(cell(), late, without_subscription())) == ("subscription-expired", 100.000006)
    much_later = changed(EXPIRED, t=100.2)
    assert told(outcome(cell(), much_later, without_subscription())) == ("unknown", None)


def test_a_subscription_that_the_client_ended_itself() -> None:
    """Between its unsubscribe and its next subscribe nobody is subscribed."""
    ended = changed(SUBSCRIPTION, t=99.9, state="terminated", expires=0)
    asked = Request(method="SUBSCRIBE", flow="f1", peer=OUTSIDE, call_id="c", cseq=2, via=None, contact=None)
    again = changed(SUBSCRIPTION, t=100.3, id="s2")
    seen = outcome(cell(), say(99.9, SERVER, asked), ended, again, without_subscription())
    assert told(seen) == ("client-unsubscribed", 99.9)
    assert told(outcome(cell(), ended, again, without_subscription())) == ("unknown", None)  # it did not ask for that


# The flow, and what would have mended it


def test_a_refresh_that_was_ignored_would_have_mended_the_flow() -> None:
    """The idle timer is older, but the client asked on a new connection: the mute server made the difference."""
    moved = [idle_timer(33.0), *second_flow(55.0)]
    subject = replace(cell(), faults=(MUTE,))
    on_second = say(55.0, SERVER, Ignored(what="SUBSCRIBE", flow="f2"))
    expired = [*mute(), *moved, on_second, EXPIRED, without_subscription()]
    seen = outcome(subject, *expired)
    assert told(seen) == ("server-mute", 50.0)
    assert seen.suspects[1].cause.kind.name == "subscription-expired"
    assert seen.suspects[-1].without == WithoutIdleTimer()
    still_subscribed = attempt(100.0, "failed", reason="flow-gone")
    assert told(outcome(subject, *mute(), *moved, on_second, still_subscribed)) == ("server-mute", 50.0)
    ping = say(55.0, SERVER, Ignored(what="OPTIONS", flow="f2"))
    assert told(outcome(subject, *mute(), *moved, ping, still_subscribed)) == ("client-idle-timer", 33.0)


def test_a_fault_that_ended_the_old_flow_is_history_as_well() -> None:
    """The server closed the first connection; the client asked on a second one, and the server was mute."""
    late = replace(MUTE, at=When(offset=70.0))
    silent = [
        *begins(late, ServerMute.Proof(answers="mute"), t=70.0, until=90.0, number=1),
        changed(answers_from_now("mute"), t=70.01),
    ]
    asked = [*second_flow(75.0), say(75.0, SERVER, Ignored(what="SUBSCRIBE", flow="f2"))]
    subject = replace(cell(), faults=(CLOSE, late))
    seen = outcome(subject, *CLOSED, *silent, *asked, attempt(100.0, "failed", reason="flow-gone"))
    assert told(seen) == ("server-mute", 70.0)
    assert [suspect.without for suspect in seen.suspects] == [WithoutFault(1), WithoutFault(0)]


def two_probes(*lines: Line, account: Account = Account.REGISTER_AND_SUBSCRIBE) -> Outcome:
    """A MESSAGE at 80 s on f2 that is answered, and a NOTIFY at 100 s on f1 that has no flow."""
    subject = replace(cell(probes=(80.0, 100.0)), faults=(CLOSE,), client=Client(account=account))
    subject = replace(subject, probes=(ProbeToSend(at=Seconds(80), kind_=ProbeKind.MESSAGE), subject.probes[1]))
    sent, *_, arrived = probe(1, 80.0, answered=True)
    message = [changed(step, kind="message", flow="f2") for step in (sent, arrived)]
    gone = attempt(100.0, "failed", probe="p2", reason="flow-gone")
    bound = changed(BOUND, t=51.5, flow="f2", expires=300)
    return outcome(
        subject, changed(BOUND, t=-0.1), *CLOSED, *second_flow(51.0), bound, *message, *exchanged(80.0), *lines, gone
    )


def test_an_answer_on_another_flow_mends_nothing() -> None:
    """The binding moved to a new connection, the subscription did not; the fault is the cause of what that cost."""
    ended = changed(CONNECTED, t=50.1, state="disconnected", reason="TLS closed by the other side")
    seen = two_probes(ended)
    assert told(seen) == ("server-closed-flow", 50.0)
    assert [fate.answered for fate in seen.probes] == [True, False]


def test_an_outage_does_not_cover_an_answered_probe() -> None:
    """It begins with the answer before it, however old its cause is."""
    (outage,) = two_probes().metrics.outages
    assert (outage.from_s, outage.to_s) == (80.1, None)


def test_a_new_subscription_does_not_mend_a_call() -> None:
    """BYE goes by the flow of the call."""
    subject = replace(cell(probes=(20.0,)), faults=(CLOSE,))
    again = changed(SUBSCRIPTION, t=52.0, id="s2", flow="f2")
    fate = call(("sent", 20.0), ("talking", 20.1), ("failed", 80.0))
    lost = [*fate[:-1], changed(fate[-1], reason="flow-gone")]
    confirmed = say(20.1, CLIENT, ClientCall(state="confirmed", call_id="c", code=200))
    seen = outcome(subject, *CLOSED, *second_flow(51.0), again, *lost, confirmed)
    assert told(seen) == ("server-closed-flow", 50.0)


def test_each_lost_probe_has_its_cause() -> None:
    """Two probes lost for two reasons, and a third answered in between."""
    subject = cell(probes=(45.0, 70.0, 100.0))
    lines = [
        idle_timer(33.0),
        *probe(1, 45, answered=False),
        *second_flow(60.0),
        changed(SUBSCRIPTION, t=60.5, state="refreshed", flow="f2"),
        *probe(2, 70, answered=True),
        changed(EXPIRED, t=90.0, flow="f2"),
        changed(without_subscription(), probe="p3"),
    ]
    seen = outcome(subject, *lines)
    causes = [fate.cause.kind.name if fate.cause else None for fate in seen.probes]
    assert causes == ["client-idle-timer", None, "subscription-expired"]
    assert [(outage.from_s, outage.to_s) for outage in seen.metrics.outages] == [(33.0, 70.0), (90.0, None)]
