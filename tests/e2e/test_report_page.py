"""``report.html`` of cells that really ran: what the browser shows is what their records say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.engine.cell_run import CellRun
from lab.engine.run import Run
from lab.model.scenario import Scenario
from lab.report.formats import report_html
from tests.chromium import Opened, chromium
from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

IDLE = Cells(ROOT / "scenarios" / "field" / "opensips-1861.yaml", only=("strategy=none",))


def run_of(folders: list[Path]) -> Run:
    """A run of these cells, which ran together with others."""
    cells = tuple(CellRun.open(folder) for folder in folders)
    scenario = Scenario(
        name="s", file="s", text="", title="t", why="", source="", cells=tuple(each.cell for each in cells)
    )
    return Run(folders[0].parent.parent, scenario, "virtual", "netns", finished=True, cells=cells)


@pytest.mark.cells(IDLE)
def test_a_real_cell(virtually: Virtually, tmp_path: Path) -> None:
    """Its SIP messages in full, its probes and its cause, with the lines of the record that show them."""
    seen = virtually(IDLE)
    run = run_of([seen.folder(name) for name in seen.cells])
    page_file = tmp_path / "report.html"
    page_file.write_text(report_html.render(run), encoding="utf-8")
    failed = next(each for each in run if each.cause is not None)
    assert failed.cause is not None
    record = [json.loads(line) for line in failed.record.read_text("utf-8").splitlines()]
    sent = [line for line in record if line["ev"] == "sip-message"]
    assert sent
    with chromium() as browser:
        window = Opened(browser)
        page = window.go(page_file, f"#cell={failed.name}")
        assert failed.cause.text in page.locator(".why-line").inner_text()
        assert page.locator(".chain button").count() == len(failed.cause.chain)
        page.locator("button.row.message.sip").first.click()
        text = page.get_by_role("region", name="Message").locator("pre").inner_text()
        assert text.startswith("REGISTER sip:")
        assert "CSeq: " in text
        said = page.get_by_role("region", name="Message").inner_text()
        lines = [
            record[int(number) - 1]
            for number in said.partition("; line")[2].partition(" of ")[0].lstrip("s ").split(", ")
        ]
        assert {line["ev"] for line in lines} <= {"sip-message", "server-sip-message"}
        page.get_by_text("Events as a table").click()
        lost = page.locator(".events tbody tr", has_text="not answered").first.locator("td").last.inner_text()
        assert {record[int(number) - 1]["ev"] for number in lost.split(", ")} == {"probe"}
        files = (
            page.get_by_role("region", name="Files")
            .locator("a")
            .evaluate_all("all => all.map(a => a.getAttribute('href'))")
        )
        assert f"cells/{failed.folder.name}/cell.pcapng".replace(",", "%2C") in files
        assert window.complaints == []
        window.close()
