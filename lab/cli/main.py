"""Runs the command ``lab``.

Each command is a module of ``lab.cli.commands``: its options and its help. What it does stands in the module of that
name in ``lab.cli``, which is imported when the command runs: ``lab --help`` must not wait for heavy modules.
"""

from __future__ import annotations

from importlib import import_module

from lab.cli.app import COMMANDS, app
from lab.cli.ending import reported

__all__ = ["COMMANDS", "app", "run"]

for _name in COMMANDS:
    import_module(f"lab.cli.commands.{_name.replace('-', '_')}")


def run() -> None:
    """Run the command; errors become one clear report and an exit status."""
    reported(app)
