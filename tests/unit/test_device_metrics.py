"""What a device's user sees: when calls ring, and how often app and radio wake up; on records written by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults.client_suspend import ClientSuspend
from lab.model.outcome import DeviceMetrics
from lab.model.scenario import Account, Cell, Client
from lab.model.when import When
from lab.record.events import (
    BranchState,
    ClientCall,
    ClientProcess,
    ProbeBranch,
    ProbeState,
    PushRequested,
    ResponseSent,
)
from tests.records import (
    BOX,
    CLIENT,
    END,
    SERVER,
    Line,
    attempt,
    begins,
    cell,
    flow_set_up,
    judged,
    on_lan,
    say,
    sentinel,
)

PHONE = replace(cell(probes=(20.0, 40.0, 80.0)), client=Client(account=Account.REGISTER))
SUSPEND = ClientSuspend(at=When(offset=10.0))
ASLEEP = replace(PHONE, faults=(SUSPEND,))


def measured(*lines: Line, subject: Cell = PHONE, end: Line = END) -> DeviceMetrics:
    metrics = judged(subject, *flow_set_up(), *sentinel("delivered"), *lines, end).metrics.device
    assert metrics is not None
    return metrics


def call(name: str, *states: tuple[ProbeState, float]) -> list[Line]:
    codes: dict[ProbeState, int] = {"ringing": 180, "talking": 200, "answered": 200}
    return [attempt(t, state, probe=name, kind="invite", code=codes.get(state)) for state, t in states]


def branch(name: str, state: BranchState, t: float) -> Line:
    said = ProbeBranch(
        probe=name, branch=1, state=state, binding="b1", contact="c", age=1.0, flow=None, code=None, reason=""
    )
    return say(t, SERVER, said)


def process(*states: float) -> list[Line]:
    """The app's process stands still at the first of these times, goes on at the second, and so on."""
    return [
        say(t, CLIENT, ClientProcess(state="resumed" if number % 2 else "suspended")) for number, t in enumerate(states)
    ]


def granted(t: float, code: int = 200, method: str = "REGISTER") -> Line:
    return say(t, SERVER, ResponseSent(method=method, code=code, flow="f1"))


def test_calls() -> None:
    """One rings and is accepted, one rings too late, one never rings: two are missed, and of one there is no time."""
    found = measured(
        *call("p1", ("sent", 20.0), ("ringing", 20.4), ("talking", 23.4), ("ending", 24.4), ("answered", 24.5)),
        *call("p2", ("sent", 40.0), ("ringing", 49.0), ("failed", 60.0)),
        *call("p3", ("sent", 80.0), ("failed", 100.0)),
    )
    assert (found.calls, found.missed) == (3, 2)
    assert found.ringing_s == pytest.approx((0.4, 9.0, None))
    assert found.ringing_p50_s == pytest.approx(4.7)
    assert found.ringing_worst_s == pytest.approx(9.0)


def test_a_call_that_is_lost_afterwards_was_not_missed() -> None:
    """Its BYE finds nobody, so the probe fails; but the phone rang, and somebody answered."""
    found = measured(
        *call("p1", ("sent", 20.0), ("ringing", 20.4), ("talking", 23.4), ("ending", 24.4), ("failed", 29.4))
    )
    assert (found.calls, found.missed) == (1, 0)


def test_a_call_without_its_ack_was_missed() -> None:
    """The server thinks that it was answered; the phone never got the ACK, and its user hears nothing."""
    silence = say(15.0, CLIENT, ClientCall(state="confirmed", call_id="another", code=200))
    steps = call("p1", ("sent", 20.0), ("ringing", 20.4), ("talking", 23.4), ("ending", 24.4), ("answered", 24.5))
    found = measured(silence, *steps)
    assert (found.calls, found.missed) == (1, 1)


def test_a_call_that_the_server_keeps_is_late() -> None:
    """The INVITE came when the server began to wait, not when it sent it on."""
    found = measured(
        branch("p1", "waiting", 20.0),
        *call("p1", ("sent", 26.0), ("ringing", 26.5), ("talking", 27.0), ("ending", 28.0), ("answered", 28.1)),
    )
    assert found.ringing_s == pytest.approx((6.5,))


