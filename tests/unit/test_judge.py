"""The judge on records written by hand: each test tells one story."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from ipaddress import IPv4Interface
from typing import Any

import pytest

from lab.judge.verdict import judge
from lab.mitigations.options_ping import OptionsPing
from lab.mitigations.server_crlf import ServerCrlf
from lab.model.fault import LinkDown
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.outcome import Outcome
from lab.model.scenario import (
    Cell,
    Claim,
    Client,
    Expectation,
    Probe,
    Server,
    Strategy,
    Transport,
)
from lab.model.topology import Link, Node, Role, Topology
from lab.model.verdict import Cause, Verdict
from lab.model.when import When
from lab.units import Seconds

Line = dict[str, Any]

HOME = Topology(
    name="home-nat",
    nodes=(
        Node(name="client", role=Role.CLIENT),
        Node(name="home-nat", role=Role.MIDDLEBOX, inside="lan", outside="core"),
        Node(name="server", role=Role.SERVER),
    ),
    links=(
        Link(
            name="lan",
            ends=(("client", IPv4Interface("10.0.0.2/24")), ("home-nat", IPv4Interface("10.0.0.1/24"))),
        ),
        Link(
            name="core",
            ends=(("home-nat", IPv4Interface("203.0.113.1/24")), ("server", IPv4Interface("203.0.113.10/24"))),
        ),
    ),
)
SENTINEL = "203.0.113.10:5099"
INSIDE, OUTSIDE, REMOTE = "10.0.0.2:40001", "203.0.113.1:40001", "203.0.113.10:5061"


def cell(*, timeout: float | None = None, probes: tuple[float, ...] = (100.0,), claim: Claim | None = None) -> Cell:
    idle = None if timeout is None else Seconds(timeout)
    box = Middlebox(name="box", established_idle_timeout=idle, forgotten=ForgottenFlow.SILENT)
    return Cell(
        scenario="story",
        name="none",
        axes=(("strategy", "none"),),
        seed=1,
        topology=HOME,
        middleboxes=(("home-nat", box),),
        transport=Transport.TLS,
        server=Server(),
        client=Client(),
        strategy=Strategy(name="none"),
        faults=(),
        probes=tuple(Probe(at=Seconds(t)) for t in probes),
        expect=Expectation(),
        ends=Seconds(110),
        claim=claim,
    )


def flow_set_up() -> list[Line]:
    return [
        {"t": -0.5, "who": "middlebox", "ev": "mapping", "state": "new", "node": "home-nat", "proto": "tcp",
         "inside": INSIDE, "outside": OUTSIDE, "remote": REMOTE, "id": 1},
        {"t": -0.4, "who": "client", "ev": "transport", "id": "tp1", "state": "connected", "local": INSIDE,
         "remote": REMOTE, "reason": ""},
        {"t": -0.4, "who": "server", "ev": "flow", "id": "f1", "state": "accepted", "peer": OUTSIDE},
        {"t": -0.2, "who": "server", "ev": "subscription", "id": "s1", "state": "active", "flow": "f1",
         "expires": 600},
        {"t": 0.0, "who": "client", "ev": "subscribed"},
    ]  # fmt: skip


def sentinel(outcome: str, *, at: float = 62.0, idle: float = 62.5) -> list[Line]:
    lines: list[Line] = []
    for port, flow in enumerate(("from-inside", "from-outside"), start=50001):
        ends = {"local": f"10.0.0.2:{port}", "remote": "203.0.113.10:5099"}
        lines.append(
            {"t": at - idle, "who": "sentinel", "ev": "sentinel", "flow": flow, "state": "established", **ends}
        )
        lines.append({"t": at, "who": "sentinel", "ev": "sentinel", "flow": flow, "state": "sent", "idle": idle})
        lines.append({"t": at + 1, "who": "sentinel", "ev": "sentinel", "flow": flow, "state": outcome, "reason": ""})
    return lines


def exchanged(t: float) -> list[Line]:
    """A request and its answer on the client's link."""
    return [packet(t, "home-nat", 752), packet(t, "client", 452)]


