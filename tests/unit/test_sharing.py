"""Which cells share a record: what no cell can see, what a record must bear out, and what is never shared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.engine.cell_run import CellRun
from lab.engine.sharing.course import Course
from lab.engine.sharing.sharing import Sharing, shared_with
from lab.engine.sharing.world import digest
from lab.errors import ScenarioError
from lab.faults.evict_flow import EvictFlow
from lab.faults.link_down import LinkDown
from lab.model.endpoint import Endpoint
from lab.model.middlebox import (
    FilteringBehavior,
    ForgottenFlow,
    Hairpinning,
    MappingBehavior,
    Middlebox,
    PortAssignment,
    RefreshDirection,
    RefreshingSegments,
    SipAlg,
)
from lab.model.scenario import Cell, Client, Expectation, RadioKind, Strategy, Transport
from lab.model.when import When
from lab.record import codec
from lab.record.writer import FILE_NAME
from lab.runner import cell_file
from lab.units import Percent, Seconds
from tests.records import (
    BOX,
    END,
    INSIDE,
    MAPPED,
    OUTSIDE,
    REMOTE,
    SENTINEL,
    Line,
    begins,
    cell,
    changed,
    evidence,
    forgot,
    numbered,
    of_flow,
    packet,
)

BASE = Middlebox(name="base", established_idle_timeout=Seconds(200))
"""It outlasts the cells here, which take 110 s."""


def with_box(transport: Transport = Transport.TCP, box: Middlebox = BASE, **fields: Any) -> Cell:
    """A cell with a middlebox that differs in something from another."""
    return replace(cell(), transport=transport, middleboxes=((BOX, replace(box, **fields)),))


def same(one: Cell, other: Cell, *, silent: bool = False, timers: bool = True) -> bool:
    """Whether two cells may share a record."""
    one_key, other_key = (digest(each, silent=silent, timers=timers) for each in (one, other))
    return one_key == other_key


NAMES: tuple[Callable[[Cell], Cell], ...] = (
    lambda cell: replace(cell, name="x", scenario="x", axes=(("transport", "x"),), unsupported=""),
    lambda cell: replace(cell, expect=Expectation(delivered=Percent(1)), radio=RadioKind.NR, silent_over=Seconds(9)),
    lambda cell: replace(cell, strategy=Strategy(name="nothing", what="at all", source="nobody")),
    lambda cell: replace(cell, middleboxes=((BOX, replace(dict(cell.middleboxes)[BOX], name="x", source="x")),)),
)


@pytest.mark.parametrize("renamed", NAMES)
def test_names_are_not_seen(renamed: Callable[[Cell], Cell]) -> None:
    """Cells that differ in names, or in what their judge alone reads, are one world, in real time as well."""
    assert same(cell(), renamed(cell()), timers=False)


OTHERS: tuple[Callable[[Cell], Cell], ...] = (
    lambda cell: replace(cell, seed=2),
    lambda cell: replace(cell, transport=Transport.TCP),
    lambda cell: replace(cell, probes=()),
    lambda cell: replace(cell, ends=Seconds(111)),
    lambda cell: replace(cell, server=replace(cell.server, answers_crlf=False)),
    lambda cell: replace(cell, client=replace(cell.client, environment=(), name="plain")),
)


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_seen(other: Callable[[Cell], Cell]) -> None:
    """Whatever else differs makes another world."""
    assert not same(cell(), other(cell()))


UDP_TIMERS: dict[str, Any] = {"udp_mapping_timer": Seconds(99), "udp_one_way_timer": Seconds(30)}
OF_UDP: dict[str, Any] = {
    "mapping": MappingBehavior.ADDRESS_AND_PORT_DEPENDENT,
    "filtering": FilteringBehavior.ENDPOINT_INDEPENDENT,
    "hairpinning": Hairpinning.EXTERNAL_SOURCE,
}
OF_TCP: dict[str, Any] = {
    "established_idle_timeout": Seconds(300),
    "transitory_timeout": Seconds(30),
    "forgotten": ForgottenFlow.RST_TO_SENDER,
}


@pytest.mark.parametrize("key", [*UDP_TIMERS, *OF_UDP, *OF_TCP])
def test_of_a_middlebox_that_outlasts_the_cell(key: str) -> None:
    """TCP sees nothing of UDP; timers and what comes after them may be seen by neither, if a record bears it out."""
    value = {**UDP_TIMERS, **OF_UDP, **OF_TCP}[key]
    assert same(with_box(), with_box(**{key: value}))
    assert not same(with_box(), with_box(**{key: value}), timers=False)
    assert same(with_box(Transport.UDP), with_box(Transport.UDP, **{key: value})) is (key not in OF_UDP)


@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize("key", OF_TCP)
def test_a_timer_that_ends_within_the_cell(key: str, transport: Transport) -> None:
    """The sentinel meets it over any transport; nobody asks the sentinel of a silent hour."""
    short = replace(BASE, established_idle_timeout=Seconds(60))
    other = OF_TCP[key] if key != "established_idle_timeout" else Seconds(50)
    one, two = with_box(transport, short), with_box(transport, short, **{key: other})
    assert not same(one, two)
    assert same(one, two, silent=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port_assignment", PortAssignment.NO_PRESERVATION),
        ("lifetime", Seconds(3600)),
        ("refresh_direction", RefreshDirection.OUTBOUND),
        ("refreshing_segments", RefreshingSegments.DATA),
        ("sip_alg", (SipAlg.TCP,)),
    ],
)
def test_what_no_record_could_bear_out(key: str, value: Any) -> None:
    """Ports show in every packet; an age or a direction is not the idle time that a record is asked for."""
    assert not same(with_box(), with_box(**{key: value}))
    assert not same(with_box(**{key: value}), with_box(**{key: value}, udp_mapping_timer=Seconds(9))) or key in (
        "port_assignment",
        "sip_alg",
    )


def test_the_gateway_of_another_transport() -> None:
    """A gateway that reads UDP leaves TCP alone, and TLS cannot be read at all."""
    assert same(with_box(), with_box(sip_alg=(SipAlg.UDP,)))
    assert same(with_box(Transport.TLS), with_box(Transport.TLS, sip_alg=(SipAlg.TCP,)))
    assert not same(with_box(Transport.UDP), with_box(Transport.UDP, sip_alg=(SipAlg.UDP,)))


def test_in_doubt_nothing_but_names() -> None:
    """A fault may end mappings by itself, and a client of somebody's own may do more than it is asked."""
    fault = LinkDown(at=When(offset=20.0), lasts=Seconds(5), link="lan")
    for changes in ({"faults": (fault,)}, {"client": Client(command=("./client",))}):
        one, other = (replace(each, **changes) for each in (with_box(), with_box(**UDP_TIMERS)))
        assert not same(one, other)
        assert same(one, NAMES[3](one))