def test_a_phone_that_accepts_at_once() -> None:
    """Its 200 is when it rings (RFC 6076)."""
    found = measured(*call("p1", ("sent", 20.0), ("talking", 20.2), ("ending", 21.2), ("answered", 21.3)))
    assert found.ringing_s == pytest.approx((0.2,))


def test_without_calls_nothing_rings() -> None:
    found = measured(attempt(20.0, "sent"), attempt(20.1, "answered", code=200))
    assert (found.calls, found.missed, found.ringing_s) == (0, 0, ())
    assert (found.ringing_p50_s, found.ringing_worst_s) == (None, None)


def test_wake_ups_of_the_app() -> None:
    """It goes on twice; the end of the run, which lets it go on, too, is no wake-up."""
    found = measured(*process(12.0, 40.0, 45.0, 70.0, 75.0, 110.1))
    assert found.app_wakeups_per_hour == pytest.approx(2 * 3600 / 110, abs=0.01)


def test_an_app_that_is_started_again_has_woken_up() -> None:
    """The system killed it, and a push or its user started it."""
    killed = say(30.0, CLIENT, ClientProcess(state="killed"))
    assert measured(killed).app_wakeups_per_hour == 0.0
    started = say(60.0, CLIENT, ClientProcess(state="started"))
    assert measured(killed, started).app_wakeups_per_hour == pytest.approx(3600 / 110, abs=0.01)


def test_pushes() -> None:
    """Those that were asked for, whatever became of them."""
    asked = [
        say(t, SERVER, PushRequested(id="n", probe="p1", binding="b1", provider="p", prid="t", priority="high"))
        for t in (20.0, 40.0)
    ]
    assert measured().pushes == 0
    assert measured(*asked).pushes == 2


def test_an_app_that_sleeps_all_the_time_never_wakes() -> None:
    """That is measured: it is zero, and not unknown."""
    assert measured(*process(12.0, 110.1)).app_wakeups_per_hour == 0.0


def test_wake_ups_of_an_app_that_never_slept() -> None:
    """Nobody counted how often its process ran."""
    assert measured().app_wakeups_per_hour is None


def test_wake_ups_of_the_radio() -> None:
    """Packets 10 s apart are one burst; those of a call count here, and the sentinel's do not."""
    calls = call("p1", ("sent", 20.0), ("ringing", 20.1), ("talking", 20.2), ("ending", 21.0), ("answered", 21.1))
    traffic = [on_lan(20.0, BOX, 700), on_lan(20.1, CLIENT, 400), on_lan(28.0, CLIENT, 40), on_lan(50.0, CLIENT, 40)]
    found = measured(*calls, *traffic, on_lan(90.0, CLIENT, 40, port=40002))
    assert found.radio_wakeups_per_hour == pytest.approx(2 * 3600 / 110, abs=0.01)


def test_registrations() -> None:
    """Those that were granted while it was silent; a challenge is none."""
    lines = (granted(-0.1), granted(50.0, 401), granted(50.1), granted(90.0), granted(91.0, method="SUBSCRIBE"))
    assert measured(*lines).registrations_per_day == pytest.approx(2 * 86400 / 110, abs=0.01)


def test_a_client_that_does_not_register() -> None:
    assert measured(subject=cell()).registrations_per_day is None


def test_a_schedule_that_took_effect() -> None:
    began = begins(SUSPEND, ClientSuspend.Proof(stopped=True), t=10.0, until=110.1)
    assert measured(*began, *process(10.0, 110.1), subject=ASLEEP).app_wakeups_per_hour == 0.0


def test_without_the_schedule_it_is_not_that_device() -> None:
    """Nothing is measured where the device's fault did not begin, and nothing where the run was cut short."""
    lines = [*flow_set_up(), *sentinel("delivered"), *call("p1", ("sent", 20.0), ("ringing", 20.1))]
    assert judged(ASLEEP, *lines, END).metrics.device is None
    assert judged(PHONE, *lines).metrics.device is None
