"""Causes that only what the probe needed tells apart, in virtual time: each cell claims its own."""

from __future__ import annotations

import pytest

from tests.e2e.together import Cells, Virtually

REGISTERS = "client: { account: register-and-subscribe }"


def scenario(name: str, *lines: str, transport: str = "tls", middlebox: str = "never-forgets") -> Cells:
    """Behind one home's NAT; a line each for what is not the same in all."""
    head = [f"title: {name}", "topology: home-nat", f"middlebox: {middlebox}", f"transport: {transport}"]
    return Cells("\n".join([*head, *lines, ""]), name=name)


MUTE_OVER_REFRESH = scenario(
    "mute-over-refresh",
    "matrix: { strategy: [none, hold-transport] }",
    "faults: [server-mute: { at: 2 s before the refresh, lasts: 10 s }]",
    "probes: [{ at: 615 s }]",
    "ends: 622 s",
    "claims: [{ verdict: fail, cause: server-mute, at: 593 s }]",
)
"""The refresh of 595 s would have made a new connection; the idle timer of 33 s is history."""

EXPIRED = scenario(
    "expired-subscription",
    "server: { subscription-expires: 60 s }",
    "matrix: { strategy: [none, hold-transport] }",
    "faults: [server-mute: { at: 50 s, lasts: 20 s }]",
    "probes: [{ at: 80 s }]",
    "ends: 86 s",
    "claims: [{ verdict: fail, cause: server-mute, at: 50 s }]",
)

SAME_INSTANT = scenario(
    "expiry-and-probe",
    "server: { subscription-expires: 60 s }",
    "strategy: hold-transport",
    "faults: [server-mute: { at: 50 s, lasts: 20 s }]",
    "probes: [{ at: 60 s }]",
    "ends: 80 s",
    "claims: [{ verdict: fail, cause: server-mute, at: 50 s }]",
)

TWO_FLOWS = scenario(
    "two-flows",
    REGISTERS,
    "strategy: none",
    "matrix:",
    "  failure:",
    "    - { name: close, faults: [server-close: { at: 60 s }] }",
    "    - { name: rst, faults: [forged-segment: { at: 60 s, node: home-nat, to: both }] }",
    "    - { name: restart, faults: [server-restart: { at: 60 s, keeps-state: true }] }",
    "probes: [{ at: 400 s, kind: message }, { at: 450 s, kind: notify }]",
    "ends: 460 s",
    "claims:",
    "  - { failure: close, verdict: fail, cause: server-closed-flow, at: 60 s }",
    "  - { failure: rst, verdict: fail, cause: forged-rst, at: 60 s }",
    "  - { failure: restart, verdict: fail, cause: server-restarted, at: 60 s }",
)
"""The MESSAGE finds the new connection, the NOTIFY the old one, which nothing has mended."""

CALL = scenario(
    "call-on-the-old-flow",
    REGISTERS,
    "strategy: reconnect",
    "faults: [server-restart: { at: 20 s }]",
    "probes: [{ at: 10 s, kind: invite, hold: 30 s }]",
    "ends: 60 s",
    "claims: [{ verdict: fail, cause: server-restarted, at: 20 s }]",
    transport="tcp",
)

BACK_OFF = scenario(
    "back-off",
    "strategy: { name: held-and-asked, mitigations: [hold-transport: {}, server-options: { interval: 25 s }] }",
    "faults: [reboot: { at: 20 s, node: home-nat }]",
    "probes: [{ at: 100 s }]",
    "ends: 110 s",
    "claims: [{ verdict: fail, cause: middlebox-lost-table, at: 20 s }]",
    transport="tcp",
    middlebox="repickup-60s",
)
"""The client's CRLF of 90 s makes the mapping anew; the server's request of 25 s is sent again at 127 s only."""

