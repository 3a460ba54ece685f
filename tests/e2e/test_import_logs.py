"""``lab import`` of the logs that clients and servers of cells have written: what they show is what happened."""

from __future__ import annotations

import pytest

from lab.importing.importing import import_files
from tests.e2e.together import Cells, Virtually

PJSIP = Cells(
    """\
title: Logs of pjsip
topology: home-nat
middlebox: silent-60s
matrix:
  strategy:
    - none
    - { name: too-seldom, mitigations: [ hold-transport, { options-ping: { interval: 70 s } } ] }
probes: [ { at: 250 s } ]
ends: 260 s
claims:
  - { strategy: none, verdict: fail, cause: client-idle-timer, at: 33 s }
  - { verdict: fail, cause: middlebox-forgot-flow, at: 60 s }
""",
    name="logs-of-pjsip",
)
CLOSED = Cells(
    """\
title: A log of pjsip whose server closes the connection
topology: home-nat
middlebox: never-forgets
strategy: { name: own, mitigations: [ hold-transport, { options-ping: { interval: 25 s } } ] }
faults: [ server-close: { at: 40 s } ]
probes: [ { at: 45 s } ]
ends: 51 s
claims: [ { verdict: fail, cause: server-closed-flow, at: 40 s } ]
""",
    name="log-of-a-closed-connection",
)
OTHERS = Cells(
    """\
title: Logs of baresip and linphone
topology: home-nat
middlebox: silent-60s
matrix:
  client: [ { name: baresip, account: register }, { name: linphone, account: register } ]
transport: tcp
probes: [ { at: 20 s, kind: message } ]
ends: 26 s
claims: [ { verdict: pass } ]
""",
    name="logs-of-others",
)
KAMAILIO = Cells(
    """\
title: A log of Kamailio
topology: home-nat
middlebox: silent-60s
server: kamailio
transport: tcp
client: { account: register }
probes: [ { at: 20 s, kind: message }, { at: 100 s, kind: message } ]
ends: 106 s
claims: [ { verdict: fail, cause: middlebox-forgot-flow, at: 80 s, within: 2 s } ]
""",
    name="log-of-kamailio",
)
pytestmark = [pytest.mark.e2e, pytest.mark.cells(PJSIP, CLOSED, OTHERS, KAMAILIO)]


def test_pjsip(virtually: Virtually) -> None:
    """Its idle timer, to the tenth of a second; a middlebox that forgot is the best explanation of what was lost."""
    seen = virtually(PJSIP)
    assert seen.status == 0, seen.said
    idle = import_files([seen.folder("none") / "client.log"])
    (only,) = idle.scenarios
    assert only.hypothesis.cause == "client-idle-timer"
    assert only.hypothesis.at is not None
    assert idle.case.story.at(only.hypothesis.at) == pytest.approx(33.0, abs=0.1)
    lost = import_files([seen.folder("too-seldom") / "client.log"])
    assert lost.scenarios[0].hypothesis.cause == "middlebox-forgot-flow"
    assert {"hold-transport", "options-ping"} <= {*str(lost.scenarios[0].content["strategy"]).replace("'", " ").split()}


def test_a_server_that_closes(virtually: Virtually) -> None:
    """The log says who closed it: not the client, whose idle timer cleans up behind that."""
    seen = virtually(CLOSED)
    assert seen.status == 0, seen.said
    found = import_files([seen.folder("own") / "client.log"])
    assert "server-closed-flow" in {each.hypothesis.cause for each in found.scenarios}
    assert not any(each.hypothesis.cause.startswith("client") for each in found.scenarios)


@pytest.mark.parametrize("name", ["baresip", "linphone"])
def test_others(name: str, virtually: Virtually) -> None:
    """What went well is seen to have gone well: registered, and the message that came."""
    seen = virtually(OTHERS)
    assert seen.status == 0, seen.said
    found = import_files([seen.folder(name) / "client.log"])
    assert found.case.story.registers
    assert not found.case.fails
    assert {each.method for each in found.case.story.probes} == {"MESSAGE"}  # linphone has two bindings


def test_kamailio(virtually: Virtually) -> None:
    """The server's side: the first message was answered, the second was not; why, it cannot know."""
    seen = virtually(KAMAILIO)
    assert seen.status == 0, seen.said
    found = import_files([seen.folder("none") / "server.log"])
    assert [each.method for each in found.case.story.probes] == ["MESSAGE", "MESSAGE"]
    assert len(found.case.lost) == 1
    both = import_files([seen.folder("none") / "client.log", seen.folder("none") / "server.log"])
    assert both.case.story.sides.both
    assert len(both.case.lost) == 1
