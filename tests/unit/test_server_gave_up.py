"""A server that gives up clients which do not answer: how it counts, and when that is the cause of a lost probe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.faults.client_move import ClientMove
from lab.faults.link_down import LinkDown
from lab.judge import server_gave_up
from lab.loader.load import load
from lab.loader.unsupported import why_unsupported
from lab.mitigations.base import GivingUp
from lab.mitigations.server_crlf import ServerCrlf
from lab.mitigations.server_options import ServerOptions
from lab.model.scenario import Account, Cell, Client, Server, Strategy, Transport
from lab.model.verdict import SERVER_GAVE_UP
from lab.model.when import When
from lab.record.events import Aborted, ClientGivenUp, KeepAlive
from lab.servers.death_detector import DeathDetector
from lab.units import Seconds
from tests.records import (
    ACCEPTED,
    CLIENT,
    END,
    MOVED,
    SERVER,
    Line,
    attempt,
    begins,
    call,
    cell,
    changed,
    evidence,
    flow_set_up,
    forgot,
    idle_timer,
    judged,
    of_flow,
    say,
    sentinel,
)

ROOT = Path(__file__).parents[2]
DOWN = LinkDown(at=When(offset=38.0), link="core", lasts=Seconds(5))


class Answers:
    """Takes what a detector sends, and whom it gives up."""

    def __init__(self, after: int) -> None:
        self.sent: list[str] = []
        self.given_up: list[tuple[str, int]] = []
        self.answer: dict[str, Callable[[], object]] = {}
        self.detector = DeathDetector(self.send, lambda flow, misses: self.given_up.append((flow, misses)), after)

    def send(self, flow: str, *, on_answered: Callable[[], object]) -> None:
        self.sent.append(flow)
        self.answer.setdefault(flow, on_answered)  # of the first

    def due(self, *flows: str) -> None:
        for flow in flows:
            self.detector.due(flow)


def test_it_gives_up_after_so_many_in_a_row() -> None:
    """When the next would be due; the flow then counts from the beginning."""
    server = Answers(after=2)
    server.due("f1", "f1")
    assert server.given_up == []
    server.due("f1")
    assert (len(server.sent), server.given_up) == (2, [("f1", 2)])
    server.due("f1")
    assert (len(server.sent), server.given_up) == (3, [("f1", 2)])


def test_an_answer_ends_the_row() -> None:
    """Also one that is late; each flow has its own."""
    server = Answers(after=2)
    server.due("f1", "f2", "f1")
    server.answer["f1"]()
    server.due("f1", "f1")
    assert server.given_up == []
    server.due("f1")
    assert server.given_up == [("f1", 2)]


class Asked:
    """A server that keeps what a mitigation asks of it."""

    def __init__(self) -> None:
        self.kept: list[tuple[float, Callable[[str], None]]] = []
        self.sent: list[tuple[str, bool]] = []
        self.detects: list[tuple[float, str, GivingUp, bool]] = []

    def keep_alive(self, interval: float, send: Callable[[str], None]) -> None:
        self.kept.append((interval, send))

    def send_options(self, flow: str, *, retransmits: bool = True) -> None:
        self.sent.append((flow, retransmits))

    def send_crlf(self, flow: str) -> None:
        self.sent.append((flow, False))

    def detect_death(self, interval: float, ping: str, giving_up: GivingUp, *, retransmits: bool = True) -> None:
        self.detects.append((interval, ping, giving_up, retransmits))


@pytest.mark.parametrize("retransmits", [True, False])
def test_what_is_asked_of_the_server(*, retransmits: bool) -> None:
    """Without a limit nobody is given up."""
    server = Asked()
    ServerOptions(interval=Seconds(20), retransmits=retransmits).attach(server)  # type: ignore[arg-type]
    ((interval, send),) = server.kept
    send("f1")
    assert (interval, server.sent, server.detects) == (20, [("f1", retransmits)], [])
    server = Asked()
    ServerOptions(interval=Seconds(20), gives_up_after=3, retransmits=retransmits).attach(server)  # type: ignore[arg-type]
    assert (server.kept, server.detects) == ([], [(20, "options", GivingUp(after=3), retransmits)])


def test_pongs_are_asked_of_the_server() -> None:
    server = Asked()
    ServerCrlf(interval=Seconds(20)).attach(server)  # type: ignore[arg-type]
    assert ([interval for interval, _ in server.kept], server.detects) == ([20], [])
    server = Asked()
    detector = ServerCrlf(interval=Seconds(20), gives_up_after=3, closes_connection=True, ends_calls=True)
    detector.attach(server)  # type: ignore[arg-type]
    expected = (20, "crlf", GivingUp(after=3, closes=True, ends_calls=True), True)
    assert (server.kept, server.detects) == ([], [expected])


@pytest.mark.parametrize("kind", [ServerOptions, ServerCrlf])
@pytest.mark.parametrize("parameter", ["marks_only", "closes_connection", "ends_calls"])
def test_what_giving_up_does_needs_a_limit(kind: type[ServerOptions | ServerCrlf], parameter: str) -> None:
    with pytest.raises(ValueError, match="without gives-up-after"):
        kind(interval=Seconds(20), **{parameter: True})
    kind(interval=Seconds(20), gives_up_after=1, **{parameter: True})


def test_who_is_only_marked_keeps_the_connection() -> None:
    with pytest.raises(ValueError, match="one of them"):
        ServerOptions(interval=Seconds(20), gives_up_after=1, marks_only=True, closes_connection=True)


def test_a_marked_client_is_pinged_on() -> None:
    """It is given up again at each further miss, as something else may have brought it back; an answer is told."""
    sent: list[Callable[[], object]] = []
    given_up: list[tuple[str, int]] = []
    back: list[str] = []
    detector = DeathDetector(
        lambda flow, *, on_answered: sent.append(on_answered),
        lambda flow, misses: given_up.append((flow, misses)),
        2,
        goes_on=True,
        on_answered=back.append,
    )
    for _ in range(6):
        detector.due("f1")
    assert (len(sent), given_up, back) == (6, [("f1", misses) for misses in (2, 3, 4, 5)], [])
    sent[-1]()
    assert back == ["f1"]
    for _ in range(3):
        detector.due("f1")
    assert given_up[4:] == [("f1", 2)]


PLAIN = ServerOptions(interval=Seconds(20))
DETECTOR = ServerOptions(interval=Seconds(20), gives_up_after=3, retransmits=False)
PONGS = ServerCrlf(interval=Seconds(20), gives_up_after=3)


@pytest.mark.parametrize(
    ("mitigation", "server", "transport", "account", "why"),
    [
        (PLAIN, "kamailio", "tls", "subscribe", ""),
        (DETECTOR, "scripted", "tls", "subscribe", ""),
        (replace(PLAIN, retransmits=False), "scripted", "udp", "subscribe", ""),
        (replace(PLAIN, retransmits=False), "kamailio", "udp", "subscribe", "until it is answered"),
        (DETECTOR, "kamailio", "udp", "register-and-subscribe", ""),
        (DETECTOR, "kamailio", "tcp", "register-and-subscribe", "over UDP only"),
        (DETECTOR, "kamailio", "udp", "subscribe", "not subscribers"),
        (replace(DETECTOR, retransmits=True), "kamailio", "udp", "register-and-subscribe", "each OPTIONS once"),
        (replace(DETECTOR, interval=Seconds(2.5)), "kamailio", "udp", "register-and-subscribe", "whole seconds"),
        (replace(DETECTOR, marks_only=True), "scripted", "udp", "subscribe", ""),
        (replace(DETECTOR, marks_only=True), "kamailio", "udp", "register-and-subscribe", "it marks none"),
        (replace(DETECTOR, ends_calls=True), "scripted", "udp", "subscribe", ""),
        (replace(DETECTOR, ends_calls=True), "kamailio", "udp", "register-and-subscribe", "not calls"),
        (replace(DETECTOR, closes_connection=True), "scripted", "tcp", "subscribe", ""),
        (replace(DETECTOR, closes_connection=True), "scripted", "udp", "subscribe", "UDP has none"),
        (replace(DETECTOR, closes_connection=True), "kamailio", "tcp", "register", "no connection to close"),
        (PONGS, "scripted", "tls", "subscribe", ""),
        (PONGS, "scripted", "udp", "subscribe", "over UDP has none"),
        (replace(PONGS, gives_up_after=None), "scripted", "udp", "subscribe", ""),
        (PONGS, "kamailio", "tls", "subscribe", "no CRLF of its own"),
    ],
)
def test_where_it_can_be_had(
    mitigation: ServerOptions | ServerCrlf, server: str, transport: str, account: str, why: str
) -> None:
    (subject, *_) = load(ROOT / "scenarios" / "article" / "idle-subscription.yaml").cells
    found = why_unsupported(
        replace(
            subject,
            strategy=Strategy(name="mine", mitigations=(mitigation,)),
            server=Server(software=server),
            transport=Transport(transport),
            client=Client(account=Account(account)),
            claim=None,
        )
    )
    assert why in found
    assert bool(found) is bool(why)


# The cause


def ping(t: float, *, reached: bool = False) -> list[Line]:
    said = say(t, SERVER, KeepAlive(kind="options", state="sent", flow="f1", code=None, reason=""))
    return [said, of_flow(t, "lan", "server")] if reached else [said]


def given_up(t: float, misses: int = 1) -> Line:
    return say(t, SERVER, ClientGivenUp(flow="f1", misses=misses))


LOST = attempt(100.0, "failed", flow=None, peer=None, reason="no-subscription")


def cause(*entries: Line, subject: Cell | None = None, lost: Line = LOST) -> tuple[str, float | None, str]:
    """The cause of the NOTIFY of 100 s, which had nobody to go to: its kind, its moment, its words."""
    found = judged(subject or cell(), *flow_set_up(), *sentinel("delivered"), *entries, lost, END).cause
    assert found is not None
    return found.kind.name, found.at_s, found.text


def test_the_server_had_given_the_client_up() -> None:
    kind, at, text = cause(*ping(40.0), given_up(60.0))
    assert (kind, at) == (SERVER_GAVE_UP.name, 60.0)
    assert text.startswith("server gave up the client at 60.0 s after 1 OPTIONS that was not answered")


def test_where_the_request_or_its_answer_got_lost() -> None:
    """The client's link shows whether it was the request."""
    assert cause(*ping(40.0), given_up(60.0))[2].endswith(": it never reached the client's link")
    assert cause(*ping(40.0, reached=True), given_up(60.0))[2].endswith(": it reached the client's link")
    three = [*ping(20.0), *ping(40.0, reached=True), *ping(60.0, reached=True), given_up(80.0, 3)]
    assert cause(*three)[2].endswith(
        "after 3 OPTIONS in a row that were not answered: 2 of them reached the client's link"
    )


