"""Whether SIP was rewritten on its way exactly where the scenario says that a middlebox does it. Pure."""

from __future__ import annotations

from lab.judge.sentinel import middleboxes_on_path
from lab.judge.story import Line, Story
from lab.model.scenario import Cell
from lab.model.topology import Role


def doubt(cell: Cell, story: Story) -> str:
    """Why the record does not show the SIP ALGs of the scenario, and no others; empty if it does.

    What the client sent is compared with what came: the client's own changes of its Contact are none of an ALG's. Of a
    client that does not say what it sent, only the first request tells: it cannot have learnt another address yet.
    """
    transport = cell.transport.value
    meddling = [name for name, box in cell.middleboxes if transport in [alg.value for alg in box.sip_alg]]
    on_path = [name for name in middleboxes_on_path(cell.topology) if name in meddling]
    rewritten = _rewritten(story) if any(story.of("client", "request-sent")) else _first_rewritten(cell, story)
    if on_path and not rewritten:
        return f"middlebox {on_path[0]} has a SIP ALG for {transport}, and no request came out changed"
    if rewritten and not meddling:
        return f"no middlebox has a SIP ALG for {transport}, and {rewritten[0]['method']} came out changed"
    return ""


def _rewritten(story: Story) -> list[Line]:
    """Requests that reached the server otherwise than the client has ever sent them."""
    pairs = [(came, _of(story, came)) for _, came in story.of("server", "request")]
    return [came for came, sent in pairs if sent and _told(came) not in map(_told, sent)]


def _first_rewritten(cell: Cell, story: Story) -> list[Line]:
    own = str(cell.topology.address(cell.topology.only(Role.CLIENT).name).ip)
    return [came for _, came in list(story.of("server", "request"))[:1] if _host(came.get("via")) not in ("", own)]


def _host(endpoint: str | None) -> str:
    return (endpoint or "").partition(":")[0]


def _of(story: Story, came: Line) -> list[Line]:
    """What the client sent that may be this request: it sends it again when it is not answered."""
    key = {name: came[name] for name in ("method", "call_id", "cseq")}
    return [sent for _, sent in story.of("client", "request-sent", **key)]


def _told(request: Line) -> tuple[str | None, str | None]:
    return request.get("via"), request.get("contact")
