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
from lab.mitigations.server_options import ServerOptions
from lab.model.scenario import Account, Cell, Client, Server, Strategy, Transport
from lab.model.verdict import SERVER_GAVE_UP
from lab.model.when import When
from lab.record.events import Aborted, ClientGivenUp, KeepAlive
from lab.servers.death_detector import DeathDetector
from lab.units import Seconds
from tests.records import (
    CLIENT,
    END,
    MOVED,
    SERVER,
    Line,
    attempt,
    begins,
    cell,
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
        self.detects: list[tuple[float, int, bool]] = []

    def keep_alive(self, interval: float, send: Callable[[str], None]) -> None:
        self.kept.append((interval, send))

    def send_options(self, flow: str, *, retransmits: bool = True) -> None:
        self.sent.append((flow, retransmits))

    def detect_death(self, interval: float, *, after: int, retransmits: bool) -> None:
        self.detects.append((interval, after, retransmits))


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
    assert (server.kept, server.detects) == ([], [(20, 3, retransmits)])


PLAIN = ServerOptions(interval=Seconds(20))
DETECTOR = ServerOptions(interval=Seconds(20), gives_up_after=3, retransmits=False)


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
    ],
)
def test_where_it_can_be_had(mitigation: ServerOptions, server: str, transport: str, account: str, why: str) -> None:
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
