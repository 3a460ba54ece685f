"""Which workers get cells, and why others do not."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from lab.errors import HostNotCapable
from lab.fleet.capabilities import Capabilities, needs
from lab.fleet.workers import Workers
from tests.records import cell
from tests.unit.dask_workers import OWN, told


def _changed(**values: object) -> Capabilities:
    return msgspec.structs.replace(OWN, **values)


@pytest.mark.parametrize(
    ("can", "why"),
    [
        (None, "worker w is none of the lab's; start it with `lab worker`"),
        (_changed(lab="0.9"), "worker w has lab 0.9, and this is lab 1.0; install the same release"),
        (_changed(sources="bbbb"), "worker w has other files of lab 1.0 (bbbb, here aaaa); install the same files"),
        (_changed(kernel="llll"), "worker w has the virtual-time kernel llll, and this machine kkkk; build both"),
    ],
)
def test_versions_that_differ(can: Capabilities | None, why: str) -> None:
    """One sentence names the worker; it is said once, and the worker gets nothing."""
    workers = Workers(OWN)
    (said,) = workers.update(told("w", can))
    assert str(said).startswith(why)
    assert "\n" not in str(said)
    assert workers.tasks == 0
    assert not workers.can_do(())
    with pytest.raises(HostNotCapable, match=r"worker w "):
        workers.check()
    assert workers.update(told("w", can)) == []


def test_others_go_on() -> None:
    """A worker that is refused does not keep the others from working, and one that comes later is used."""
    workers = Workers(OWN)
    assert len(workers.update({**told("bad", _changed(lab="0.9")), **told("good", OWN)})) == 1
    workers.check()
    assert workers.tasks == 4
    assert workers.update({**told("good", OWN), **told("more", OWN, 2)}) == []
    assert workers.tasks == 6
    workers.update({})
    assert workers.tasks == 0


def test_no_workers() -> None:
    with pytest.raises(HostNotCapable, match="the Dask scheduler has no workers; start some with `lab worker`"):
        Workers(OWN).check()


def test_a_cell_goes_where_it_can_run() -> None:
    """All programs of a cell must be with one worker; what Dask is asked for is what such a worker offers."""
    subject = cell()
    assert needs(subject) == ("client pjsip 2.15.1", "server scripted")
    older = dataclasses.replace(subject, pjsip="2.10")
    kamailio = dataclasses.replace(subject, server=dataclasses.replace(subject.server, software="kamailio"))
    workers = Workers(OWN)
    split = (_changed(programs=(needs(older)[0],)), _changed(programs=("client pjsip 2.15.1", "server kamailio")))
    workers.update({**told("a", split[0]), **told("b", split[1])})
    assert not workers.can_do(needs(subject))
    assert workers.lacking(subject) == "server scripted"
    assert workers.can_do(needs(kamailio))
    both = dataclasses.replace(kamailio, pjsip="2.10")
    assert not workers.can_do(needs(both))
    assert workers.lacking(both) == "client pjsip 2.10 and server kamailio"
    assert workers.resources(subject).items() <= OWN.resources(2).items() | dict.fromkeys(OWN.resources(1), 1.0).items()
    assert not workers.resources(older).keys() <= OWN.resources(2).keys()
    assert not workers.resources(subject).keys() <= _changed(sources="bbbb").resources(2).keys()
