"""Logs of pjsip, baresip, linphone and Kamailio, as facts; also such as are cut off, damaged or hostile."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.importing.facts import HERE, Ended, Endpoint, Fact, KeepAlive, Kept, Message, Opened, Side, Why
from lab.importing.formats import all_formats, format_of
from lab.importing.importing import import_files
from lab.importing.source import Source
from lab.importing.text_log import Clock, endpoint
from tests.import_logs import (
    BARESIP,
    CONNECTED,
    KAMAILIO,
    LINPHONE,
    LOGS,
    PJSIP,
    REGISTER,
    REGISTERED,
    dumped,
    pjsip,
    request,
    shown,
)

OWN, SERVER = Endpoint("10.0.0.2", 53887), Endpoint("203.0.113.10", 5061)


def facts_of(text: str | bytes, folder: Path) -> tuple[list[Fact], Source]:
    path = folder / "log"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    source = Source(path=path)
    return list(format_of(source).read(source)), source


def seen(facts: list[Fact]) -> list[tuple[object, ...]]:
    """Facts as: seconds after the first, what, from us."""
    told: list[tuple[object, ...]] = []
    for fact in facts:
        what: object = type(fact).__name__
        if isinstance(fact, Message):
            what = f"{fact.method} {fact.code}" if fact.code else fact.method
        elif isinstance(fact, KeepAlive):
            what = fact.what
        elif isinstance(fact, Ended):
            what = fact.why
        told.append((round(fact.t - facts[0].t, 1), what, fact.source in (OWN, HERE)))
    return told


@pytest.mark.parametrize("name", LOGS)
def test_each_log_is_of_its_own_format(name: str, tmp_path: Path) -> None:
    """And of no other; a capture is none of them."""
    head = LOGS[name].encode()[:4096]
    taken = [each.__name__.rpartition(".")[2] for each in all_formats() if each.recognises(head)]  # type: ignore[attr-defined]
    assert taken == [name]
    assert not any(each.recognises(b"hello, world\n" * 20) for each in all_formats())


def test_pjsip(tmp_path: Path) -> None:
    """Messages with both ends, the keep-alive, and the end of the connection with the first reason that pjsip gives."""
    facts, source = facts_of(PJSIP, tmp_path)
    assert seen(facts) == [
        (0.0, "REGISTER", True),
        (0.1, "Opened", True),
        (0.2, "REGISTER 200", False),
        (90.2, Kept.PING, True),
        (121.8, Why.CLOSED_THERE, False),
    ]
    assert {fact.view.side for fact in facts} == {Side.CLIENT}
    assert {fact.transport for fact in facts} == {"tls"}
    assert all({fact.source, fact.destination} == {OWN, SERVER} for fact in facts)
    assert source.remarks == []
    assert source.until - facts[0].t == pytest.approx(301.79)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["Transport tlsc0x552b111b88 is being destroyed due to timeout in idle timer"], Why.IDLE_TIMER),
        (["Transport tlsc0x552b111b88 is being destroyed due to timeout in initial timer"], Why.CLOSED_HERE),
        (["Transport tlsc0x552b111b88 shutting down, force=0"], Why.CLOSED_HERE),
        (["tlsc0x552b111b88  TLS transport destroyed normally"], Why.CLOSED_HERE),
        (["tlsc0x552b111b88  TLS transport destroyed with reason 120104: Connection reset by peer"], Why.RESET),
        (["tlsc0x552b111b88  TLS transport destroyed with reason 120110: Connection timed out"], Why.TIMED_OUT),
        (["tlsc0x552b111b88  TLS transport destroyed with reason 70016: End of file"], Why.CLOSED_THERE),
        (["tlsc0x552b111b88  TLS transport destroyed with reason 171060: Unsupported"], Why.FAILED),
        (
            [
                "tlsc0x552b111b88  TLS connection closed",
                "tlsc0x552b111b88  TLS transport destroyed with reason 120104: Connection reset by peer",
            ],
            Why.RESET,
        ),
    ],
)
def test_why_pjsip_lost_a_connection(lines: list[str], why: Why, tmp_path: Path) -> None:
    """Whoever ended it is the sender of the fact."""
    entries = [("10:00:00.000", CONNECTED), ("10:00:01.000", shown("TX", REGISTER))]
    facts, _ = facts_of(pjsip(*entries, *(("10:00:33.000", f"  {line}") for line in lines)), tmp_path)
    (end,) = [fact for fact in facts if isinstance(fact, Ended)]
    assert end.why is why
    assert end.source == (SERVER if why in (Why.CLOSED_THERE, Why.RESET) else OWN)


def test_pjsip_over_udp_and_on_android(tmp_path: Path) -> None:
    """A log that does not tell the own address; and one with what Android puts before each line."""
    udp = PJSIP.replace("TLS 203", "UDP 203").replace("TLS transport", "no transport")
    facts, _ = facts_of(udp, tmp_path)
    assert {fact.source for fact in facts} == {HERE, SERVER}
    android = "".join(f"11-29 23:59:58.210  1234  1260 I libpjsip: {line}\n" for line in PJSIP.splitlines())
    assert seen(facts_of(android, tmp_path)[0]) == seen(facts_of(PJSIP, tmp_path)[0])
    sent = "  pjsua_acc.c  Sending 2 bytes keep-alive packet for acc 0 to 203.0.113.10:5060"
    facts, _ = facts_of(pjsip(("10:00:00.000", shown("TX", REGISTER)), ("10:00:15.000", sent)), tmp_path)
    assert [fact.what for fact in facts if isinstance(fact, KeepAlive)] == [Kept.PONG]


def test_baresip(tmp_path: Path) -> None:
    facts, source = facts_of(BARESIP, tmp_path)
    assert seen(facts) == [(0.0, "REGISTER", True), (0.1, "REGISTER 200", False)]
    assert source.until - facts[0].t == pytest.approx(300)


def test_baresip_without_times(tmp_path: Path) -> None:
    """Nothing can be made of it, and the lab says what is missing."""
    text = BARESIP.replace("12:00:00.000", "").replace("12:00:00.100", "").replace("12:05:00.000 ", "")
    facts, source = facts_of(text, tmp_path)
    assert facts == []
    assert source.remarks == ["lines without a time were left out: write the log with times"]
    with pytest.raises(ScenarioError, match="write the log with times"):
        import_files([source.path])


def test_linphone(tmp_path: Path) -> None:
    facts, _ = facts_of(LINPHONE, tmp_path)
    assert seen(facts) == [
        (0.0, "REGISTER", True),
        (0.1, "REGISTER 200", False),
        (30.1, Kept.PING, True),
        (60.1, Why.IDLE_TIMER, True),
    ]
    assert [fact.product for fact in facts if isinstance(fact, Message)] == ["", ""]


def test_kamailio(tmp_path: Path) -> None:
    """The module sipdump's files; the log of Kamailio alone has no messages, and the lab says which module has."""
    facts, _ = facts_of(KAMAILIO, tmp_path)
    assert [(type(fact), fact.t, fact.view.side) for fact in facts] == [
        (Message, 1795928441.5, Side.SERVER),
        (Message, 1795928441.6, Side.SERVER),
    ]
    assert (facts[0].source, facts[1].source) == (Endpoint("198.51.100.2", 53887), SERVER)
    plain = " 0(23) INFO: <core> [core/tcp_main.c:5073]: init_tcp(): using epoll_lt as the io watch method\n"
    facts, source = facts_of(plain * 9, tmp_path)
    assert facts == []
    assert "sipdump" in source.remarks[0]


