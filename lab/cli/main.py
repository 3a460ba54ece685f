"""The entry point of the command ``lab``.

Each command is a module of ``lab.cli.commands``: its options and its help. What it does stands in the module of that
name in ``lab.cli``, which is imported when the command runs: ``lab --help`` must not wait for heavy modules.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

from lab.cli.app import COMMANDS, app
from lab.errors import EXIT_INTERRUPTED, LabError, no_room

__all__ = ["COMMANDS", "app", "run"]

for _name in COMMANDS:
    import_module(f"lab.cli.commands.{_name}")


def _end(error: LabError) -> NoReturn:
    print(f"{error.side} error: {error}" if error.side != "scenario" else str(error), file=sys.stderr)  # noqa: T201
    sys.exit(error.exit_code)


def run() -> None:
    """Run the command; errors become one clear report and an exit status."""
    try:
        app()
    except LabError as error:
        _end(error)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001  (the last frame: a bug must end as the lab's fault, not the scenario's)
        if (lack := no_room(error)) is not None:
            _end(lack)
        import traceback

        print(f"lab error: this is a bug in the lab\n{traceback.format_exc()}", file=sys.stderr)  # noqa: T201
        sys.exit(LabError.exit_code)
