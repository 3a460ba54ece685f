"""The page of a cell in a browser: chain, lanes, ladder, what to do."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Page

from tests.page.conftest import Open

CELL = "#cell=none%2Cidle"


DRAWN = "() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
"""Waits until the page has drawn what was done before."""


def address(page: Page) -> dict[str, float]:
    """The times in the page's address."""
    told = parse_qs(str(page.evaluate("location.hash"))[1:])
    return {name: float(told[name][0]) for name in ("at", "from", "to") if name in told}


def ladder(page: Page) -> list[str]:
    """The words on the arrows of the ladder."""
    return page.locator(".rows .words > span:first-child, .rows .note-text").all_inner_texts()


def test_verdict_and_chain(look: Open, report: Path) -> None:
    """Verdict, cause and claim come first; each step jumps to its place in lanes and ladder."""
    page = look(report, CELL)
    assert page.locator("h1").inner_text() == "✗ fail none,idle"
    assert page.locator(".why-line").inner_text() == "client idle timer closed the transport at 33.0 s"
    assert "as claimed" in page.locator("header").inner_text()
    steps = page.locator(".chain button")
    assert [text.split("\n")[-1] for text in steps.all_inner_texts()] == [
        "client idle timer closed the transport at 33.0 s",
        "the server's connection ended",
        "NOTIFY p1 at 45.0 s failed",
    ]
    steps.nth(2).click()
    page.wait_for_url("**from=**")
    told = address(page)
    assert told["at"] == 45.0
    assert told["from"] < 45.0 < told["to"]
    assert told["to"] - told["from"] < 20
    assert page.locator(".row.target").inner_text().startswith("45.000 s")
    assert page.locator(".readout h3").inner_text().startswith("At 45.0")


def test_what_everybody_was_doing(look: Open, report: Path) -> None:
    """The read-out has the state of each lane at the pointer, and the mark beside it."""
    page = look(report, f"{CELL}&at=33.033&from=33.03&to=33.036")
    said = page.locator(".readout").inner_text()
    assert "TLS connected" in said
    assert "idle timer destroyed the connection" in said
    assert "subscribed" in said
    assert "lab's own" not in said
    page.get_by_role("button", name="own flows").click()
    assert "lab's own" in page.locator(".readout").inner_text()
    box = page.locator("canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 40)
    assert page.locator(".readout h3").inner_text().startswith("At 33.0359")
    assert "TLS connected" not in page.locator(".readout").inner_text()


def test_zoom_and_pan(look: Open, report: Path) -> None:
    """Wheel, drag, buttons and keys; from the whole run to microseconds; the address follows."""
    page = look(report, CELL)
    canvas = page.locator("canvas")
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.wheel(0, -400)
    page.wait_for_url("**from=**")
    zoomed = address(page)
    assert 0 < zoomed["to"] - zoomed["from"] < 100
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 100, box["y"] + 60, steps=3)
    page.mouse.up()
    page.wait_for_url(lambda url: f"from={zoomed['from']}" not in url)
    moved = address(page)
    assert moved["from"] < zoomed["from"]
    assert moved["to"] - moved["from"] == pytest.approx(zoomed["to"] - zoomed["from"], rel=1e-3)
    assert canvas.evaluate("canvas => canvas.toDataURL()") != before
    page.get_by_role("button", name="all", exact=True).click()
    assert "from" not in address(page)
    canvas.focus()
    for key in ("+", "+", "ArrowRight"):
        page.evaluate(DRAWN)
        before = page.evaluate("location.hash")
        page.keyboard.press(key)
        page.wait_for_function("before => location.hash !== before", arg=before)
    by_keys = address(page)
    assert by_keys["to"] - by_keys["from"] == pytest.approx((106.31 * 1.04) / 4, rel=0.02)
    page.keyboard.press("Home")
    assert "from" not in address(page)


def test_microseconds(look: Open, report: Path) -> None:
    """Two marks four microseconds apart are told apart; no further zoom than that."""
    page = look(report, f"{CELL}&from=33.032999&to=33.033019&at=33.033004")
    assert "four microseconds later" in page.locator(".readout").inner_text()
    assert page.locator(".readout h3").inner_text().startswith("At 33.033004 s")
    page.locator("canvas").focus()
    for _ in range(3):
        page.keyboard.press("+")
    told = address(page)
    assert told["to"] - told["from"] == pytest.approx(20e-6, rel=0.02)