def test_a_fault_that_is_over_only_explains_the_silence() -> None:
    """It did harm, but the client could be reached again when the probe came."""
    down = begins(DOWN, LinkDown.Proof(link="core", rules=2, lasts=5.0), t=38.0, until=43.0)
    subject = replace(cell(), faults=(DOWN,))
    kind, at, text = cause(*ping(40.0), of_flow(40.0, "core", "server"), *down, given_up(60.0), subject=subject)
    assert (kind, at) == (SERVER_GAVE_UP.name, 60.0)
    assert text.endswith(": link core went down at 38.0 s, over at 43.0 s")


def test_a_server_that_does_not_tell_what_it_sends() -> None:
    """Kamailio tells the answers alone: what kept them away came after the last one."""
    down = begins(DOWN, LinkDown.Proof(link="core", rules=2, lasts=5.0), t=38.0, until=43.0)
    answered = say(30.0, SERVER, KeepAlive(kind="options", state="answered", flow="f1", code=200, reason=""))
    text = cause(answered, *down, given_up(80.0), subject=replace(cell(), faults=(DOWN,)))[2]
    assert text.endswith(": link core went down at 38.0 s, over at 43.0 s")
    later = say(50.0, SERVER, KeepAlive(kind="options", state="answered", flow="f1", code=200, reason=""))
    text = cause(answered, later, *down, given_up(80.0), subject=replace(cell(), faults=(DOWN,)))[2]
    assert text.endswith("not answered")


