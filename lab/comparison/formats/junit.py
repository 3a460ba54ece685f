"""Writes a comparison as JUnit XML for continuous integration: each cell is a test case that B must not be worse in."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from lab.comparison.changes import Kind
from lab.comparison.compare import Comparison
from lab.comparison.wording import said, sentences
from lab.visible_text import all_visible

OPTION = "junit"


def render(comparison: Comparison, fail_on: Iterable[Kind]) -> str:
    """Return the comparison as one test suite; a cell fails if one of its changes counts."""
    kinds = frozenset(fail_on)
    failing = len(comparison.failing(kinds))
    counts = {"tests": str(len(comparison.cells)), "failures": str(failing), "errors": "0", "skipped": "0"}
    suite = ElementTree.Element("testsuite", {"name": f"compare {comparison.b.scenario}", **counts})
    for cell in comparison.cells:
        case = ElementTree.SubElement(suite, "testcase", classname=comparison.b.scenario, name=cell.name)
        text = "\n".join(sentence for _, sentence in sentences(cell))
        if worse := cell.failing(kinds):
            ElementTree.SubElement(case, "failure", type=worse[0].kind.value, message=said(worse[0])).text = text
        elif text:
            ElementTree.SubElement(case, "system-out").text = text
    for element in suite.iter():
        element.attrib.update(all_visible(element.attrib))
        element.text = all_visible(element.text)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
