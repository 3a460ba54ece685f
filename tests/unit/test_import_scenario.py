"""From facts to scenarios: what was lost, why, the brackets; and that nothing personal gets through."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.importing.importing import Import, import_files
from lab.importing.rerun import with_catalog
from lab.loader import catalog
from lab.loader.load import load_text
from lab.model.scenario import Account, Transport
from tests.unit.field_captures import (
    PERSONAL,
    PHONE,
    SERVER,
    Capture,
    message,
    ok,
    options,
    pcap,
    register,
    registered,
    tcp,
    udp,
)

USER_URI = "sip:x@y"


def _imported(capture: Capture, tmp_path: Path) -> Import:
    return import_files([capture.save(tmp_path / "capture.pcap")])


def _refresh(capture: Capture, t: float, cseq: int, *, answered: bool, again: tuple[float, ...] = ()) -> None:
    for after in (0.0, *again):
        capture.send(t + after, register(cseq), up=True)
    if answered:
        capture.send(t + 0.05, ok("REGISTER", cseq, "Contact: <sip:a@b>;expires=3600"), up=False)


def _silent_phone() -> Capture:
    """A phone that is called 130 s after its last packet, in vain; OPTIONS after 40 s and 55 s of silence had come."""
    capture = registered()
    options(capture, 40.0, 1)
    options(capture, 95.0, 2)
    return capture


def test_nothing_lost_is_a_right_answer(tmp_path: Path) -> None:
    """With the bracket that it allows: from below."""
    found = _imported(_silent_phone(), tmp_path)
    (only,) = found.scenarios
    assert only.hypothesis.name == "nothing-lost"
    (bracket,) = [each for each in found.case.brackets if not each.up]
    assert bracket.alive_s == pytest.approx(55.0, abs=0.1)
    assert bracket.dead is None
    (cell,) = load_text(only.text, tmp_path / "x.yaml").cells
    assert cell.transport is Transport.UDP
    assert cell.client.account is Account.REGISTER
    assert "UDP survived 55.0 s, its timer is not known" in dict(cell.middleboxes)["home-nat"].source
    assert only.content["client"]["registration"]["expires"] == "3600 s"
    assert only.content["strategy"]["mitigations"] == [{"udp-keepalive": {"interval": "never"}}]


def test_a_refresh_into_a_black_hole(tmp_path: Path) -> None:
    """REGISTERs of a client's side that are sent again and never answered, while those before were."""
    capture = registered(expires=60)
    for number in range(4):
        _refresh(capture, 50.0 * (number + 1), 10 + number, answered=True)
    _refresh(capture, 250.0, 20, answered=False, again=(0.5, 1.5, 3.5, 7.5, 11.5))
    capture.send(270.0, b"\r\n", up=True)
    found = _imported(capture, tmp_path)
    names = [each.hypothesis.name for each in found.scenarios]
    assert names[0] == "black-hole"
    assert found.case.main is not None
    assert found.case.story.at(found.case.main.bad) == pytest.approx(250.0, abs=0.1)
    for each in found.scenarios:
        load_text(each.text, tmp_path / "x.yaml")
    assert found.scenarios[0].content["claims"][0]["cause"] == "flow-black-holed"


def test_what_the_client_sends_over_udp_is_not_lost_by_a_nat_that_forgets(tmp_path: Path) -> None:
    """Its packet makes a new mapping; so a black hole or a silent server, however long the silence before was."""
    capture = registered(expires=600)
    for after in (0.0, 0.5, 1.5, 3.5, 7.5):
        capture.send(500.0 + after, register(9), up=True)
    capture.send(700.0, b"\r\n", up=True)
    causes = {each.hypothesis.cause for each in _imported(capture, tmp_path).scenarios}
    assert {"flow-black-holed", "server-mute"} <= causes
    assert not causes & {"middlebox-forgot-flow", "middlebox-lost-table", "middlebox-evicted-flow"}


def test_a_keep_alive_that_nobody_answers_is_not_lost(tmp_path: Path) -> None:
    """Whatever comes of it cannot be seen from the client's side."""
    capture = registered()
    for number in range(40):
        capture.send(29.0 * (number + 1), b"\0" * 4, up=True)
    found = _imported(capture, tmp_path)
    assert [each.hypothesis.name for each in found.scenarios] == ["nothing-lost"]
    assert found.scenarios[0].content["strategy"]["mitigations"] == [{"udp-keepalive": {"interval": "32 s"}}]


def test_a_registration_that_runs_out(tmp_path: Path) -> None:
    """Nobody called; the scenario has a probe of the lab's after the expiry, and says so."""
    capture = registered(expires=60)
    capture.send(200.0, b"\r\n", up=True)
    found = _imported(capture, tmp_path)
    best = found.scenarios[0]
    assert best.content["claims"][0]["cause"] == "registration-expired"
    assert 60 < float(best.content["probes"][0]["at"].removesuffix(" s")) < 200
    assert "the probe of the scenario at that time is the lab's" in " ".join(best.text.split())


def test_an_account_that_was_never_set_up(tmp_path: Path) -> None:
    """Nobody answers: a black hole from the start. A refusal is another thing."""
    silent, refused = Capture(), Capture()
    for number in range(3):
        silent.send(64.0 * number, register(number + 1), up=True)
        refused.send(64.0 * number, register(number + 1), up=True)
        refused.send(64.0 * number + 0.1, message("SIP/2.0 403 No", "REGISTER", number + 1, answers=True), up=False)
    assert _imported(silent, tmp_path).scenarios[0].hypothesis.cause == "flow-black-holed"
    best = _imported(refused, tmp_path).scenarios[0]
    assert best.content["faults"] == [{"server-refuses": {"at": "0.5 s", "method": "REGISTER", "code": 403}}]


