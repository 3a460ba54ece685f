"""Scenarios become cells, which say what is written, however it is written and wherever it is read."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.engine.twins.plan import beforehand
from lab.loader import catalog
from lab.loader.load import load
from lab.loader.one_key_mappings import faults
from lab.mitigations.hold_transport import HoldTransport
from lab.mitigations.options_ping import OptionsPing
from lab.model.authentication import Authentication, ChallengedMethod
from lab.model.idle_timeout import ConnectionEnd, IdleTimeout
from lab.model.middlebox import Evidence, FilteringBehavior, ForgottenFlow, Grade, Middlebox, SipAlg
from lab.model.registrar import GoneConnection, MatchesBy, Registrar, WhenFull
from lab.model.scenario import Cell, Claim, Client, ClientCertificate, Expectation, Probe, Server, Transport
from lab.model.twin import Silent, TwinPlan
from lab.model.verdict import Verdict
from lab.model.when import Event, When
from lab.units import Percent, Seconds
from tests.unit.scenario_texts import FULL, OWN, SMALL, Read

ROOT = Path(__file__).parents[2]


def test_every_value_arrives(read: Read) -> None:
    """What is written is what a cell says."""
    labels = "strategy: ping, middlebox: [mine+rfc-ideal], transport: tls, verdict"
    (cell,) = read(FULL.replace("verdict", labels)).cells
    assert cell.name == "ping"
    assert cell.axes == (("strategy", "ping"),)
    assert cell.server == Server(
        subscription_expires=Seconds(600),
        registration_expires=Seconds(300),
        by_name=True,
        client_certificate=ClientCertificate.REQUIRED,
        name="serves",
        authentication=Authentication(nonce_lifetime=Seconds(301), methods=(ChallengedMethod.SUBSCRIBE,)),
        idle_timeout=IdleTimeout(after=Seconds(30), ends_with=ConnectionEnd.RST, crlf_counts=False),
        registrar=Registrar(
            matches_by=MatchesBy.INSTANCE,
            at_most=5,
            when_full=WhenFull.REFUSE,
            removes_closed=True,
            least_expires=Seconds(60),
        ),
        on_gone_connection=GoneConnection.WAIT,
        wait=Seconds(20),
    )
    assert dict(cell.middleboxes)["home-nat"] == Middlebox(
        name="mine",
        established_idle_timeout=Seconds(50),
        forgotten=ForgottenFlow.SILENT,
        udp_mapping_timer=Seconds(50),
        udp_one_way_timer=Seconds(20),
        transitory_timeout=Seconds(60),
        filtering=FilteringBehavior.ADDRESS_DEPENDENT,
        sip_alg=(SipAlg.UDP,),
        evidence=Evidence(
            tcp=Grade.MEASURED,
            udp=Grade.DOCUMENTED,
            forgotten=Grade.SECONDARY,
            translation=Grade.MEASURED,
            alg=Grade.SECONDARY,
        ),
        source="measured",
    )
    assert dict(cell.middleboxes)["cgn"] == catalog.middlebox("rfc-ideal")
    assert cell.strategy.mitigations[0] == OptionsPing(interval=Seconds(25))
    written = re.findall(r"^  - ([a-z-]+): \{ at: ", FULL, re.MULTILINE)
    assert sorted(written) == sorted(faults())
    assert [type(fault) for fault in cell.faults] == [faults()[kind] for kind in written]
    assert cell.faults[3].at == When(offset=5.0, event=Event.RECONNECTED)
    assert cell.claim == Claim(
        strategy=("ping",),
        middlebox=("mine+rfc-ideal",),
        transport=("tls",),
        verdict=Verdict.FAIL,
        cause="link-down",
        at=Seconds(20),
        within=Seconds(1),
    )


def test_defaults(read: Read) -> None:
    """What is not written is off, or as the model's classes say."""
    (cell,) = read(SMALL).cells
    assert cell == Cell(
        scenario="a",
        name="none",
        axes=(("strategy", "none"),),
        seed=1,
        topology=cell.topology,
        middleboxes=(("home-nat", catalog.middlebox("never-forgets")),),
        transport=Transport.TLS,
        server=Server(),
        client=Client(),
        strategy=catalog.strategy("none"),
        faults=(),
        probes=(Probe(at=Seconds(45), within=Seconds(5)),),
        expect=Expectation(delivered=Percent(100)),
        ends=Seconds(60),
        claim=None,
        folder=cell.folder,
        unsupported="",
    )


