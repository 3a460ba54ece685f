"""Checks that the lab's files are its own, then runs the command line; the console entry point."""

from __future__ import annotations

import sys

from lab import installation
from lab.cli import streams
from lab.errors import HostNotCapable


def run() -> None:
    """Run the command line and exit."""
    streams.secure()
    try:
        installation.check()
        from lab.cli import main  # only now: it may need what another distribution has replaced

        main.run()
    except HostNotCapable as mixed:
        print(f"host error: {mixed}", file=sys.stderr)  # noqa: T201
        sys.exit(mixed.exit_code)
    finally:
        streams.tell_failure()
