"""The judge on records written by hand: each test tells one story."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from lab.faults.link_down import LinkDown
from lab.mitigations.options_ping import OptionsPing
from lab.mitigations.register import Register
from lab.mitigations.server_crlf import ServerCrlf
from lab.model.endpoint import Endpoint
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.scenario import Account, Cell, Claim, Client, Strategy
from lab.model.verdict import Verdict
from lab.model.when import When
from lab.record.events import (
    Aborted,
    Binding,
    ClientReady,
    ClientSubscription,
    ClientTransport,
    NeverSilent,
    ProbeState,
    ProtocolError,
    Registered,
    SentinelState,
    ServerSubscription,
    Subscribed,
)
from lab.record.writer import RUNNER
from lab.units import Seconds
from tests.records import (
    BEGUN,
    BOX,
    CLIENT,
    CONFIRMED,
    CONNECTED,
    END,
    INSIDE,
    MAPPED,
    REMOTE,
    SENTINEL,
    Line,
    begins,
    call,
    cell,
    changed,
    exchanged,
    flow_set_up,
    forgot,
    idle_timer,
    judged,
    of_flow,
    on_lan,
    packet,
    probe,
    say,
    sentinel,
    server_flow,
)


def test_answered_probe_passes() -> None:
    """All probes answered and a sentinel that agrees with the scenario: pass, no cause."""
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), END)
    assert (outcome.verdict, outcome.cause, outcome.doubt) == (Verdict.PASS, None, "")


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


def test_refused_probe_fails() -> None:
    """A NOTIFY answered 481 has reached a client that does not know the subscription any more: nothing was delivered,
    and a fault before it was not mended by it."""
    fault = LinkDown(at=When(offset=30.0), link="core", lasts=Seconds(2))
    down = begins(fault, LinkDown.Proof(link="core", rules=2, lasts=2.0), t=30.0, until=32.0)
    *asked, answered = probe(1, 76, answered=True)
    refused = [*asked, changed(answered, code=481)]
    subject = replace(cell(probes=(76.0, 100.0)), faults=(fault,))
    lost = of_flow(31.0, "core", "client")
    failed = say(63.0, CLIENT, ClientSubscription(state="terminated", code=408, reason=""))
    lines = [*flow_set_up(), *sentinel("delivered"), *down, lost, failed, *refused, *probe(2, 100, answered=False), END]
    outcome = judged(subject, *lines)
    assert (outcome.verdict, outcome.metrics.delivered) == (Verdict.FAIL, 0)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.chain[-1].text) == (
        "link-down",
        "NOTIFY p1 at 76.0 s was refused: 481",
    )


def test_idle_timer_is_the_cause() -> None:
    """The client closed the flow at 33 s; the mapping that ended afterwards is a consequence."""
    lines = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=False), idle_timer(), forgot(43), END]
    outcome = judged(cell(), *lines)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 33.0)
    assert outcome.cause.text == "client idle timer closed the transport at 33.0 s"


def test_forgotten_mapping_is_the_cause() -> None:
    """The middlebox forgot at 60 s, and the sentence says what the sentinel met afterwards."""
    lines = [*flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), forgot(), END]
    outcome = judged(cell(timeout=60), *lines)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("middlebox-forgot-flow", 60.0)
    assert "60.0 s" in outcome.cause.text
    assert "either side silently" in outcome.cause.text


def forgetful(forgotten: ForgottenFlow) -> Cell:
    box = Middlebox(name="box", established_idle_timeout=Seconds(60), forgotten=forgotten)
    return replace(cell(timeout=60), middleboxes=(("home-nat", box),))


def test_mapping_made_anew_on_another_port_is_the_cause() -> None:
    """The server's packets go to the old port: the flow is lost, though the client's next segment gets through."""
    again = changed(MAPPED, t=70.0, id=2, outside=Endpoint("203.0.113.1", 40002))
    reset = changed(idle_timer(70.1), state="disconnected", reason="Connection reset by peer")
    mapped = changed(
        MAPPED, inside=Endpoint("10.0.0.2", 50001), outside=Endpoint("203.0.113.1", 50001), remote=SENTINEL
    )
    moved = changed(mapped, t=62.0, outside=Endpoint("203.0.113.1", 50002))
    met = sentinel("reset", "silent")
    lines = [*flow_set_up(), mapped, moved, *met, *probe(1, 100, answered=False), forgot(), again, reset, END]
    outcome = judged(forgetful(ForgottenFlow.REPICKUP_NEW_PORT), *lines)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("middlebox-forgot-flow", 60.0)
    assert "picks it up only from inside, on another port" in outcome.cause.text


def test_a_flow_ended_towards_both_is_told_from_one_that_is_answered() -> None:
    """Both ends meet RST either way; here they had it before they sent anything."""
    texts = []
    both, sender = sentinel("reset", found="reset"), sentinel("reset", found="open")
    for forgotten, met in ((ForgottenFlow.RST_TO_BOTH, both), (ForgottenFlow.RST_TO_SENDER, sender)):
        lines = [*flow_set_up(), *met, *probe(1, 100, answered=False), forgot(), END]
        outcome = judged(forgetful(forgotten), *lines)
        assert outcome.cause is not None
        texts.append(outcome.cause.text.partition(" s ")[2])
    assert texts == ["and ended it towards both with RST", "and answers either side with RST"]


def test_mapping_made_anew_is_not_the_cause() -> None:
    """A mapping that was re-created before the probe was not in the way; nothing else is known."""
    again = changed(MAPPED, t=70.0, id=2)
    lines = [*flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), forgot(), again, END]
    outcome = judged(cell(timeout=60), *lines)
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "unknown"


def test_other_flow_is_not_the_cause() -> None:
    """A transport that never carried the subscription may end as it likes."""
    other = changed(idle_timer(20), id="tp2")
    lines = [*flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), other, forgot(), END]
    outcome = judged(cell(timeout=60), *lines)
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "middlebox-forgot-flow"


@pytest.mark.parametrize("seen", ["delivered", "reset", "failed"])
def test_sentinel_that_disagrees_makes_inconclusive(seen: SentinelState) -> None:
    """A middlebox that should forget silently but does not proves nothing, whatever the probes say."""
    outcome = judged(cell(timeout=60), *flow_set_up(), *sentinel(seen), *probe(1, 100, answered=True), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "sentinel" in outcome.doubt


def test_missing_sentinel_makes_inconclusive() -> None:
    """No challenge, no pass."""
    outcome = judged(cell(), *flow_set_up(), *probe(1, 100, answered=True), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE


def test_cut_short_is_inconclusive() -> None:
    """A run without its end was killed; its answered probe proves nothing about the rest."""
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True))
    assert (outcome.verdict, outcome.doubt) == (Verdict.INCONCLUSIVE, "the run was cut short")


def test_missing_probe_is_inconclusive() -> None:
    """Two probes were due, one happened."""
    subject = cell(probes=(45.0, 100.0))
    outcome = judged(subject, *flow_set_up(), *sentinel("delivered"), *probe(1, 45, answered=True), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE


def test_never_silent_is_inconclusive() -> None:
    """A client that never subscribes has not been tested; its death is told."""
    lines: list[Line] = [
        say(1.0, CLIENT, Aborted(how="SIGABRT", last="assertion failed")),
        say(1.0, RUNNER, NeverSilent()),
    ]
    outcome = judged(cell(), *lines)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "SIGABRT" in outcome.doubt


def test_aborted_client_is_the_cause() -> None:
    """A client that dies in silence fails, with its last words."""
    died = say(50.0, CLIENT, Aborted(how="SIGABRT", last="double dec_ref"))
    lines = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=False), died, END]
    outcome = judged(cell(), *lines)
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "client-aborted"
    assert "double dec_ref" in outcome.cause.text


def test_share_of_probes_decides() -> None:
    """Half of the probes delivered is a fail when all are expected, and the outage lasts from cause to answer."""
    subject = cell(probes=(45.0, 100.0))
    lines = [*probe(1, 45, answered=False), *probe(2, 100, answered=True), idle_timer()]
    outcome = judged(subject, *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.metrics.delivered == 1
    (outage,) = outcome.metrics.outages
    assert (outage.from_s, outage.to_s) == (33.0, 100)


def test_cost_leaves_out_sentinel_probes_and_set_up() -> None:
    """Only the strategy's own traffic counts, and rates refer to the time without probes."""
    traffic = [
        on_lan(-0.3, CLIENT, 1000),  # set-up
        on_lan(0.04, BOX, 52),  # its last ACK
        on_lan(10, CLIENT, 500),
        on_lan(10.1, BOX, 400),
        on_lan(62, CLIENT, 77, port=5555),  # sentinel
        on_lan(100.2, BOX, 900),  # the probe
        on_lan(111, CLIENT, 40),  # after the end
    ]
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), *traffic, END)
    seen = outcome.metrics
    assert (seen.packets_up, seen.packets_down, seen.bytes_up, seen.bytes_down) == (1, 1, 500, 400)
    assert seen.observed_s == 108.0
    assert seen.bytes_per_hour == round(900 * 3600 / 108, 1)


