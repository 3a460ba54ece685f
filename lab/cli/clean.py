"""``lab clean``: undoes what killed runs have left."""

from __future__ import annotations

from lab import leftovers
from lab.backends import daemon
from lab.errors import TeardownIncomplete
from lab.live_lab import registry
from lab.report import terminal


def clean() -> None:
    """Undo what can be undone and say so.

    Raises:
        TeardownIncomplete: something could not be undone; everything else was.
    """
    console = terminal.console(stderr=False)
    cleaned = leftovers.clean(daemon.remove_containers)
    cleaned.undone += [f"removed the entry of lab {name}, which is not up any more" for name in registry.prune()]
    for sentence in (*cleaned.undone, *cleaned.elsewhere):
        console.print(sentence, soft_wrap=True, markup=False)
    if cleaned.left:
        raise TeardownIncomplete(tuple(cleaned.left))
    if not cleaned.undone:
        console.print("nothing to clean")