OTHER_PORT = scenario(
    "another-port",
    REGISTERS,
    "strategy: { name: refreshes, mitigations: [refresh-subscription: { interval: 25 s }] }",
    "matrix:",
    "  failure:",
    "    - { name: evicted, faults: [evict-flow: { at: 20 s, node: home-nat }] }",
    "    - { name: reboot, faults: [reboot: { at: 20 s, node: home-nat }] }",
    "probes: [{ at: 60 s, kind: options }]",
    "ends: 70 s",
    "claims:",
    "  - { failure: evicted, verdict: fail, cause: middlebox-evicted-flow, at: 20 s }",
    "  - { failure: reboot, verdict: fail, cause: middlebox-lost-table, at: 20 s }",
    transport="udp",
    middlebox="{ name: m, base: silent-60s, udp-mapping-timer: 300 s, udp-one-way-timer: 300 s,"
    " mapping: address-and-port-dependent, port-assignment: no-port-preservation }",
)
"""The refresh moves the subscription to another port; the binding stays where the mapping was."""

RINGING = scenario(
    "forgets-while-it-rings",
    REGISTERS,
    "strategy: none",
    "probes: [{ at: 10 s, kind: invite, ring: 45 s, hold: 5 s }]",
    "ends: 125 s",
    "claims: [{ verdict: fail, cause: middlebox-forgot-flow, at: 40 s, within: 1 s }]",
    transport="tcp",
    middlebox="{ name: n, base: silent-60s, established-idle-timeout: 30 s }",
)

LOST_ACK = scenario(
    "lost-ack",
    REGISTERS,
    "strategy: none",
    "impairments:",
    "  - { from: home-nat, to: internet, one-way-delay: 500 ms }",
    "  - { from: internet, to: home-nat, one-way-delay: 500 ms }",
    "faults: [link-down: { at: 51.2 s, link: access, lasts: 40 s }]",
    "probes: [{ at: 50 s, kind: invite, hold: 60 s }]",
    "ends: 130 s",
    "claims: [{ verdict: fail, cause: link-down, at: 51.2 s }]",
    transport="udp",
)

FROZEN = scenario(
    "frozen-keep-alives",
    "matrix:",
    "  strategy: [none, server-options-25s]",
    "  failure: [{ name: freeze, faults: [server-freeze: { at: 20 s, lasts: 100 s }] }, { name: nothing }]",
    "probes: [{ at: 130 s }]",
    "ends: 140 s",
    "claims:",
    "  - { strategy: none, verdict: fail, cause: middlebox-forgot-flow, at: 60 s, within: 1 s }",
    "  - { failure: freeze, verdict: fail, cause: server-froze, at: 20 s }",
    "  - { verdict: pass }",
    transport="udp",
    middlebox="silent-60s",
)

BETWEEN = scenario(
    "between-unsubscribe-and-subscribe",
    "strategy: resubscribe-25s",
    "probes: [{ at: 25.2 s }]",
    "ends: 40 s",
    "claims: [{ verdict: fail, cause: client-unsubscribed, at: 25 s }]",
)

MOOT = scenario(
    "moot",
    "strategy: none",
    "matrix:",
    "  failure:",
    "    - name: nothing-to-evict",
    "      faults: [server-mute: { at: 5 s, lasts: 5 s }, evict-flow: { at: 50 s, node: home-nat }]",
    "    - { name: never-comes, faults: [server-mute: { at: 5 s after reconnected, lasts: 5 s }] }",
    "probes: [{ at: 80 s }]",
    "ends: 86 s",
    "claims: [{ verdict: fail, cause: client-idle-timer, at: 33 s }]",
)

RECONNECTS = scenario(
    "reconnects",
    "strategy: reconnect",
    "faults: [server-restart: { at: 60 s, keeps-state: false }]",
    "probes: [{ at: 40 s }, { at: 60.2 s }, { at: 61.5 s }, { at: 100 s }]",
    "ends: 110 s",
    "claims: [{ verdict: fail, cause: server-restarted, at: 60 s }]",
    transport="tcp",
)

KEPT = scenario(
    "kept-by-crlf",
    REGISTERS,
    "strategy: none",
    "probes: [{ at: 290 s }]",
    "ends: 296 s",
    "claims: [{ verdict: pass }]",
    middlebox="{ name: n, base: silent-60s, established-idle-timeout: 120 s }",
)

