"""Whether SIP was rewritten on its way exactly where the scenario says that a middlebox does it. Pure."""

from __future__ import annotations

from lab.judge.sentinel import middleboxes_on_path
from lab.judge.story import Line, Story
from lab.model.scenario import Cell


def doubt(cell: Cell, story: Story) -> str:
    """Why the record does not show the SIP ALGs of the scenario, and no others; empty if it does.

    What the client sent is compared with what came: the client's own changes of its Contact are none of an ALG's.
    """
    transport = cell.transport.value
    meddling = [name for name, box in cell.middleboxes if transport in [alg.value for alg in box.sip_alg]]
    on_path = [name for name in middleboxes_on_path(cell.topology) if name in meddling]
    rewritten = [came for came in _arrived(story) if not any(_told(sent) == _told(came) for sent in _of(story, came))]
    if on_path and not rewritten:
        return f"middlebox {on_path[0]} has a SIP ALG for {transport}, and no request came out changed"
    if rewritten and not meddling:
        return f"no middlebox has a SIP ALG for {transport}, and {rewritten[0]['method']} came out changed"
    return ""


def _arrived(story: Story) -> list[Line]:
    """Requests of pjsip's that reached the server."""
    return [came for _, came in story.of("server", "request") if _of(story, came)]


def _of(story: Story, came: Line) -> list[Line]:
    """What the client sent that may be this request: it sends it again when it is not answered."""
    key = {name: came[name] for name in ("method", "call_id", "cseq")}
    return [sent for _, sent in story.of("client", "request-sent", **key)]


def _told(request: Line) -> tuple[str | None, str | None]:
    return request["via"], request["contact"]
