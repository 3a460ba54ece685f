"""Reads a built site: links that lead nowhere, and what a browser would fetch from elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""What a browser fetches by itself, and the attribute that says from where."""
LOADED_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch", "prefetch"}
IN_STYLE = re.compile(r"(?:@import\s+|url\()\s*[\"']?([^\"')\s]+)")


@dataclass
class Page(HTMLParser):
    """What a page has and wants."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in LOADS and LOADS[tag] in values and (tag != "link" or LOADED_LINKS & set(values["rel"].split())):
            self.loads.append(values[LOADS[tag]])
        self.loads += IN_STYLE.findall(values.get("style", ""))


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text("utf-8"))
    return page


def problems(site: Path) -> list[str]:
    """Return what is wrong with the pages of a site, a line each."""
    pages = {path.resolve(): read(path) for path in sorted(site.rglob("*.html"))}
    found = [
        f"{path.relative_to(site.resolve())}: {problem}"
        for path, page in pages.items()
        for problem in (
            *(f"leads nowhere: {link}" for link in page.links if not _leads(link, path, pages)),
            *(f"fetches from elsewhere: {load}" for load in page.loads if not _local(load)),
            *(f"fetches what is not there: {load}" for load in page.loads if _local(load) and not _there(load, path)),
        )
    ]
    for style in sorted(site.rglob("*.css")):
        fetched = IN_STYLE.findall(style.read_text("utf-8"))
        found += [f"{style.relative_to(site)}: fetches {load}" for load in fetched if not _local(load)]
    return found


def _local(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("", "data") and not parts.netloc


def _there(address: str, page: Path) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "data" or (page.parent / unquote(parts.path)).exists()


def _leads(link: str, page: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True  # to another site
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target not in pages:
        return target.is_file() and not parts.fragment
    return not parts.fragment or unquote(parts.fragment) in pages[target].ids
