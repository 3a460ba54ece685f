"""Lists the files of a cell's folder for the page's links."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

TITLES = {
    "cell.pcapng": "capture of all links, opens decrypted in Wireshark",
    "record.jsonl": "everything that was observed, one event a line",
    "client.log": "log of the client",
    "server.log": "log of the server",
    "client.out": "standard error of the client",
    "server.out": "standard error of the server",
    "network.txt": "network as it was built",
    "cell.json": "what was run",
    "tls.keys": "TLS secrets",
    "from-cache.json": "where the record comes from",
    "shared.json": "whose record this is",
}
"""What the files of a cell are, in the order in which the page shows them; others follow by name."""


def files(folder: Path, address: str) -> list[dict[str, str]]:
    """Return the files that are there and not empty: name, title, address.

    Args:
        folder: of the cell.
        address: of the folder, from the page.
    """
    found = {path.name: path for path in folder.glob("*") if path.is_file() and not path.name.startswith(".")}
    known = [name for name in TITLES if name in found]
    others = sorted(found.keys() - TITLES.keys())
    return [
        {"name": name, "title": TITLES.get(name, ""), "address": address + quote(name, errors="replace")}
        for name in (*known, *others)
        if found[name].stat().st_size
    ]
