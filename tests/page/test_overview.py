"""The overview in a browser: what it shows is what the run's outcomes say; sorting, filters, addresses."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from lab.report.formats import report_json
from lab.report.grid import grid
from tests.page.conftest import Open
from tests.page.sample import FAILURES, STRATEGIES, sample_run


def matrix(page: Page) -> list[list[str]]:
    """The rows of the matrix, each a list of the texts of its fields."""
    rows = page.locator("table.matrix tbody tr")
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def names(page: Page) -> list[str]:
    """The cells of the list, in its order."""
    return page.locator("table.cells tbody th").all_inner_texts()


def test_content_is_that_of_the_run(look: Open, report: Path) -> None:
    """Verdicts, sums of rows, costs and reasons are those of report.json and of the table on the terminal."""
    run = sample_run()
    page = look(report)
    told = report_json.document(run)
    table = grid(run.results)
    assert table is not None
    signs = {"pass": "✓", "fail": "✗", "inconclusive": "?", "unsupported": "—", None: "!"}
    by_name = {cell["name"]: cell for cell in told["cells"]}
    for label, row in zip(STRATEGIES, matrix(page), strict=True):
        sums = table.sums[label]
        assert sums is not None
        star = "*" if label == "none" else ""
        assert row == [
            label,
            *(signs[by_name[f"{label},{failure}"]["verdict"]] for failure in FAILURES),
            f"{sums.passed}/{sums.judged}",
            sums.outage,
            f"{sums.packets:,.0f}{star}",
            f"{sums.bytes:,.0f}{star}",
            f"{sums.wakeups:,.0f}{star}",
        ]
    assert page.locator("h1").inner_text() == told["scenario"]["title"]
    tiles = " ".join(page.locator(".tiles").inner_text().split())
    assert tiles == "7 fail 1 inconclusive 1 error 5 pass 1 unsupported 13 of 14 claims hold"
    lines = {row.locator("th").inner_text(): row.inner_text() for row in page.locator("table.cells tbody tr").all()}
    assert lines.keys() == by_name.keys()
    for name, cell in by_name.items():
        if cell.get("cause"):
            assert cell["cause"]["text"] in lines[name]
    assert "claimed pass, seen fail" in lines["hold-transport,idle"]
    assert page.locator("a.breaks").get_attribute("aria-label") == (
        "hold-transport,idle: fail, client idle timer closed the transport at 33.0 s; "
        "not as claimed: claimed pass, seen fail"
    )
    assert page.locator("header a").get_attribute("href") == "https://example.net/1"


def test_sorting(look: Open, report: Path) -> None:
    """A column sorts downwards, then upwards, then not at all; what has no value comes last."""
    page = look(report)
    wakeups = page.get_by_role("table", name="Verdicts").get_by_role("button", name="wake-ups")
    orders = []
    for _ in range(3):
        wakeups.click()
        orders.append([row[0] for row in matrix(page)])
    downwards = ["options-25s", "crlf-30s", "hold-transport", "adaptive", "none"]
    assert orders == [downwards, downwards[::-1], list(STRATEGIES)]
    page.get_by_role("table", name="Verdicts").get_by_role("button", name="idle").click()
    assert {row[0] for row in matrix(page)[:2]} == {"none", "hold-transport"}  # those that fail there
    probes = page.get_by_role("table", name="Cells").get_by_role("button", name="wake-ups/h")
    probes.click()
    assert names(page)[0] == "options-25s,idle"
    assert set(names(page)[-2:]) == {"hold-transport,reboot", "adaptive,mute"}
    heads = page.locator("table.cells th[aria-sort=descending]")
    assert heads.all_inner_texts() == ["wake-ups/h▾"]


def test_filters(look: Open, report: Path) -> None:
    """Verdict, cause, axis and text; together all of them must match; the sums follow."""
    page = look(report)
    page.get_by_role("button", name="fail", exact=True).click()
    assert len(names(page)) == 7
    page.locator("summary", has_text="cause").click()
    page.get_by_label("middlebox-forgot-flow").check()
    assert names(page) == ["crlf-30s,reboot"]
    assert page.get_by_role("status").inner_text() == "1 of 15 cells match"
    assert page.evaluate("location.hash") == "#verdict=fail&cause=middlebox-forgot-flow"
    page.get_by_role("button", name="clear").click()
    page.locator("summary", has_text="failure").click()
    page.get_by_role("checkbox", name="idle", exact=True).check()
    assert [row[2] for row in matrix(page)] == ["0/1", "1/1", "1/1", "0/1", "1/1"]
    page.get_by_label("Filter by text").fill("HOLD claimed")
    assert names(page) == ["hold-transport,idle"]
    page.get_by_label("Filter by text").fill("nothing like this")
    assert names(page) == []
    assert page.get_by_text("No cell matches.").count() == 1


def test_addresses_and_the_way_back(look: Open, report: Path) -> None:
    """An address restores what was seen; back and forward go through it; an unknown cell is said to be one."""
    page = look(report, "#verdict=fail&axis.strategy=none&sort=-wakeups")
    assert names(page) == ["none,idle", "none,reboot", "none,mute"]
    page.get_by_role("link", name="none,reboot", exact=True).click()
    assert page.locator("h1").inner_text() == "✗ fail none,reboot"
    assert page.title().startswith("none,reboot")
    page.get_by_role("link", name="next").click()  # of those that match
    assert page.locator("h1").inner_text().endswith("none,mute")
    page.go_back()
    page.go_back()
    assert names(page) == ["none,idle", "none,reboot", "none,mute"]
    page.go_forward()
    assert page.locator("h1").inner_text().endswith("none,reboot")
    page.get_by_role("link", name="← all cells").click()
    assert len(names(page)) == 3
    gone = look(report, "#cell=gone")
    assert "no cell “gone”" in gone.locator("main").inner_text()


def test_scatter(look: Open, report: Path) -> None:
    """The front is what no strategy dominates; the cost can be chosen."""
    page = look(report)
    title = "svg.scatter > title"
    assert page.locator(title).text_content() == (
        "radio wake-ups per hour against share of cells passed; on the front: adaptive"
    )
    assert page.locator("svg.scatter circle").count() == len(STRATEGIES)
    dimmed = page.locator("svg.scatter circle.dominated title").all_text_contents()
    assert len(dimmed) == 4
    assert all(text.endswith("(dominated)") for text in dimmed)
    page.get_by_role("group", name="cost").get_by_role("button", name="bytes").click()
    assert str(page.locator(title).text_content()).startswith("bytes per hour")
    assert page.evaluate("location.hash") == "#cost=bytes"


def test_keyboard(look: Open, report: Path) -> None:
    """Everything is reached by Tab in the order of the page; menus open and close; a cell opens with Enter."""
    page = look(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("theme")
    page.get_by_label("Filter by text").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert len(names(page)) == 7
    menu = page.locator("details.menu").first
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    assert menu.get_attribute("open") is not None
    page.keyboard.press("Escape")
    assert menu.get_attribute("open") is None
    page.locator("table.matrix tbody a").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("h1").inner_text().endswith("none,idle")
