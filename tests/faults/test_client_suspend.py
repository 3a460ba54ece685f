"""A client that the system suspends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults.client_suspend import ClientSuspend
from lab.model.when import When
from lab.record.events import ClientProcess, ServerSubscription
from lab.units import Seconds
from tests.fault_cases import FaultCases, NoEffect
from tests.records import (
    CLIENT,
    END,
    SERVER,
    Line,
    begins,
    cell,
    flow_set_up,
    forgot,
    judged,
    of_flow,
    probe,
    say,
    sentinel,
    with_fault,
)

SUSPEND = ClientSuspend(at=When(offset=50.0), lasts=Seconds(60))
AWAKE = replace(SUSPEND, awake=Seconds(5))
ARRIVED = of_flow(100.1, "lan", "server")
PINGED = of_flow(30.0, "lan", "client")
"""The client sent something by itself before it was suspended."""


def suspends(fault: ClientSuspend = SUSPEND, *, stopped: bool = True, until: float = 110.0) -> list[Line]:
    """The fault, for as long as it lasts."""
    return [
        *begins(fault, ClientSuspend.Proof(stopped=stopped), until=until),
        say(50.0, CLIENT, ClientProcess(state="suspended")),
        say(until, CLIENT, ClientProcess(state="resumed")),
    ]


CASES = FaultCases(
    infeasible=[
        (
            "another fault of that kind is at work from 50 s on",
            replace(cell(), faults=(SUSPEND, replace(SUSPEND, at=When(offset=109.0)))),
            replace(cell(), faults=(replace(SUSPEND, lasts=Seconds(50)), replace(SUSPEND, at=When(offset=109.0)))),
        ),
    ],
    proved=[(SUSPEND, [*suspends(), ARRIVED], "client-suspended")],
    unproved=[
        (SUSPEND, suspends(stopped=False), "its process was not stopped"),
        (SUSPEND, [*suspends(), of_flow(70.0, "lan", "client", seq=9)], "the client sent something at 70.0 s"),
    ],
    costs={"suspended": ("client-suspend: { at: 2 s }", "client-suspended")},
    no_effect={
        "client-suspend": NoEffect("client-suspend: { at: 5 s, lasts: 4 s }", "stop", "its process was not stopped"),
    },
    acts={},
    written="client-suspend: { at: 35 s, lasts: 14 s, awake: 3 s, pushed: 20 s }",
    liveness={
        "client-suspend.at": ("at: 35 s, lasts: 14 s", "at: 36 s, lasts: 14 s"),
        "client-suspend.lasts": ("at: 35 s, lasts: 14 s", "at: 35 s, lasts: 15 s"),
        "client-suspend.awake": ("lasts: 14 s, awake: 3 s", "lasts: 14 s, awake: 4 s"),
        "client-suspend.pushed": ("awake: 3 s, pushed: 20 s", "awake: 3 s, pushed: 21 s"),
    },
)


def cause(*lines: Line, fault: ClientSuspend = SUSPEND, since: float = 100) -> tuple[str, str, str]:
    """What a probe was lost for: the kind of its cause, the sentence, and what makes the cell doubtful."""
    story = [*flow_set_up(), *sentinel("delivered"), *lines, *probe(1, since, answered=False), END]
    outcome = judged(with_fault(fault), *story)
    return ("", "", outcome.doubt) if outcome.cause is None else (outcome.cause.kind.name, outcome.cause.text, "")


def test_the_probe_waits_in_the_kernel() -> None:
    """What arrives is acknowledged and not read; if nothing arrives, the client is not known to be why."""
    kind, text, _ = cause(*suspends(), ARRIVED)
    assert (kind, text) == (
        "client-suspended",
        "the system suspended the client at 50.0 s, and it read the request too late",
    )
    assert cause(*suspends())[0] == "unknown"
    assert cause(*suspends(until=90.0), ARRIVED, fault=replace(SUSPEND, lasts=Seconds(40)))[0] == "unknown"
    assert cause(*suspends(AWAKE), ARRIVED, fault=AWAKE)[0] == "unknown"  # that would have woken it


def test_what_the_kernel_repeats_is_no_new_data() -> None:
    """A retransmission is no sign of a client that runs."""
    again = of_flow(51.5, "lan", "client", seq=7)
    assert cause(of_flow(49.9, "lan", "client", seq=7), again, *suspends(), ARRIVED)[2] == ""
    assert "sent something" in cause(again, *suspends(), ARRIVED)[2]


@pytest.mark.parametrize(
    ("before", "kind"),
    [([PINGED], "client-suspended"), ([], "middlebox-forgot-flow"), ([ARRIVED], "middlebox-forgot-flow")],
)
def test_a_mapping_that_was_kept_until_then(before: list[Line], kind: str) -> None:
    """Of a client that had sent nothing by itself, the suspension took nothing away."""
    answered = [replace(line, t=29.9) for line in before if line is ARRIVED]
    sent = [PINGED] if before else []
    found = cause(*answered, *sent, *suspends(until=95.0), forgot(90.0), fault=replace(SUSPEND, lasts=Seconds(45)))
    assert found[0] == kind
    if kind == "client-suspended":
        assert found[1].endswith("and sent no keep-alive")


def test_an_account_that_was_not_renewed() -> None:
    """It would have been, had the client run."""
    over = say(99.0, SERVER, ServerSubscription(id="s1", state="expired", expires=0, flow="f1", contact=""))
    found = cause(*suspends(), over)
    assert found[0] == "client-suspended"
    assert found[1].endswith("and did not renew its account")