OTHER = {**UDP_TIMERS, **OF_UDP, **OF_TCP}

# What a record bears out


def passed(t: float, *, flags: str = "PA") -> list[Line]:
    """A packet of the client's on both sides of the middlebox."""
    return [of_flow(t, "lan", "client", flags=flags), of_flow(t, "core", "client", flags=flags)]


def talk(*times: float) -> list[Line]:
    """A handshake and what follows."""
    return [line for t in (0.0, 0.01, 0.02, *times) for line in passed(t)]


def as_udp(*lines: Line) -> list[Line]:
    """The same over UDP."""
    return [changed(each, proto="udp", flags="", seq=None) for each in lines]


def holds(subject: Cell, *lines: Line, silent: bool = False) -> bool:
    """Whether a record of another cell holds for this one, too."""
    return Course(evidence(with_box(subject.transport), *lines, END), silent=silent).holds_for(subject)


BUSY = talk(30.0, 60.0, 90.0)
"""Never quiet for more than 30 s."""
AGAIN = [
    changed(MAPPED, t=70.0, id=2, inside=Endpoint("10.0.0.2", 40002)),
    *(
        changed(each, t=each.t + 70.0, src=Endpoint(each.event.src.host, 40002))
        for each in (*passed(0.0), *passed(2.0), *passed(2.1))
    ),
]
"""Another connection, whose handshake takes two seconds."""


def test_quiet_for_less_than_the_timer() -> None:
    """A timer that outlasts the longest quiet time would have changed nothing; at the end it is quiet, too."""
    silent_60 = with_box(established_idle_timeout=Seconds(60))
    assert holds(silent_60, *BUSY, silent=True)
    assert not holds(with_box(established_idle_timeout=Seconds(30)), *BUSY, silent=True)
    assert not holds(silent_60, *talk(30.0, 45.0), silent=True)
    assert holds(with_box(established_idle_timeout=None), *talk(1.0))
    assert holds(with_box(transitory_timeout=Seconds(2)), *BUSY)


