"""``lab inject`` and ``lab probe-client``: what a scenario does at its times, by hand."""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Sequence
from typing import Any

from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.faults.base import Fault
from lab.live_lab import effect, registry
from lab.live_lab.control import ask
from lab.live_lab.fault_argument import COMMAND, read_fault
from lab.live_lab.registry import Entry
from lab.model import wire
from lab.runner import cell_file
from lab.units import short_time
from lab.visible_text import visible


def inject(words: Sequence[str], *, end: int | None, json: bool, name: str) -> int:
    """Do a fault, or end one; return 0 if the record shows its effect.

    Raises:
        ScenarioError: there is no such lab or fault, or the fault cannot happen in it.
    """
    lab = registry.find(name, COMMAND)
    if end is not None:
        if words:
            raise _problem("--end", "a fault to do and one to end", "", "give one of the two")
        return _end(lab, end, json=json)
    if not words:
        raise _problem("", "no fault", "", "give a kind of fault (`lab list faults`), or --end NUMBER")
    fault = read_fault(words, cell_file.read(lab.folder).topology)
    told = ask(lab, "inject", fault=wire.to_json(fault))
    if (reason := told.get("infeasible")) is not None:
        raise _problem(reason["key"], f"it cannot happen here: {reason['what']}", "", reason["allowed"])
    told["missing"] = effect.missing(lab, told["n"])
    if json:
        sys.stdout.write(json_text.dumps(told, indent=2) + "\n")
    else:
        _say(f"fault {told['n']}: {fault.words()}{_for_how_long(fault, told['n'])}")
        _say("  proof: " + ", ".join(f"{key}: {value}" for key, value in told["proof"].items()))
        if told["missing"]:
            _say(f"  the lab cannot see that it took effect: {told['missing']}")
    return EXIT_CLAIM_BROKEN if told["missing"] else EXIT_CLAIMS_HOLD


def probe_client(kind: str, *, within: float, hold: float, json: bool, name: str) -> int:
    """Have the server probe the client; return 0 if the client accepts.

    Raises:
        ScenarioError: there is no such lab.
    """
    lab = registry.find(name, "lab probe-client")
    told = ask(lab, "probe", kind=kind, within=within, hold=hold)
    if json:
        sys.stdout.write(json_text.dumps(told, indent=2) + "\n")
    else:
        _say(_fate(told))
    return EXIT_CLAIMS_HOLD if told["accepted"] else EXIT_CLAIM_BROKEN


def _end(lab: Entry, number: int, *, json: bool) -> int:
    told = ask(lab, "end", number=number)
    if (others := told.get("not_in_force")) is not None:
        allowed = f"one of {', '.join(map(str, others))}" if others else "leave it out: no fault is in force"
        raise _problem("--end", "no fault of this number is in force", str(number), allowed)
    if json:
        sys.stdout.write(json_text.dumps({"n": number, **told}, indent=2) + "\n")
    else:
        dropped = "" if told["dropped"] is None else f"; it has dropped {told['dropped']} packets"
        _say(f"fault {number} is over{dropped}")
    return EXIT_CLAIMS_HOLD


def _fate(told: dict[str, Any]) -> str:
    """Say what became of a probe."""
    what = f"{told['probe']} {told['kind'].upper()}"
    on = f" on flow {told['flow']}" if told["flow"] else ""
    heard = told["received_after_s"]
    arrived = "" if heard is None else f" (the client had it after {heard * 1000:.0f} ms)"
    if told["state"] == "answered":
        return f"{what} arrived: answered {told['code']} after {told['took_s'] * 1000:.0f} ms{on}{arrived}"
    return f"{what} was not answered: {told['reason']} after {short_time(told['took_s'])}{on}{arrived}"


def _for_how_long(fault: Fault, number: int) -> str:
    if fault.lasts_s == float("inf"):
        return f"; until `lab inject --end {number}`"
    return f"; for {short_time(fault.lasts_s)}" if fault.lasts_s else ""


def _problem(key: str, what: str, got: str, allowed: str) -> ScenarioError:
    return ScenarioError([Problem(COMMAND, 0, key, what, got, allowed)])


def _say(line: str) -> None:
    sys.stdout.write(visible(line) + "\n")