def probe(number: int, t: float, *, answered: bool) -> list[Line]:
    name = f"p{number}"
    fate = {"state": "answered", "code": 200} if answered else {"state": "failed", "reason": "timeout"}
    return [
        {"t": t, "who": "server", "ev": "probe", "probe": name, "state": "sent", "flow": "f1"},
        *(exchanged(t) if answered else []),
        {"t": t + (0.1 if answered else 5.0), "who": "server", "ev": "probe", "probe": name, **fate},
    ]


def idle_timer(t: float = 33.0) -> Line:
    return {"t": t, "who": "client", "ev": "transport", "id": "tp1", "state": "destroyed", "reason": "idle-timer",
            "local": INSIDE, "remote": REMOTE}  # fmt: skip


def forgot(t: float = 60.0) -> Line:
    return {"t": t, "who": "middlebox", "ev": "mapping", "state": "destroyed", "node": "home-nat", "proto": "tcp",
            "inside": INSIDE, "outside": OUTSIDE, "remote": REMOTE, "id": 1, "seen": 0.0}  # fmt: skip


END: Line = {"t": 110.0, "who": "runner", "ev": "end"}


def judged(subject: Cell, *lines: Line) -> Outcome:
    return judge(subject, sorted(lines, key=lambda line: float(line["t"])))


def test_answered_probe_passes() -> None:
    """All probes answered and a sentinel that agrees with the scenario: pass, no cause."""
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), END)
    assert (outcome.verdict, outcome.cause, outcome.doubt) == (Verdict.PASS, None, "")


def test_refused_probe_fails() -> None:
    """A NOTIFY answered 481 has reached a client that does not know the subscription any more: nothing was delivered,
    and a fault before it was not mended by it."""
    fault = {"who": "runner", "n": 0, "fault": "LinkDown"}
    down = [{"t": 30.0, "ev": "fault", "rules": 2, **fault}, {"t": 32.0, "ev": "fault-over", **fault}]
    refused = [
        {**line, "code": 481} if line.get("state") == "answered" else line for line in probe(1, 76, answered=True)
    ]
    subject = replace(
        cell(probes=(76.0, 100.0)), faults=(LinkDown(at=When(offset=30.0), link="core", lasts=Seconds(2)),)
    )
    lost = {**packet(31.0, "client", 400), "link": "core", "from": "home-nat", "src": OUTSIDE}
    failed = {"t": 63.0, "who": "client", "ev": "subscription", "state": "terminated", "code": 408, "reason": ""}
    lines = [*flow_set_up(), *sentinel("delivered"), *down, lost, failed, *refused, *probe(2, 100, answered=False), END]
    outcome = judged(subject, *lines)
    assert (outcome.verdict, outcome.metrics.delivered) == (Verdict.FAIL, 0)
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.chain[-1].text) == (
        Cause.LINK_DOWN,
        "NOTIFY p1 at 76.0 s was refused: 481",
    )


def test_idle_timer_is_the_cause() -> None:
    """The client closed the flow at 33 s; the mapping that ended afterwards is a consequence."""
    lines = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=False), idle_timer(), forgot(43), END]
    outcome = judged(cell(), *lines)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.CLIENT_IDLE_TIMER, 33.0)
    assert outcome.cause.text == "client idle timer closed the transport at 33.0 s"


def test_forgotten_mapping_is_the_cause() -> None:
    """The middlebox forgot at 60 s, and the sentence says what the sentinel met afterwards."""
    lines = [*flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), forgot(), END]
    outcome = judged(cell(timeout=60), *lines)
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.MIDDLEBOX_FORGOT, 60.0)
    assert "60.0 s" in outcome.cause.text
    assert "either side silently" in outcome.cause.text


def forgetful(forgotten: ForgottenFlow) -> Cell:
    box = Middlebox(name="box", established_idle_timeout=Seconds(60), forgotten=forgotten)
    return replace(cell(timeout=60), middleboxes=(("home-nat", box),))