def test_both_sides(tmp_path: Path) -> None:
    """A phone's log and the server's are put together, although their clocks differ by decades."""
    day = "2026-11-29"
    near, far = tmp_path / "phone.log", tmp_path / "server.log"
    near.write_text(LINPHONE.replace("2026-11-29", day))
    far.write_text(KAMAILIO)
    found = import_files([near, far])
    assert found.case.story.sides.both
    assert found.case.story.registers


@pytest.mark.parametrize(
    ("text", "t"),
    [
        (b"12:00:01.500 x", 43201.5),
        (b"2026-11-29 12:00:01:500 x", 1795953601.5),
        (b"2026-11-29T12:00:01.5 x", 1795953601.5),
        (b"   0.002006 x", 0.002006),
        (b"Nov 29 12:00:01 host kamailio: x", 43201.0),
        (b"x 99:00:01.5", None),
        (b"2026-99-99 12:00:01", None),
        (b"1.2.3.4:5060", None),
        (b"", None),
    ],
)
def test_times(text: bytes, t: float | None) -> None:
    clock = Clock()
    assert clock.read(text) is (t is not None)
    assert clock.t == t


def test_midnight() -> None:
    """A time of day that goes far back is of the next day; one that goes back a little is not."""
    clock = Clock()
    times = []
    for text in (b"23:59:59.000", b"00:00:01.000", b"00:00:00.900", b"12:00:00.000", b"23:00:00.000", b"01:00:00.000"):
        clock.read(text)
        times.append(clock.t)
    assert times == [86399.0, 86401.0, 86400.9, 129600.0, 169200.0, 176400.0]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"203.0.113.10:5061", SERVER),
        (b"[2001:db8::1]:5060 rest", Endpoint("2001:db8::1", 5060)),
        (b"TLS://::ffff:1.2.3.4:5061", None),
        (b"1.2.3.4:99999", None),
        (b"1.2.3.4", None),
    ],
)
def test_endpoints(text: bytes, found: Endpoint | None) -> None:
    assert endpoint(text) == found


