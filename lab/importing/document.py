"""Represents an import as JSON. Pure; docs/import.md describes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.importing.brackets import Bracket
from lab.importing.importing import Import
from lab.importing.reading import observed
from lab.importing.rerun import Rerun
from lab.importing.silences import Silence

FORMAT = 1


def document(found: Import, files: Sequence[Path], ran: Rerun | None) -> dict[str, Any]:
    """Return what was read, the scenarios, and what came of running them."""
    case, story = found.case, found.case.story
    return {
        "format": FORMAT,
        "measured_in": list(found.names),
        "accounts": found.accounts,
        "remarks": list(found.remarks),
        "transport": story.transport,
        "registers": story.registers,
        "subscribes": story.subscribes,
        "guessed": story.guessed,
        "lasts_s": round(story.end - story.start, 3),
        "observed": observed(case),
        "sent": [
            {
                "what": each.what,
                "by": "client" if each.up else "server",
                "every_s": each.interval_s,
                "count": each.count,
            }
            for each in story.periods
        ],
        "brackets": [_bracket(each) for each in case.brackets],
        "fails": case.fails,
        "explanations": [
            {
                "name": each.hypothesis.name,
                "cause": each.hypothesis.cause,
                "score": each.hypothesis.score,
                "text": each.hypothesis.text,
                "decide": each.hypothesis.decide,
                "file": str(path),
            }
            for each, path in zip(found.scenarios, files, strict=True)
        ],
        "run": None if ran is None else _run(ran),
    }


def _bracket(one: Bracket) -> dict[str, Any]:
    return {
        "protocol": one.protocol,
        "ended_by": "client" if one.up else "server",
        "alive": _silence(one.alive),
        "dead": _silence(one.dead),
        "contradicts": one.contradicts,
    }


def _silence(one: Silence | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"seconds": round(one.seconds, 3), "frames": [one.before.number, one.place.number]}


def _run(ran: Rerun) -> dict[str, Any]:
    return {
        "shown": [
            {
                "name": each.imported.hypothesis.name,
                "same": not each.differences,
                "verdict": each.verdict,
                "cause": each.cause,
                "at_s": each.at_s,
                "differences": list(each.differences),
                "folder": str(each.folder),
            }
            for each in ran.shown
        ],
        "helped": list(ran.helped),
        "failed": list(ran.failed),
        "finished": ran.finished,
    }