def test_lanes_by_keyboard(look: Open, report: Path) -> None:
    """`n` goes from event to event and what was at each is said; the table has the same for a screen reader."""
    page = look(report, CELL)
    canvas = page.locator("canvas")
    assert canvas.get_attribute("role") == "application"
    canvas.focus()
    for _ in range(2):
        page.keyboard.press("n")
    readout = page.locator(".readout")
    assert readout.get_attribute("aria-live") == "polite"
    assert readout.locator("h3").inner_text().startswith("At -0.2")
    page.keyboard.press("p")
    assert readout.locator("h3").inner_text().startswith("At -0.3")
    page.get_by_text("Events as a table").click()
    rows = page.locator(".events tbody tr")
    assert rows.filter(has_text="idle timer destroyed the connection").locator("td").all_inner_texts() == [
        "33.033",
        "",
        "client",
        "idle timer destroyed the connection",
        "6",
    ]


def test_ladder(look: Open, report: Path) -> None:
    """Folded at first; a group or a kind unfolds; a message opens in full and is marked in the lanes."""
    page = look(report, CELL)
    assert ladder(page) == [
        "▸ TCP connection opened · TLS handshake",
        "SUBSCRIBE",
        "200 OK (SUBSCRIBE)",
        "▸ 5 keep-alives in 8 s",
        "probed again",
        "▸ 5 keep-alives in 8 s",
        "p1 lost",
        "NOTIFY lost",
        "▸ 1 retransmission: NOTIFY",
        "fault: black hole",
        "fault over: BlackHole",
        "p2 answered",
    ]
    page.get_by_role("button", name="5 keep-alives").first.click()
    assert ladder(page).count("CRLF") == 5
    page.get_by_role("button", name="keep-alives", exact=True).click()
    assert ladder(page).count("CRLF") == 10
    page.get_by_role("button", name="retransmissions").click()
    assert "NOTIFY again lost" in ladder(page)
    page.get_by_role("button", name="SUBSCRIBE", exact=False).first.click()
    opened = page.get_by_role("region", name="Message")
    assert opened.locator("pre").inner_text().startswith("SUBSCRIBE sip:alice@example.org SIP/2.0")
    assert "client → server at -0.100000 s, arrived 15.0 ms later, flow f1" in opened.inner_text()
    assert address(page)["at"] == -0.1
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert "SIP/2.0 200 OK" in opened.inner_text()


def test_what_to_do(look: Open, report: Path) -> None:
    """Strategies that pass under the same failure, the cheapest first; commands; files."""
    page = look(report, CELL)
    advice = page.get_by_role("region", name="What to do")
    assert advice.locator("ol.passing > li > a").all_inner_texts() == ["adaptive", "crlf-30s", "options-25s"]
    assert "23 wake-ups, 69 packets, 23,000 bytes per hour" in advice.inner_text()
    commands = advice.locator("code").all_inner_texts()
    assert commands[0] == "lab run sample.yaml --only=strategy=none --only=failure=idle --seed=1"
    assert commands[1].startswith("lab bundle none,idle --run=runs/")
    mute = look(report, "#cell=none%2Cmute")
    assert "No strategy of this run keeps the client reachable (mute)." in mute.locator("main").inner_text()


def test_other_ends(look: Open, report: Path) -> None:
    """What kept a passing cell reachable; a doubt; what cannot exist; what could not run."""
    page = look(report, "#cell=adaptive%2Cidle")
    assert (
        page.get_by_role("region", name="What kept it reachable")
        .locator("button")
        .inner_text()
        .endswith("OPTIONS crossed on f1")
    )
    for name, said in (
        ("crlf-30s%2Cmute", "no sentinel"),
        ("hold-transport%2Creboot", "needs TLS"),
        ("adaptive%2Cmute", "no netem"),
    ):
        page = look(report, f"#cell={name}")
        assert said in page.locator("header").inner_text()
    assert page.locator("canvas").count() == 0