CLAIM = Claim(verdict=Verdict.FAIL, cause="client-idle-timer", at=Seconds(33), within=Seconds(0.5))


@pytest.mark.parametrize(
    ("cause", "holds", "differs"),
    [
        (idle_timer(33.4), True, ""),
        (idle_timer(33.6), False, "at 33.60 s"),
        (forgot(33.0), False, "middlebox-forgot-flow"),
    ],
)
def test_claim_is_checked_to_the_moment(cause: Line, holds: bool, differs: str) -> None:
    """A claim holds only if verdict, cause and time all agree."""
    lines = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=False), cause, END]
    outcome = judged(cell(claim=CLAIM), *lines)
    assert outcome.claim_holds is holds
    assert differs in outcome.claim_text


def test_unclaimed_cell_neither_holds_nor_breaks() -> None:
    """Nothing claimed, nothing to hold."""
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), END)
    assert outcome.claim_holds is None


def test_call_passes_when_its_end_is_answered() -> None:
    """INVITE, ACK and BYE have all arrived; the traffic of both ends of the call is the lab's."""
    lines = [*call(*BEGUN, ("ending", 80.0), ("answered", 80.1)), CONFIRMED, *exchanged(80.05)]
    outcome = judged(cell(probes=(20.0,)), *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.PASS
    assert (outcome.metrics.packets_up, outcome.metrics.observed_s) == (0, 107.0)


def test_call_whose_ack_got_lost_fails() -> None:
    """The client never saw the call begin."""
    lines = [*call(*BEGUN, ("ending", 80.0), ("answered", 80.1)), changed(CONFIRMED, state="connecting")]
    outcome = judged(cell(probes=(20.0,)), *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.FAIL


@pytest.mark.parametrize(("confirmed", "verdict"), [("call-1", Verdict.PASS), ("call-2", Verdict.FAIL)])
def test_only_its_own_ack_confirms_a_call(confirmed: str, verdict: Verdict) -> None:
    """Two calls overlap; the ACK that came is that of the Call-ID that the client names."""
    fate = call(*BEGUN, ("ending", 80.0), ("answered", 80.1))
    lines = [*(changed(line, call_id="call-1") for line in fate), changed(CONFIRMED, call_id=confirmed)]
    outcome = judged(cell(probes=(20.0,)), *flow_set_up(), *sentinel("delivered"), *lines, *exchanged(80.05), END)
    assert outcome.verdict is verdict


def test_call_of_a_client_that_does_not_speak_of_calls() -> None:
    """Its answers to INVITE and BYE are all there is to judge by."""
    lines = [*call(*BEGUN, ("ending", 80.0), ("answered", 80.1)), *exchanged(80.05)]
    outcome = judged(cell(probes=(20.0,)), *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.PASS


@pytest.mark.parametrize("ending", [[], [("ending", 80.0)]])
def test_call_that_cannot_be_ended(ending: list[tuple[ProbeState, float]]) -> None:
    """What broke the flow while the call was held is the cause, though the flow was good when it began."""
    lines = [*call(*BEGUN, *ending, ("failed", 80.2)), CONFIRMED, forgot(60)]
    outcome = judged(cell(timeout=60), *flow_set_up(), *sentinel("silent"), *lines, END)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("middlebox-forgot-flow", 60.0)
    assert outcome.metrics.outages[0].from_s == 60.0


def test_cause_is_sought_on_the_flow_of_the_call() -> None:
    """A call whose refresh took another connection is not lost because of the first one."""
    moved = Endpoint("203.0.113.1", 40002)
    lines = [
        server_flow(50.0, "accepted", id="f2", peer=moved),
        changed(CONNECTED, t=50.0, id="tp2", local=moved),
        changed(idle_timer(75.0), id="tp2", local=moved),
    ]
    fate = [*call(*BEGUN), *call(("failed", 80.0), flow="f2"), CONFIRMED]
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *fate, *lines, idle_timer(33.0), END)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 75.0)


def without_words() -> list[Line]:
    """The set-up of a client that says nothing of its transports."""
    return [entry for entry in flow_set_up() if not isinstance(entry.event, ClientTransport)]


def segment(t: float, flags: str, *, outgoing: bool = True, link: str = "lan") -> Line:
    sender, ends = (CLIENT, (INSIDE, REMOTE)) if outgoing else (BOX, (REMOTE, INSIDE))
    return packet(t, link, sender, *ends, size=40, payload=0, flags=flags)


@pytest.mark.parametrize("flags", ["FA", "R", "RA"])
def test_close_that_only_the_network_shows(flags: str) -> None:
    """A client that does not say that it closed its connection is seen doing it; the mapping that ends later is not
    taken for the cause."""
    lines = [segment(20, "PA"), segment(33, flags), forgot(43), *probe(1, 100, answered=False)]
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *lines, END)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-closed-transport", 33.0)
    assert "does not say why" in outcome.cause.text