def test_a_flow_that_opens_or_closes() -> None:
    """Has the timer of such flows."""
    quick = with_box(transitory_timeout=Seconds(15))
    assert not holds(quick, *passed(0.0), *passed(20.0), *passed(20.1), *passed(60.0))
    assert not holds(quick, *BUSY, *passed(91.0, flags="FA"))
    assert holds(with_box(), *BUSY, *passed(91.0, flags="FA"))


def test_a_mapping_that_ended_or_a_packet_that_did_not_pass() -> None:
    """Then a timer has ended, or something else has befallen the flow."""
    assert not holds(with_box(), *BUSY, forgot(70.0))
    assert not holds(with_box(), *BUSY, of_flow(95.0, "lan", "client"))
    assert not holds(with_box(), *BUSY, packet(95.0, "lan", BOX, REMOTE, INSIDE, flags="R"))
    assert not Course(evidence(with_box(), *BUSY), silent=False).holds_for(with_box())  # cut short


EVICTED = EvictFlow(at=When(offset=50.0), node=BOX)
GONE = EvictFlow.Proof(node=BOX, flow="f1", gone=True, others=2)


def test_a_fault_that_only_ends_mappings() -> None:
    """Timers that outlast the cell, and what another transport uses, are not seen then either."""
    for key in (*UDP_TIMERS, *OF_UDP, *OF_TCP):
        one, other = (replace(each, faults=(EVICTED,)) for each in (with_box(), with_box(**{key: OTHER[key]})))
        assert same(one, other)


def after_eviction(subject: Cell, *lines: Line, box: Middlebox = BASE) -> bool:
    """Whether a record holds in which the flow's mapping was taken at 50 s."""
    ran = replace(with_box(box=box), faults=(EVICTED,))
    happened = [MAPPED, *BUSY[:9], forgot(50.001), *begins(EVICTED, GONE), *lines, END]
    return Course(evidence(ran, *happened), silent=False).holds_for(replace(subject, faults=(EVICTED,)))


def test_after_a_mapping_was_taken() -> None:
    """What is sent then need not pass, and may be quiet for long: there is no mapping that could end by a timer."""
    dropped = of_flow(60.0, "lan", "client")
    assert after_eviction(with_box(), dropped)
    assert after_eviction(with_box(established_idle_timeout=Seconds(111)), dropped)
    assert not after_eviction(with_box(forgotten=ForgottenFlow.RST_TO_SENDER), dropped)
    assert not after_eviction(with_box(established_idle_timeout=Seconds(111), transitory_timeout=Seconds(1)), *AGAIN)
    assert after_eviction(with_box(established_idle_timeout=Seconds(111), transitory_timeout=Seconds(60)), *AGAIN)


def test_timers_of_both_must_have_lasted() -> None:
    """A mapping that was there for longer than a timer of either may have ended by that."""
    quick = replace(BASE, transitory_timeout=Seconds(1))
    assert after_eviction(with_box(), box=BASE)
    assert not after_eviction(with_box(), *AGAIN, box=quick)
    assert not after_eviction(with_box(udp_mapping_timer=Seconds(9)), *as_udp(*passed(50.0)))


def test_the_end_of_a_connection() -> None:
    """A mapping that went after its connection had ended went by no timer of a profile."""
    closed = [MAPPED, *BUSY[:9], *passed(40.0, flags="FA"), forgot(45.0)]
    assert holds(with_box(), *closed)
    assert not holds(with_box(forgotten=ForgottenFlow.RST_TO_SENDER), *closed)
    assert not holds(with_box(), MAPPED, *BUSY[:9], forgot(45.0))


def test_udp() -> None:
    """A UDP cell shares if its flow was never quiet for as long as its timer; over TCP there is to be none."""
    udp = with_box(Transport.UDP, udp_mapping_timer=Seconds(40))
    assert holds(udp, *as_udp(*BUSY))
    assert not holds(
        with_box(Transport.UDP, udp_mapping_timer=Seconds(40), udp_one_way_timer=Seconds(20)), *as_udp(*BUSY)
    )
    assert not holds(with_box(Transport.UDP, udp_mapping_timer=Seconds(25)), *as_udp(*BUSY))
    assert not holds(with_box(), *BUSY, *as_udp(*passed(50.0)))