@pytest.mark.parametrize(("idle", "cause"), [(33.0, "client-idle-timer"), (12.0, "client-closed-transport")])
def test_a_client_that_closes(tmp_path: Path, idle: float, cause: str) -> None:
    """33 s after the last SIP message it is pjsip's idle timer; sooner it is not."""
    goes_on = pcap([(idle + 60, udp((PHONE, 1), (SERVER, 2), b"something else"))])[24:]
    (tmp_path / "capture.pcap").write_bytes(_stream([(idle, True, 0x11, b"")]) + goes_on)
    found = import_files([tmp_path / "capture.pcap"])
    assert found.scenarios[0].hypothesis.cause == cause
    assert found.case.gap is not None


def test_a_reset_with_another_ttl_was_forged(tmp_path: Path) -> None:
    """The server's packets have come with 55 until then."""
    (tmp_path / "capture.pcap").write_bytes(_stream([(12.0, False, 0x14, b"")], ttl_of_last=63))
    found = import_files([tmp_path / "capture.pcap"])
    assert found.scenarios[0].hypothesis.cause == "forged-rst"
    (tmp_path / "same.pcap").write_bytes(_stream([(12.0, False, 0x14, b"")], ttl_of_last=55))
    causes = [each.hypothesis.cause for each in import_files([tmp_path / "same.pcap"]).scenarios]
    assert causes[0] == "server-restarted"
    assert "forged-rst" in causes


def test_a_server_that_closes_twice_after_the_same_time_has_a_timeout(tmp_path: Path) -> None:
    """Idle timeouts go before closing for a reason of its own, and the scenario's server has the timeout."""
    (tmp_path / "capture.pcap").write_bytes(
        _stream([(30.0, False, 0x11, b"")]) + _stream([(30.0, False, 0x11, b"")], start=40.0)[24:]
    )
    best = import_files([tmp_path / "capture.pcap"]).scenarios[0]
    assert best.hypothesis.cause == "server-idle-timeout"
    assert best.content["server"]["idle-timeout"] == {"after": "30 s", "ends-with": "fin"}


def _stream(last: list[tuple[float, bool, int, bytes]], *, ttl_of_last: int = 55, start: float = 0.0) -> bytes:
    """Return a capture of a subscription over TCP at the phone, and segments after it: when, from whom, flags, data."""
    ends = (PHONE, 40000 + int(start)), (SERVER, 5060)
    seq = {True: 100, False: 500}
    frames = [(start, tcp(*ends, 2, 99, 0)), (start, tcp(*ends[::-1], 0x12, 499, 100, ttl=55))]

    def add(t: float, up: bool, flags: int, data: bytes, ttl: int) -> None:
        frames.append((start + t, tcp(*(ends if up else ends[::-1]), flags, seq[up], seq[not up], data, ttl=ttl)))
        seq[up] += len(data)

    call = f"s{start:g}"
    ask = message(f"SUBSCRIBE {USER_URI} SIP/2.0", "SUBSCRIBE", 1, "Expires: 600", "Event: presence", call=call)
    add(0.1, True, 0x18, ask, 64)
    add(0.2, False, 0x18, ok("SUBSCRIBE", 1, "Expires: 600", call=call), 55)
    state = "Subscription-State: active;expires=600"
    add(0.3, False, 0x18, message(f"NOTIFY {USER_URI} SIP/2.0", "NOTIFY", 1, state, call=call, down=True), 55)
    add(0.4, True, 0x18, ok("NOTIFY", 1, call=call, down=True), 64)
    add(0.5, False, 0x10, b"", 55)
    for t, up, flags, data in last:
        add(0.5 + t, up, flags, data, 64 if up else ttl_of_last)
    return pcap(frames)


def test_what_would_have_helped_is_asked_of_each_strategy_once(tmp_path: Path) -> None:
    """One cell for each strategy of the catalogue, behind the middlebox as measured."""
    found = _imported(_silent_phone(), tmp_path)
    scenario = load_text(with_catalog(found.case, found.scenarios[0]), tmp_path / "x.yaml")
    assert [cell.strategy.name for cell in scenario.cells] == catalog.strategy_names()
    assert {box.name for cell in scenario.cells for _, box in cell.middleboxes} == {"as-measured"}


def test_nothing_personal_reaches_a_scenario(tmp_path: Path) -> None:
    """No name, number, address, realm, or credential, in any explanation of these captures; nor the file's name."""
    black_hole = registered(expires=60)
    _refresh(black_hole, 50.0, 20, answered=False, again=(0.5, 1.5, 3.5))
    captures = [_silent_phone(), black_hole]
    texts = []
    for number, capture in enumerate(captures):
        path = capture.save(tmp_path / f"erika-mustermann-4915112345678-{number}.pcap")
        texts += [each.text for each in import_files([path]).scenarios]
    (tmp_path / "192.168.178.23.pcap").write_bytes(_stream([(33.0, True, 0x11, b"")]))
    texts += [each.text for each in import_files([tmp_path / "192.168.178.23.pcap"]).scenarios]
    assert len(texts) > 3
    for text in texts:
        for word in PERSONAL:
            assert word.lower() not in text.lower()
