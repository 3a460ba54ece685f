"""Runs the command and ends it: errors become one clear report and an exit status."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from lab.errors import EXIT_INTERRUPTED, HostNotCapable, LabError
from lab.machine_limits import machine_fault
from lab.visible_text import visible


def reported(command: Callable[[], object]) -> None:
    """Run a command; report what went wrong, and whose fault it is, on standard error."""
    try:
        command()
    except HostNotCapable as lack:
        _end(lack)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001  (the last frame: a bug must end as the lab's fault, not the scenario's)
        if (fault := machine_fault(error)) is not None:
            _end(fault)
        if isinstance(error, LabError):
            _end(error)
        text = f"lab error: this is a bug in the lab\n{traceback.format_exc()}"
        print(visible(text, lines=True), file=sys.stderr)  # noqa: T201
        sys.exit(LabError.exit_code)


def _end(error: LabError) -> NoReturn:
    text = f"{error.side} error: {error}" if error.side != "scenario" else str(error)
    print(visible(text, lines=True), file=sys.stderr)  # noqa: T201
    sys.exit(error.exit_code)
