"""Writes JUnit XML for continuous integration: each cell is a test case that checks its claim."""

from __future__ import annotations

from xml.etree import ElementTree

from lab import __version__
from lab.engine.run import Run
from lab.errors import LabError
from lab.model.outcome import Outcome
from lab.model.scenario import Cell
from lab.model.verdict import Verdict
from lab.report.explanation import explain
from lab.visible_text import all_visible

FILE = "junit.xml"

FIGURES = ("packets_per_hour", "bytes_per_hour", "radio_wakeups_per_hour")
"""Metrics that are properties of a test case."""


def render(run: Run) -> str:
    """Return the results as one test suite, with what all cells have in common as its properties.

    A test case's time is how long its cell lasts by the cell's own clock; the time that the machine was busy is not
    known. A cell fails if its claim breaks, or if it carries none and is inconclusive; ``unsupported`` is skipped
    unless that was claimed; a cell that could not run is an error.
    """
    scenario, results = run.scenario, run.results
    suite = ElementTree.Element("testsuite", name=scenario.name, tests=str(len(results)))
    _add_properties(suite, {"lab": __version__, "clock": run.clock, "backend": run.backend, "finished": run.finished})
    counts = {"failure": 0, "error": 0, "skipped": 0}
    for cell, result in results:
        time = f"{float(cell.ends):.3f}"
        case = ElementTree.SubElement(suite, "testcase", classname=scenario.name, name=cell.name, time=time)
        _add_properties(case, _told(cell, result))
        kind, message, text = _said(cell, result)
        if kind:
            counts[kind] += 1
            sort = result.side if isinstance(result, LabError) else result.verdict.value
            ElementTree.SubElement(case, kind, type=sort, message=message).text = text
        elif text:
            ElementTree.SubElement(case, "system-out").text = text
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))
    suite.set("time", f"{sum(float(cell.ends) for cell, _ in results):.3f}")
    for element in suite.iter():
        element.attrib.update(all_visible(element.attrib))
        element.text = all_visible(element.text)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _told(cell: Cell, result: Outcome | LabError) -> dict[str, object]:
    """Return the labels of a cell, its verdict and its figures, by the name of the property."""
    told: dict[str, object] = {f"axis.{axis}": label for axis, label in cell.axes}
    if isinstance(result, Outcome):
        told["verdict"] = result.verdict.value
        if result.cause is not None:
            told["cause"] = result.cause.kind.name
        if result.verdict is not Verdict.UNSUPPORTED:
            told |= {name: round(getattr(result.metrics, name), 3) for name in FIGURES}
    return told


def _add_properties(parent: ElementTree.Element, told: dict[str, object]) -> None:
    properties = ElementTree.SubElement(parent, "properties")
    for name, value in told.items():
        ElementTree.SubElement(properties, "property", name=name, value=str(value))


def _said(cell: Cell, result: Outcome | LabError) -> tuple[str, str, str]:
    """Return the element for the cell (empty: its claim holds), its message and its text."""
    if isinstance(result, LabError):
        return "error", f"{result.side} error", str(result)
    text = "\n".join(explain(cell, result))
    if result.claim_holds is False:
        return "failure", result.claim_text, text
    if result.claim_holds is None and result.verdict is Verdict.INCONCLUSIVE:
        return "failure", result.doubt, text
    if result.claim_holds is None and result.verdict is Verdict.UNSUPPORTED:
        return "skipped", result.doubt, ""
    return "", "", text