def test_a_fault_that_still_stands_is_the_cause() -> None:
    """The server was right to give up a client that is somewhere else."""
    fault = ClientMove(at=When(offset=38.0), told=True)
    moved = begins(fault, MOVED, t=38.0)
    subject = replace(cell(), faults=(fault,))
    seen = evidence(subject, *flow_set_up(), *ping(40.0), *moved, given_up(60.0), LOST, END)
    assert server_gave_up.cause(seen, seen.probes[0]) is None
    told = evidence(cell(), *flow_set_up(), *ping(40.0), given_up(60.0), LOST, END)
    assert server_gave_up.cause(told, told.probes[0]) is not None


@pytest.mark.parametrize(
    ("older", "kind"),
    [
        (idle_timer(33.0), "client-idle-timer"),
        (forgot(30.0), "middlebox-forgot-flow"),
        (say(30.0, CLIENT, Aborted(how="SIGKILL", last="")), "client-aborted"),
    ],
)
def test_a_client_that_was_out_of_reach_is_given_up_rightly(older: Line, kind: str) -> None:
    assert cause(*ping(40.0), older, given_up(60.0))[0] == kind


@pytest.mark.parametrize(
    "lost", [attempt(100.0, "failed", reason="timeout"), attempt(50.0, "failed", flow=None, reason="no-subscription")]
)
def test_a_probe_that_was_lost_otherwise(lost: Line) -> None:
    """One that was sent, and one that had nobody to go to before the server gave up."""
    assert cause(*ping(40.0), given_up(60.0), lost=lost)[0] != SERVER_GAVE_UP.name


