"""``lab tap``: what passes a link of a lab that is up."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import BinaryIO

from lab.errors import EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.live_lab import registry
from lab.live_lab.tap import tap as tap_link
from lab.loader.conversion import choice
from lab.record.events import Packet
from lab.visible_text import visible

COMMAND = "lab tap"


def tap(link: str, *, write: Path | None, from_start: bool, name: str) -> int:
    """Capture a link until told to end.

    Raises:
        ScenarioError: there is no such lab, no such link in it, or the file cannot be written.
    """
    lab = registry.find(name, COMMAND)
    if link not in lab.links:
        raise ScenarioError([Problem(COMMAND, 0, "LINK", "no such link", f"`{link}`", choice(link, [*lab.links]))])
    began, (here, there) = time.monotonic(), lab.links[link]

    def show(at: float, packet: Packet) -> None:
        to = there if packet.from_ == here else here
        flags = f" [{packet.flags}]" if packet.flags else ""
        ends = f"{packet.src} > {packet.dst}"
        line = (
            f"{max(at - began, 0.0):10.6f}  {packet.from_} > {to}  {packet.proto} {ends}{flags} {packet.payload} bytes"
        )
        sys.stdout.write(visible(line) + "\n")
        sys.stdout.flush()

    def show_nothing(at: float, packet: Packet) -> None:
        pass

    if write is None and not os.isatty(1):
        file: BinaryIO = os.fdopen(os.dup(1), "wb")
        show_it = show_nothing
    else:
        file, show_it = _opened(write or Path(os.devnull)), show
    tap_link(lab, link, file, from_start=from_start, show=show_it)
    return EXIT_CLAIMS_HOLD


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as problem:
        what = f"cannot be written: {problem.strerror}"
        raise ScenarioError([Problem(COMMAND, 0, "--write", what, f"`{path}`", "another file")]) from problem