def test_the_sentinel() -> None:
    """Its idle flows count in a cell, and not in a silent hour."""
    idle = [
        each
        for t in (0.0, 0.01, 0.02)
        for each in (
            packet(t, "lan", "client", Endpoint("10.0.0.2", 50001), SENTINEL),
            packet(t, "core", BOX, Endpoint(OUTSIDE.host, 50001), SENTINEL),
        )
    ]
    gone = changed(forgot(60.0), remote=SENTINEL, inside=Endpoint("10.0.0.2", 50001))
    assert holds(with_box(), *BUSY, *idle)
    assert not holds(with_box(), *BUSY, *idle, gone)
    assert holds(with_box(established_idle_timeout=Seconds(60)), *BUSY, *idle, gone, silent=True)


# Who waits for whom


def add(sharing: Sharing, run: Path, name: str, subject: Cell) -> Path:
    folder = run / "cells" / name
    folder.mkdir(parents=True)
    cell_file.write(folder, replace(subject, name=name))
    sharing.add(folder, replace(subject, name=name))
    return folder


def run_it(folder: Path, *lines: Line) -> None:
    """Leave what a cell leaves that has run."""
    text = "".join(codec.to_line(each.t, each.who, each.event).decode() for each in numbered(*lines, END))
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    (folder / "client.log").write_text("said", encoding="utf-8")


def test_one_runs_the_others_share(tmp_path: Path) -> None:
    """The one that forgets last runs first; whom its record does not hold for runs next."""
    sharing = Sharing(tmp_path, names=True, timers=True)
    quick, slow, alike = (
        add(sharing, tmp_path, name, with_box(established_idle_timeout=timer))
        for name, timer in (("quick", Seconds(110.5)), ("slow", None), ("alike", Seconds(300)))
    )
    assert sharing.due() == [slow]
    assert sharing.due() == []
    run_it(slow, *talk(0.1))
    sharing.ended(slow, well=True)
    assert list(sharing.settle()) == [(alike, slow)]
    assert (alike / "client.log").read_text(encoding="utf-8") == "said"
    assert (shared_with(alike), shared_with(slow)) == ("cells/slow", "")
    assert CellRun.open(alike).cell.name == "alike"
    assert CellRun.open(alike).shared_with == "cells/slow"
    assert sharing.due() == [quick]


def test_later_ones_share_at_once(tmp_path: Path) -> None:
    """A cell that comes when the record is there already does not run."""
    sharing = Sharing(tmp_path, names=True, timers=True)
    first = add(sharing, tmp_path, "first", with_box())
    assert sharing.due() == [first]
    run_it(first, *BUSY)
    sharing.ended(first, well=True)
    later = add(sharing, tmp_path, "later", with_box(udp_mapping_timer=Seconds(9)))
    assert list(sharing.settle()) == [(later, first)]
    assert sharing.due() == []


def test_one_that_failed_is_not_shared(tmp_path: Path) -> None:
    """Then the next one runs."""
    sharing = Sharing(tmp_path, names=True, timers=True)
    one, other = (add(sharing, tmp_path, name, with_box()) for name in ("one", "other"))
    assert sharing.due() == [one]
    sharing.ended(one, well=False)
    assert list(sharing.settle()) == []
    assert sharing.due() == [other]


def test_in_real_time_all_begin_at_once(tmp_path: Path) -> None:
    """Only names are shared there: nobody waits to see what a record bears out."""
    sharing = Sharing(tmp_path, names=True, timers=False)
    folders = [
        add(sharing, tmp_path, name, with_box(udp_mapping_timer=Seconds(timer)))
        for name, timer in (("one", 9.0), ("other", 8.0), ("again", 9.0))
    ]
    assert sharing.due() == folders[:2]


def test_none_shares_if_none_is_to(tmp_path: Path) -> None:
    """Then equal cells run each for itself."""
    sharing = Sharing(tmp_path, names=False, timers=False)
    folders = [add(sharing, tmp_path, name, with_box()) for name in ("one", "other")]
    assert sharing.due() == folders


def test_a_damaged_note(tmp_path: Path) -> None:
    """Of whose record it is is one clear error."""
    folder = tmp_path / "cells" / "one"
    folder.mkdir(parents=True)
    cell_file.write(folder, cell())
    (folder / "shared.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"shared\.json"):
        _ = CellRun(folder, cell()).shared_with