def test_mapping_made_anew_on_another_port_is_the_cause() -> None:
    """The server's packets go to the old port: the flow is lost, though the client's next segment gets through."""
    again = {**flow_set_up()[0], "t": 70.0, "id": 2, "outside": "203.0.113.1:40002"}
    reset = {**idle_timer(70.1), "state": "disconnected", "reason": "Connection reset by peer"}
    mapped = {**flow_set_up()[0], "inside": "10.0.0.2:50001", "outside": "203.0.113.1:50001", "remote": SENTINEL}
    moved = {**mapped, "t": 62.0, "outside": "203.0.113.1:50002"}
    met = sentinel("silent")
    met[2] = {**met[2], "state": "reset"}  # of the flow from inside
    lines = [*flow_set_up(), mapped, moved, *met, *probe(1, 100, answered=False), forgot(), again, reset, END]
    outcome = judged(forgetful(ForgottenFlow.REPICKUP_NEW_PORT), *lines)
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.MIDDLEBOX_FORGOT, 60.0)
    assert "picks it up only from inside, on another port" in outcome.cause.text


def test_a_flow_ended_towards_both_is_told_from_one_that_is_answered() -> None:
    """Both ends meet RST either way; here they had it before they sent anything."""
    texts = []
    for forgotten, found in ((ForgottenFlow.RST_TO_BOTH, "reset"), (ForgottenFlow.RST_TO_SENDER, "open")):
        met = [{**line, "found": found} if line["state"] == "sent" else line for line in sentinel("reset")]
        lines = [*flow_set_up(), *met, *probe(1, 100, answered=False), forgot(), END]
        outcome = judged(forgetful(forgotten), *lines)
        assert outcome.cause is not None
        texts.append(outcome.cause.text.partition(" s ")[2])
    assert texts == ["and ended it towards both with RST", "and answers either side with RST"]


def test_mapping_made_anew_is_not_the_cause() -> None:
    """A mapping that was re-created before the probe was not in the way; nothing else is known."""
    again = {**flow_set_up()[0], "t": 70.0, "id": 2}
    lines = [*flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), forgot(), again, END]
    outcome = judged(cell(timeout=60), *lines)
    assert outcome.cause is not None
    assert outcome.cause.kind is Cause.UNKNOWN


def test_other_flow_is_not_the_cause() -> None:
    """A transport that never carried the subscription may end as it likes."""
    other = {**idle_timer(20), "id": "tp2"}
    lines = [*flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), other, forgot(), END]
    outcome = judged(cell(timeout=60), *lines)
    assert outcome.cause is not None
    assert outcome.cause.kind is Cause.MIDDLEBOX_FORGOT


@pytest.mark.parametrize("seen", ["delivered", "reset", "failed"])
def test_sentinel_that_disagrees_makes_inconclusive(seen: str) -> None:
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
        {"t": 1.0, "who": "client", "ev": "aborted", "how": "SIGABRT", "last": "assertion failed"},
        {"t": 1.0, "who": "runner", "ev": "never-silent"},
    ]
    outcome = judged(cell(), *lines)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "SIGABRT" in outcome.doubt


def test_aborted_client_is_the_cause() -> None:
    """A client that dies in silence fails, with its last words."""
    died = {"t": 50.0, "who": "client", "ev": "aborted", "how": "SIGABRT", "last": "double dec_ref"}
    lines = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=False), died, END]
    outcome = judged(cell(), *lines)
    assert outcome.cause is not None
    assert outcome.cause.kind is Cause.CLIENT_ABORTED
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


def packet(t: float, sender: str, size: int, *, port: int = 40001) -> Line:
    client, server = f"10.0.0.2:{port}", REMOTE if port == 40001 else "203.0.113.10:5099"
    source, target = (client, server) if sender == "client" else (server, client)
    return {"t": t, "who": "link", "ev": "packet", "link": "lan", "from": sender, "proto": "tcp", "src": source,
            "dst": target, "bytes": size, "payload": 1, "flags": "PA"}  # fmt: skip


def test_cost_leaves_out_sentinel_probes_and_set_up() -> None:
    """Only the strategy's own traffic counts, and rates refer to the time without probes."""
    traffic = [
        packet(-0.3, "client", 1000),  # set-up
        packet(0.04, "home-nat", 52),  # its last ACK
        packet(10, "client", 500),
        packet(10.1, "home-nat", 400),
        packet(62, "client", 77, port=5555),  # sentinel
        packet(100.2, "home-nat", 900),  # the probe
        packet(111, "client", 40),  # after the end
    ]
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), *traffic, END)
    seen = outcome.metrics
    assert (seen.packets_up, seen.packets_down, seen.bytes_up, seen.bytes_down) == (1, 1, 500, 400)
    assert seen.observed_s == 108.0
    assert seen.bytes_per_hour == round(900 * 3600 / 108, 1)