@pytest.mark.parametrize("name", LOGS)
def test_no_personal_data(name: str, tmp_path: Path) -> None:
    """Names and Call-IDs never leave the format, nor enter the scenario."""
    facts, source = facts_of(LOGS[name], tmp_path)
    for text in (repr(facts), import_files([source.path]).scenarios[0].text):
        for secret in ("alice", "example.com", "Bzp6yhIZQG", "O5AQ6MYuPhznU8Uo"):
            assert secret not in text


@pytest.mark.parametrize("name", LOGS)
def test_a_log_that_is_cut_off_anywhere(name: str, tmp_path: Path) -> None:
    """What is whole is read; the rest is a remark, never a failure."""
    whole = LOGS[name].encode()
    messages = []
    for at in range(0, len(whole), 61):
        path = tmp_path / "cut"
        path.write_bytes(whole[:at])
        source = Source(path=path)
        if at and any(each.recognises(whole[:at]) for each in all_formats()):
            messages.append(sum(isinstance(fact, Message) for fact in format_of(source).read(source)))
    assert set(messages) >= {0, 1, 2}
    assert max(messages) == 2


@pytest.mark.parametrize("name", LOGS)
@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_log(name: str, seed: int, tmp_path: Path) -> None:
    """Whatever it holds, it is read, or refused with a reason."""
    dice = random.Random(f"{name} {seed}")
    data = bytearray(LOGS[name].encode() * 2)
    for _ in range(60):
        at = dice.randrange(len(data))
        kind = dice.randrange(4)
        if kind == 0:
            data[at] = dice.randrange(256)
        elif kind == 1:
            del data[at : at + dice.randrange(40)]
        elif kind == 2:
            data[at:at] = dice.choice([b"\0", b"\n", b"\xff\xfe", b"9" * 30, b"--end msg--\n", b"\x1b[", b":" * 20])
        else:
            data[at : at + 20] = data[dice.randrange(len(data)) :][:20]
    path = tmp_path / "damaged"
    path.write_bytes(bytes(data))
    with suppress(ScenarioError):
        assert import_files([path]).scenarios


HOSTILE = {
    "a message without an end": pjsip(("10:00:00.000", shown("TX", REGISTER)[:-11])) + "x: y\n" * 12_000,
    "a line without an end": "10:00:00.000 pjsua_core.c  .TX 5 bytes Request msg " + "x" * 3_000_000,
    "as many connections": PJSIP
    + "".join(
        f"10:00:00.000 tlsc{n} TLS transport 10.0.0.2:{n} is connecting to 203.0.113.10:5061...\n" for n in range(2500)
    ),
    "as many channels": LINPHONE
    + "".join(
        f"2026-11-29 12:00:00:000 belle-sip: channel [{n}]: keep alive sent to [TLS://203.0.113.10:5061]\n"
        for n in range(2500)
    ),
    "a dump without an end": dumped(1.0, "rcv", REGISTER).rstrip("|\n") + "x: y\n" * 12_000,
    "a dump of nonsense": dumped(1.0, "rcv", REGISTER).replace("srcport: 53887", "srcport: -1") * 3,
    "digits of other scripts": PJSIP.replace("23:59", "٢٣:٥٩"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_log(name: str, tmp_path: Path) -> None:
    """It takes little memory, and ends."""
    path = tmp_path / "hostile"
    path.write_text(HOSTILE[name])
    source = Source(path=path)
    tracemalloc.start()
    try:
        count = Counter(type(fact).__name__ for fact in format_of(source).read(source))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000
    assert count["Message"] <= 2 or name == "digits of other scripts"


def test_what_was_asked_and_not_answered(tmp_path: Path) -> None:
    """A log shows a request that was answered, silence, and one that was not: the bracket of a timer."""
    quiet = ("10:10:00.000", "  pjsua_acc.c  something else")
    entries = [
        ("10:00:00.000", CONNECTED),
        ("10:00:00.100", shown("TX", REGISTER)),
        ("10:00:00.200", shown("RX", REGISTERED)),
        ("10:05:00.200", shown("TX", request("OPTIONS", number=7))),
        ("10:06:00.200", shown("TX", request("OPTIONS", number=8))),
        ("10:07:00.200", shown("TX", request("OPTIONS", number=9))),
        quiet,
    ]
    path = tmp_path / "log"
    path.write_text(pjsip(*entries))
    found = import_files([path])
    assert found.scenarios[0].hypothesis.cause == "middlebox-forgot-flow"
    silence = next(each for each in found.case.silences if each.survived is False)
    assert silence.seconds == pytest.approx(300)
    assert Opened in {type(fact) for fact in facts_of(pjsip(*entries), tmp_path)[0]}