def test_close_by_the_other_side_is_not_the_clients() -> None:
    """A client that answers FIN with FIN has not closed the connection."""
    lines = [segment(33, "FA", outgoing=False), segment(33.1, "FA"), *probe(1, 100, answered=False)]
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *lines, END)
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "unknown"


def test_close_by_death_is_death() -> None:
    """The kernel closes the connections of a process that ends, a moment before the runner hears of the end."""
    died = say(33.05, CLIENT, Aborted(how="exit status 3", last="it wrote no log"))
    lines = [segment(33, "FA"), died, *probe(1, 100, answered=False)]
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *lines, END)
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "client-aborted"


def test_lost_probe_without_any_evidence_has_no_cause() -> None:
    """Nothing is made up where neither the client nor the network shows anything."""
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *probe(1, 100, answered=False), END)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("unknown", None)


def test_subscription_that_the_server_does_not_know() -> None:
    """A client's word alone does not establish what the cell is about."""
    lines = [entry for entry in flow_set_up() if not isinstance(entry.event, ServerSubscription)]
    outcome = judged(cell(), *lines, *sentinel("delivered"), *probe(1, 100, answered=False), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "the server knows of no subscription" in outcome.doubt


def test_broken_protocol() -> None:
    """A client that breaks the protocol may have kept back what mattered: nothing is concluded."""
    broken = say(5.0, RUNNER, ProtocolError(actor="client", why="not JSON", wrote="Hello"))
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), broken, *probe(1, 100, answered=True), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.doubt == "the scenario's client broke the actor protocol: not JSON: `Hello`"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ([ClientReady(mitigations=("options-ping", "other"))], Verdict.PASS),
        ([ClientReady(mitigations=("other",))], Verdict.UNSUPPORTED),
        ([ClientReady()], Verdict.UNSUPPORTED),
        ([], Verdict.UNSUPPORTED),
    ],
)
@pytest.mark.parametrize("own", [True, False])
def test_mitigations_of_a_client_of_the_authors(said: list[ClientReady], verdict: Verdict, own: bool) -> None:
    """It does what it has offered when it got ready; the lab's own client does what the lab knows that it does."""
    strategy = Strategy(name="ping", mitigations=(OptionsPing(interval=Seconds(25)), ServerCrlf(interval=Seconds(25))))
    client = Client(command=("./mine",) if own else ())
    subject = dataclasses.replace(cell(), strategy=strategy, client=client)
    ready = [say(-1.0, CLIENT, event) for event in said]
    outcome = judged(subject, *flow_set_up(), *ready, *sentinel("delivered"), *probe(1, 100, answered=True), END)
    assert outcome.verdict is (verdict if own else Verdict.PASS)
    if outcome.verdict is Verdict.UNSUPPORTED:
        assert outcome.doubt == "the scenario's client does not offer options-ping"


def test_connections_of_a_client_that_does_not_speak_of_them() -> None:
    """They are counted where the network shows them: each once, and only those made while silent."""
    again = changed(segment(40, "AS", outgoing=False), dst=Endpoint("10.0.0.2", 40002))
    lines = [segment(-0.4, "AS", outgoing=False), again, changed(again, t=41.0), segment(40, "S"), segment(40, "A")]
    subject = dataclasses.replace(cell(), client=Client(command=("./mine",)))
    outcome = judged(subject, *without_words(), *sentinel("delivered"), *lines, *probe(1, 100, answered=True), END)
    assert outcome.metrics.connects == 1
    told = judged(subject, *flow_set_up(), *sentinel("delivered"), *lines, *probe(1, 100, answered=True), END)
    assert told.metrics.connects == 0