# What else it may do


def crlf(t: float) -> Line:
    return say(t, SERVER, KeepAlive(kind="crlf", state="sent", flow="f1", code=None, reason=""))


def test_pings_are_called_what_they_are() -> None:
    text = cause(crlf(20.0), crlf(40.0), given_up(60.0, 2))[2]
    assert text == (
        "server gave up the client at 60.0 s after 2 CRLF pings in a row that were not answered: "
        "0 of them reached the client's link"
    )


def test_a_probe_that_a_mark_held_back() -> None:
    """It was not sent, to a contact that is still there."""
    marked = say(60.0, SERVER, ClientGivenUp(flow="f1", misses=1, how="marked"))
    found = judged(
        cell(), *flow_set_up(), *sentinel("delivered"), *ping(40.0), marked,
        attempt(100.0, "failed", reason="given-up"), END,
    )  # fmt: skip
    assert found.cause is not None
    assert (found.cause.kind, found.cause.at_s) == (SERVER_GAVE_UP, 60.0)
    assert found.cause.chain[-1].text == "NOTIFY p1 at 100.0 s was not sent: the server had given up the client"


def test_a_call_that_it_ended() -> None:
    """It needed the client until then."""
    steps = call(("sent", 50.0), ("talking", 50.0))
    ended = attempt(60.0, "failed", kind="invite", reason="given-up")
    found = judged(cell(), *flow_set_up(), *sentinel("delivered"), *steps, *ping(55.0), given_up(60.0), ended, END)
    assert found.cause is not None
    assert (found.cause.kind, found.cause.at_s) == (SERVER_GAVE_UP, 60.0)
    assert found.cause.chain[-1].text == "call p1 of 50.0 s was ended by the server at 60.0 s"


def test_a_call_whose_connection_it_closed() -> None:
    """The BYE has nowhere to go."""
    closed = changed(ACCEPTED, t=60.0, state="closed", reason="given-up")
    steps = call(("sent", 50.0), ("talking", 50.0))
    ended = attempt(70.0, "failed", kind="invite", reason="flow-gone")
    found = judged(
        cell(), *flow_set_up(), *sentinel("delivered"), *steps, *ping(55.0), given_up(60.0), closed, ended, END
    )
    assert found.cause is not None
    assert (found.cause.kind, found.cause.at_s) == (SERVER_GAVE_UP, 60.0)