def test_scenario_keeps_its_text(read: Read) -> None:
    """The scenario holds what was written, for the run's folder."""
    scenario = read(SMALL, "some-name")
    assert scenario.name == "some-name"
    assert scenario.text == SMALL
    assert (scenario.title, scenario.why, scenario.source) == ("t", "", "")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{ name: m, base: silent-60s }", catalog.middlebox("silent-60s")),
        (
            "{ name: m, base: silent-60s, established-idle-timeout: 30 s }",
            dataclasses.replace(
                catalog.middlebox("silent-60s"),
                established_idle_timeout=Seconds(30),
                evidence=dataclasses.replace(catalog.middlebox("silent-60s").evidence, tcp=Grade.ASSUMED),
                source="silent-60s with another established-idle-timeout; " + catalog.middlebox("silent-60s").source,
            ),
        ),
        (
            "{ name: m, base: silent-60s, established-idle-timeout: never, source: mine }",
            dataclasses.replace(
                catalog.middlebox("silent-60s"),
                established_idle_timeout=None,
                evidence=dataclasses.replace(catalog.middlebox("silent-60s").evidence, tcp=Grade.ASSUMED),
                source="mine",
            ),
        ),
        ("{ name: m }", Middlebox(name="m")),
        ("{ name: m, udp-mapping-timer: 30 s }", Middlebox(name="m", udp_mapping_timer=Seconds(30))),
    ],
)
def test_own_middlebox(written: str, expected: Middlebox, read: Read) -> None:
    """A profile of one's own takes from its base what it does not say, and says where it came from."""
    (cell,) = read(SMALL.replace("never-forgets", written)).cells
    assert cell.middleboxes == (("home-nat", dataclasses.replace(expected, name="m")),)


def test_kind_without_parameters(read: Read) -> None:
    """A mitigation without parameters may be written with or without its empty mapping."""
    one, other = (
        read(SMALL + f"strategy: {{ name: s, mitigations: [{kind}] }}\n")
        for kind in ("hold-transport", "{ hold-transport: {} }")
    )
    assert one.cells == other.cells
    assert one.cells[0].strategy.mitigations == (HoldTransport(),)


@pytest.mark.parametrize("spelling", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")])
def test_spellings_of_text(spelling: Any, read: Read) -> None:
    """A byte-order mark and Windows line ends mean nothing."""
    assert read(spelling(FULL)).cells == read(FULL).cells


def test_same_on_every_machine(tmp_path: Path) -> None:
    """Locale, time zone, hash seed, folder: nothing of the machine enters a cell."""
    program = (
        "import sys; from pathlib import Path; from lab.loader.load import load; print(load(Path(sys.argv[1])).cells)"
    )
    path = ROOT / "scenarios" / "article" / "idle-subscription.yaml"
    path_there = os.environ.get("PATH", "")
    printed = set()
    for locale, zone, seed in (("C", "UTC", "0"), ("C.UTF-8", "Asia/Kathmandu", "4225")):
        environment = {
            "LC_ALL": locale,
            "TZ": zone,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": str(ROOT),
            "PATH": path_there,
        }
        argv = [sys.executable, "-c", program, str(path)]
        done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        printed.add(done.stdout)
    assert printed == {f"{load(path).cells}\n"}


@pytest.mark.parametrize("written", ["2.10", "'2.10'", '"2.10"'])
def test_release_as_written(read: Read, written: str) -> None:
    """2.10 is two and ten, not two and one tenth, with and without quotes; claims can speak of it."""
    text = f"{SMALL}matrix: {{ pjsip: [{written}, 2.15.1] }}\nclaims: [{{ pjsip: {written}, verdict: fail }}]\n"
    old, new = read(text).cells
    assert (old.pjsip, old.name, old.axes) == ("2.10", "2.10", (("pjsip", "2.10"),))
    assert (new.pjsip, new.name) == ("2.15.1", "2.15.1")
    assert old.claim is not None
    assert new.claim is None


def test_client_of_the_authors(read: Read) -> None:
    """What is written of it arrives, with the folder in which it will run."""
    (cell,) = read(OWN).cells
    mode = (("MODE", "test"),)
    own = Client(name="my-phone", command=("sh", "-c", "true"), environment=mode, image="client-image")
    assert cell.client == own
    assert cell.client.is_own
    assert not Client().is_own
    assert Path(cell.folder).is_dir()


@pytest.mark.parametrize(("over", "seconds"), [("", 3600.0), ("8 h", 28800.0), ("0 s", 0.0)])
def test_the_silent_hour(read: Read, over: str, seconds: float) -> None:
    """A cell that is long enough itself may do without one; then no twin is made."""
    (cell,) = read(f"{SMALL}costs-over: {over}\n" if over else SMALL).cells
    assert float(cell.silent_over) == seconds
    silent = [role.over_s for role, _ in beforehand(cell, TwinPlan(costs=True)) if isinstance(role, Silent)]
    assert silent == ([seconds] if seconds else [])
