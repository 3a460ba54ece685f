"""A device that sleeps, and its radio with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.engine.sharing.world import named_alike
from lab.faults.device_sleep import DeviceSleep
from lab.model.radio import NETWORKS
from lab.model.scenario import RadioKind
from lab.model.when import When
from lab.network.drop_rules import DropRules
from lab.record.events import ClientProcess, ClientRadio
from lab.runner import client_device
from lab.units import Seconds
from tests.fault_cases import FaultCases, NoEffect
from tests.records import (
    CLIENT,
    END,
    Line,
    begins,
    cell,
    flow_set_up,
    judged,
    of_flow,
    probe,
    say,
    sentinel,
    with_fault,
)

SLEEP = DeviceSleep(at=When(offset=50.0))
AWAKE = replace(SLEEP, awake=Seconds(5))
OFF = replace(SLEEP, radio_off=True)
ARRIVED = of_flow(101.0, "lan", "server")
PAGED = say(100.1, CLIENT, ClientRadio(state="paged"))


def sleeps(fault: DeviceSleep = SLEEP, *, stopped: bool = True, rules: int = 0) -> list[Line]:
    """The fault, to the end of the run."""
    return [
        *begins(fault, DeviceSleep.Proof(stopped=stopped, rules=rules), until=110.0),
        say(50.0, CLIENT, ClientProcess(state="suspended")),
    ]


def _blocks_nothing(*_: Any) -> DropRules:
    return DropRules(0, "ip nothing", ())


CASES = FaultCases(
    infeasible=[
        (
            "another fault of that kind is at work from 50 s on",
            replace(cell(), faults=(SLEEP, replace(SLEEP, at=When(offset=109.0)))),
            replace(cell(), faults=(replace(SLEEP, lasts=Seconds(50)), replace(SLEEP, at=When(offset=109.0)))),
        ),
        (
            "nothing comes while the radio is off",
            replace(cell(), faults=(replace(OFF, awake=Seconds(5)),)),
            replace(cell(), faults=(AWAKE,)),
        ),
        (
            "nothing comes while the radio is off",
            replace(cell(), faults=(replace(OFF, paging=Seconds(1)),)),
            replace(cell(), faults=(replace(SLEEP, paging=Seconds(1)),)),
        ),
    ],
    proved=[(SLEEP, [*sleeps(), PAGED, ARRIVED], "device-slept")],
    unproved=[
        (SLEEP, sleeps(stopped=False), "its process was not stopped"),
        (OFF, sleeps(OFF, rules=1), "1 rules in place instead of 2"),
        (SLEEP, [*sleeps(), replace(ARRIVED, t=70.0)], "a packet came at 70.0 s to a radio that slept"),
        (
            SLEEP,
            [*sleeps(), replace(PAGED, t=70.0), replace(ARRIVED, t=70.5)],
            "a packet came at 70.5 s to a radio that slept",
        ),
        (
            SLEEP,
            [*sleeps(), replace(PAGED, t=98.0), of_flow(55.0, "lan", "client", seq=9)],
            "the client sent something at 55.0 s",
        ),
    ],
    costs={
        "slept": ("device-sleep: { at: 2 s, radio-off: true }", "device-slept"),
        "slept-udp": ("device-sleep: { at: 2 s }", "device-slept"),
    },
    no_effect={
        "device-sleep": NoEffect("device-sleep: { at: 5 s }", "stop", "its process was not stopped"),
        "device-sleep-off": NoEffect("device-sleep: { at: 5 s, radio-off: true }", "blocking", "0 rules in place"),
    },
    acts={
        "blocking": (client_device, "at_node", _blocks_nothing),
    },
    written="device-sleep: { at: 2 s, lasts: 5500 ms, awake: 1 s, pushed: 20 s, paging: 1 s, radio-off: false }",
    liveness={
        "device-sleep.at": ("at: 2 s, lasts: 5500 ms", "at: 3 s, lasts: 5500 ms"),
        "device-sleep.lasts": ("lasts: 5500 ms, awake: 1 s", "lasts: 6 s, awake: 1 s"),
        "device-sleep.awake": ("awake: 1 s, pushed: 20 s", "awake: 2 s, pushed: 20 s"),
        "device-sleep.pushed": ("pushed: 20 s, paging", "pushed: 21 s, paging"),
        "device-sleep.paging": ("paging: 1 s, radio-off", "paging: 2 s, radio-off"),
        "device-sleep.radio-off": (
            "awake: 1 s, pushed: 20 s, paging: 1 s, radio-off: false",
            "pushed: 20 s, radio-off: true",
        ),
    },
)


def outcome_of(fault: DeviceSleep, *lines: Line) -> tuple[str, str]:
    """The kind of the cause of a lost probe, or the doubt, and the cause's sentence."""
    story = [*flow_set_up(), *sentinel("delivered"), *lines, *probe(1, 100, answered=False), END]
    outcome = judged(with_fault(fault), *story)
    return (outcome.doubt, "") if outcome.cause is None else (outcome.cause.kind.name, outcome.cause.text)


def test_it_reads_too_late() -> None:
    """Data does not wake it."""
    kind, text = outcome_of(SLEEP, *sleeps(), PAGED, ARRIVED)
    assert kind == "device-slept"
    assert text == "the device began to sleep at 50.0 s, and it read the request too late"


def test_the_page_takes_too_long() -> None:
    """Data would wake it, but has not come when the probe is given up."""
    kind, text = outcome_of(AWAKE, *sleeps(AWAKE), PAGED)
    assert kind == "device-slept"
    assert text.endswith("and the request came late to a radio that had to be paged")
    assert outcome_of(AWAKE, *sleeps(AWAKE))[0] == "unknown"


def test_nothing_gets_through_with_the_radio_off() -> None:
    """What reached its link did not reach it."""
    kind, text = outcome_of(OFF, *sleeps(OFF, rules=2), ARRIVED)
    assert kind == "device-slept"
    assert text == "the device began to sleep, its radio off, at 50.0 s, and packets did not get to it"


@pytest.mark.parametrize("t", [60.0, 60.9])
def test_in_the_tail_nothing_is_paged(t: float) -> None:
    """The radio is connected for 10 s after the last packet, and may be late."""
    kept = [of_flow(59.0, "lan", "server"), of_flow(t, "lan", "server"), of_flow(70.0, "lan", "server")]
    assert outcome_of(AWAKE, *sleeps(AWAKE), *kept)[0] == "unknown"


@pytest.mark.parametrize(("kind", "paging_s"), [(RadioKind.UMTS, 2.64), (RadioKind.LTE, 0.9), (RadioKind.NR, 0.9)])
def test_presets(kind: RadioKind, paging_s: float) -> None:
    """As the documents say; each with its source."""
    assert NETWORKS[kind].paging_s == pytest.approx(paging_s)
    assert NETWORKS[kind].paging_source


def test_the_network_decides() -> None:
    """Cells of two networks do not share a record then; else they do."""
    umts = replace(with_fault(SLEEP), radio=RadioKind.UMTS)
    assert named_alike(umts) != named_alike(with_fault(SLEEP))
    assert named_alike(replace(cell(), radio=RadioKind.UMTS)) == named_alike(cell())
