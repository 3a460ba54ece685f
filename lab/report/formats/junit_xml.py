"""Writes JUnit XML for continuous integration: each cell is a test case that checks its claim."""

from __future__ import annotations

from xml.etree import ElementTree

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
    """Return the results as one test suite.

    A cell fails if its claim breaks, or if it carries none and is inconclusive; ``unsupported`` is skipped unless that
    was claimed; a cell that could not run is an error.
    """
    scenario, results = run.scenario, run.results
    suite = ElementTree.Element("testsuite", name=scenario.name, tests=str(len(results)))
    counts = {"failure": 0, "error": 0, "skipped": 0}
    for cell, result in results:
        case = ElementTree.SubElement(suite, "testcase", classname=scenario.name, name=cell.name)
        _add_properties(case, cell, result)
        kind, message, text = _said(cell, result)
        if kind:
            counts[kind] += 1
            ElementTree.SubElement(case, kind, message=message).text = text
        elif text:
            ElementTree.SubElement(case, "system-out").text = text
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))
    for element in suite.iter():
        element.attrib.update(all_visible(element.attrib))
        element.text = all_visible(element.text)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _add_properties(case: ElementTree.Element, cell: Cell, result: Outcome | LabError) -> None:
    """Add the labels of a cell, its verdict and its figures, each as a property."""
    told: dict[str, object] = {f"axis.{axis}": label for axis, label in cell.axes}
    if isinstance(result, Outcome):
        told["verdict"] = result.verdict.value
        if result.cause is not None:
            told["cause"] = result.cause.kind.name
        if result.verdict is not Verdict.UNSUPPORTED:
            told |= {name: round(getattr(result.metrics, name), 3) for name in FIGURES}
    properties = ElementTree.SubElement(case, "properties")
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