CLAIM = Claim(verdict=Verdict.FAIL, cause=Cause.CLIENT_IDLE_TIMER, at=Seconds(33), within=Seconds(0.5))


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


def call(*states: tuple[str, float], flow: str = "f1") -> list[Line]:
    return [
        {"t": t, "who": "server", "ev": "probe", "probe": "p1", "kind": "invite", "state": state, "flow": flow,
         "code": 200 if state == "answered" else None}
        for state, t in states
    ]  # fmt: skip


CONFIRMED: Line = {"t": 20.1, "who": "client", "ev": "call", "state": "confirmed", "call_id": "c", "code": 200}
BEGUN = (("sent", 20.0), ("talking", 20.1))


def test_call_passes_when_its_end_is_answered() -> None:
    """INVITE, ACK and BYE have all arrived; the traffic of both ends of the call is the lab's."""
    lines = [*call(*BEGUN, ("ending", 80.0), ("answered", 80.1)), CONFIRMED, *exchanged(80.05)]
    outcome = judged(cell(probes=(20.0,)), *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.PASS
    assert (outcome.metrics.packets_up, outcome.metrics.observed_s) == (0, 107.0)


def test_call_whose_ack_got_lost_fails() -> None:
    """The client never saw the call begin."""
    lines = [*call(*BEGUN, ("ending", 80.0), ("answered", 80.1)), {**CONFIRMED, "state": "connecting"}]
    outcome = judged(cell(probes=(20.0,)), *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.FAIL


def test_call_of_a_client_that_does_not_speak_of_calls() -> None:
    """Its answers to INVITE and BYE are all there is to judge by."""
    lines = [*call(*BEGUN, ("ending", 80.0), ("answered", 80.1)), *exchanged(80.05)]
    outcome = judged(cell(probes=(20.0,)), *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.PASS


@pytest.mark.parametrize("ending", [[], [("ending", 80.0)]])
def test_call_that_cannot_be_ended(ending: list[tuple[str, float]]) -> None:
    """What broke the flow while the call was held is the cause, though the flow was good when it began."""
    lines = [*call(*BEGUN, *ending, ("failed", 80.2)), CONFIRMED, forgot(60)]
    outcome = judged(cell(timeout=60), *flow_set_up(), *sentinel("silent"), *lines, END)
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.MIDDLEBOX_FORGOT, 60.0)
    assert outcome.metrics.outages[0].from_s == 60.0


def test_cause_is_sought_on_the_flow_of_the_call() -> None:
    """A call whose refresh took another connection is not lost because of the first one."""
    moved = "203.0.113.1:40002"
    lines = [
        {"t": 50.0, "who": "server", "ev": "flow", "id": "f2", "state": "accepted", "peer": moved},
        {"t": 50.0, "who": "client", "ev": "transport", "id": "tp2", "state": "connected", "local": moved,
         "remote": REMOTE, "reason": ""},
        {**idle_timer(75.0), "id": "tp2", "local": moved},
    ]  # fmt: skip
    fate = [*call(*BEGUN), *call(("failed", 80.0), flow="f2"), CONFIRMED]
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *fate, *lines, idle_timer(33.0), END)
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.CLIENT_IDLE_TIMER, 75.0)


def without_words() -> list[Line]:
    """The set-up of a client that says nothing of its transports."""
    return [line for line in flow_set_up() if line["ev"] != "transport"]


def segment(t: float, flags: str, *, outgoing: bool = True, link: str = "lan") -> Line:
    source, target = (INSIDE, REMOTE) if outgoing else (REMOTE, INSIDE)
    ends = {"src": source, "dst": target, "from": "client" if outgoing else "home-nat"}
    return {"t": t, "who": "link", "ev": "packet", "link": link, "proto": "tcp", **ends, "bytes": 40, "payload": 0,
            "flags": flags, "seq": 1}  # fmt: skip