PRIVATE = scenario(
    "private-contact",
    "server: { notify-route: contact }",
    "strategy: none",
    "probes: [{ at: 10 s }]",
    "ends: 16 s",
    "claims: [{ verdict: inconclusive }]",
    transport="udp",
)

ALL = (
    MUTE_OVER_REFRESH, EXPIRED, SAME_INSTANT, TWO_FLOWS, CALL, BACK_OFF, OTHER_PORT, RINGING, LOST_ACK, FROZEN, BETWEEN,
    MOOT, RECONNECTS, KEPT, PRIVATE,
)  # fmt: skip

pytestmark = [pytest.mark.e2e, pytest.mark.cells(*ALL)]


@pytest.mark.parametrize("which", ALL, ids=lambda cells: cells.name)
def test_the_cause_is_what_made_the_difference(which: Cells, virtually: Virtually) -> None:
    """Verdict, kind and moment are claimed in the scenario itself."""
    seen = virtually(which)
    assert seen.status == 0, seen.said


def chain(virtually: Virtually, which: Cells, cell: str) -> list[str]:
    """The sentences from the cause to the first lost probe."""
    return [link["text"] for link in virtually(which).cells[cell]["cause"]["chain"]]


def test_an_expiry_is_a_link_of_the_chain(virtually: Virtually) -> None:
    """What kept the refresh from being answered stands before it, also where it comes with the probe."""
    for which in (EXPIRED, SAME_INSTANT):
        links = chain(virtually, which, "hold-transport")
        assert (
            links[-2].startswith("the server's subscription ended at 60.0 s: expired") or "fault was over" in links[-2]
        )
        assert "the server's subscription ended at 60.0 s: expired" in links


def test_a_call_that_ended_for_want_of_an_answer(virtually: Virtually) -> None:
    """The client hung up, which is not a BYE of the server's that failed; that it did is a sign that it noticed."""
    assert chain(virtually, LOST_ACK, "none")[-1].startswith("call p1 of 50.0 s was ended by the client at 94")
    for which in (LOST_ACK, RINGING):
        repair = virtually(which).cells["none"]["metrics"]["repair"]
        assert repair["client_noticed_after_s"] is not None


def test_only_the_probes_own_packets_are_counted(virtually: Virtually) -> None:
    """The server's OPTIONS of the same moment are none of them: a NOTIFY is sent four times within 5 s."""
    assert "4 packets with data left the server" in chain(virtually, FROZEN, "server-options-25s,freeze")[-1]


def test_outages_end_where_probes_are_answered(virtually: Virtually) -> None:
    """One outage for both probes that the restart cost, each with its own cause."""
    cell = virtually(RECONNECTS).cells["reconnect"]
    assert [probe["answered"] for probe in cell["probes"]] == [True, False, False, True]
    assert [probe["cause"] and probe["cause"]["kind"] for probe in cell["probes"]] == [
        None,
        "server-restarted",
        "server-restarted",
        None,
    ]
    (outage,) = cell["metrics"]["outages"]
    assert outage["from_s"] == pytest.approx(60, abs=0.1)
    assert outage["to_s"] == pytest.approx(100, abs=0.1)
    assert cell["metrics"]["repair"]["client_noticed_after_s"] < 1


def test_what_kept_a_client_reachable_is_told(virtually: Virtually) -> None:
    """pjsip's own CRLF, and how long the flow was quiet beside what the middlebox allows."""
    told = [link["text"] for link in virtually(KEPT).cells["none"]["kept_by"]]
    assert "the client's CRLF crossed on f1 3 times, about every 90 s" in told
    assert told[-1].startswith("f1 was quiet for 90.")
    assert told[-1].endswith("middlebox home-nat forgets after 120 s")


def test_a_private_contact_is_told(virtually: Virtually) -> None:
    """The client never gets the first NOTIFY; the record shows where it went."""
    assert "the client's own address behind home-nat" in virtually(PRIVATE).cells["none"]["doubt"]
