"""Writes a timeline as JSON values."""

from __future__ import annotations

from typing import Any

from lab.timeline.shapes import Lane, Mark, Message, Span, Timeline

_MICROSECONDS = 6


def as_json(timeline: Timeline) -> dict[str, Any]:
    """Return a timeline as JSON values; the keys are those of ``lab.timeline.shapes``, and ``from`` is ``from_``.

    Times are seconds after time zero, to a microsecond::

        {"starts_s": -0.31, "ends_s": 206.0,
         "lanes": [{"id": "client", "kind": "client", "title": "client",
                    "spans": [{"from_s": 0.0, "to_s": 33.04, "row": "flow f1", "kind": "connected",
                               "text": "…", "evidence": [61, 120]}],
                    "marks": [{"at_s": 33.04, "kind": "ended", "text": "…", "evidence": [120]}]}],
         "messages": [{"at_s": -0.02, "arrived_s": -0.01, "from": "client", "to": "server", "flow": "f1",
                       "kind": "sip", "first": "SUBSCRIBE sip:… SIP/2.0", "text": "…", "arrived_text": "",
                       "cseq": "1 SUBSCRIBE", "call_id": "…", "repeats": None, "lost": False, "evidence": [59, 70]}]}
    """
    return {
        "starts_s": _time(timeline.starts_s),
        "ends_s": _time(timeline.ends_s),
        "lanes": [_lane(lane) for lane in timeline.lanes],
        "messages": [_message(message) for message in timeline.messages],
    }


def _lane(lane: Lane) -> dict[str, Any]:
    return {
        "id": lane.id,
        "kind": lane.kind,
        "title": lane.title,
        "spans": [_span(span) for span in lane.spans],
        "marks": [_mark(mark) for mark in lane.marks],
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "from_s": _time(span.from_s),
        "to_s": None if span.to_s is None else _time(span.to_s),
        "row": span.row,
        "kind": span.kind,
        "text": span.text,
        "evidence": list(span.evidence),
    }


def _mark(mark: Mark) -> dict[str, Any]:
    return {"at_s": _time(mark.at_s), "kind": mark.kind, "text": mark.text, "evidence": list(mark.evidence)}


def _message(message: Message) -> dict[str, Any]:
    return {
        "at_s": _time(message.at_s),
        "arrived_s": None if message.arrived_s is None else _time(message.arrived_s),
        "from": message.from_,
        "to": message.to,
        "flow": message.flow,
        "kind": message.kind,
        "first": message.first,
        "text": message.text,
        "arrived_text": message.arrived_text,
        "cseq": message.cseq,
        "call_id": message.call_id,
        "repeats": message.repeats,
        "lost": message.lost,
        "evidence": list(message.evidence),
    }


def _time(seconds: float) -> float:
    return round(seconds, _MICROSECONDS)