@pytest.mark.parametrize("flags", ["FA", "R", "RA"])
def test_close_that_only_the_network_shows(flags: str) -> None:
    """A client that does not say that it closed its connection is seen doing it; the mapping that ends later is not
    taken for the cause."""
    lines = [segment(20, "PA"), segment(33, flags), forgot(43), *probe(1, 100, answered=False)]
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *lines, END)
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.CLIENT_CLOSED, 33.0)
    assert "does not say why" in outcome.cause.text


def test_close_by_the_other_side_is_not_the_clients() -> None:
    """A client that answers FIN with FIN has not closed the connection."""
    lines = [segment(33, "FA", outgoing=False), segment(33.1, "FA"), *probe(1, 100, answered=False)]
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *lines, END)
    assert outcome.cause is not None
    assert outcome.cause.kind is Cause.UNKNOWN


def test_close_by_death_is_death() -> None:
    """The kernel closes the connections of a process that ends, a moment before the runner hears of the end."""
    died = {"t": 33.05, "who": "client", "ev": "aborted", "how": "exit status 3", "last": "it wrote no log"}
    lines = [segment(33, "FA"), died, *probe(1, 100, answered=False)]
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *lines, END)
    assert outcome.cause is not None
    assert outcome.cause.kind is Cause.CLIENT_ABORTED


def test_lost_probe_without_any_evidence_has_no_cause() -> None:
    """Nothing is made up where neither the client nor the network shows anything."""
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *probe(1, 100, answered=False), END)
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.UNKNOWN, None)


def test_subscription_that_the_server_does_not_know() -> None:
    """A client's word alone does not establish what the cell is about."""
    lines = [line for line in flow_set_up() if line["ev"] != "subscription"]
    outcome = judged(cell(), *lines, *sentinel("delivered"), *probe(1, 100, answered=False), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "the server knows of no subscription" in outcome.doubt


def test_broken_protocol() -> None:
    """A client that breaks the protocol may have kept back what mattered: nothing is concluded."""
    broken = {"t": 5.0, "who": "runner", "ev": "protocol-error", "actor": "client", "why": "not JSON", "wrote": "Hello"}
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), broken, *probe(1, 100, answered=True), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.doubt == "the scenario's client broke the actor protocol: not JSON: `Hello`"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ([{"ev": "ready", "mitigations": ["options-ping", "other"]}], Verdict.PASS),
        ([{"ev": "ready", "mitigations": ["other"]}], Verdict.UNSUPPORTED),
        ([{"ev": "ready"}], Verdict.UNSUPPORTED),
        ([], Verdict.UNSUPPORTED),
    ],
)
@pytest.mark.parametrize("own", [True, False])
def test_mitigations_of_a_client_of_the_authors(said: list[Line], verdict: Verdict, own: bool) -> None:
    """It does what it has offered when it got ready; the lab's own client does what the lab knows that it does."""
    strategy = Strategy(name="ping", mitigations=(OptionsPing(interval=Seconds(25)), ServerCrlf(interval=Seconds(25))))
    client = Client(command=("./mine",) if own else ())
    subject = dataclasses.replace(cell(), strategy=strategy, client=client)
    ready = [{"t": -1.0, "who": "client", **line} for line in said]
    outcome = judged(subject, *flow_set_up(), *ready, *sentinel("delivered"), *probe(1, 100, answered=True), END)
    assert outcome.verdict is (verdict if own else Verdict.PASS)
    if outcome.verdict is Verdict.UNSUPPORTED:
        assert outcome.doubt == "the scenario's client does not offer options-ping"


def test_connections_of_a_client_that_does_not_speak_of_them() -> None:
    """They are counted where the network shows them: each once, and only those made while silent."""
    again = {**segment(40, "AS", outgoing=False), "dst": "10.0.0.2:40002"}
    lines = [segment(-0.4, "AS", outgoing=False), again, {**again, "t": 41.0}, segment(40, "S"), segment(40, "A")]
    subject = dataclasses.replace(cell(), client=Client(command=("./mine",)))
    outcome = judged(subject, *without_words(), *sentinel("delivered"), *lines, *probe(1, 100, answered=True), END)
    assert outcome.metrics.connects == 1
    told = judged(subject, *flow_set_up(), *sentinel("delivered"), *lines, *probe(1, 100, answered=True), END)
    assert told.metrics.connects == 0
