"""``lab exec`` and ``lab shell``: a command or a shell in a node of a lab that is up."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from lab.errors import Problem, ScenarioError
from lab.live_lab import node_command, registry
from lab.live_lab.registry import Entry
from lab.loader.conversion import choice

USUAL_SHELL = "/bin/sh"
_NODE = "LAB_NODE"
"""Environment variable: the name of the node in which a command runs."""


def execute(node: str, command: Sequence[str], *, name: str) -> int:
    """Run a command in a node; return its exit status.

    Raises:
        ScenarioError: there is no such lab, or no such node in it.
    """
    lab = _with_node(name, node, "lab exec")
    return node_command.run(lab, node, command, {_NODE: node})


def shell(node: str, *, name: str) -> int:
    """Open a shell in a node; return its exit status.

    Raises:
        ScenarioError: there is no such lab, or no such node in it.
    """
    lab = _with_node(name, node, "lab shell")
    if sys.stdin.isatty():
        sys.stderr.write(f"in node {node} of lab {name}; `exit` leaves it\n")
    return node_command.run(lab, node, [os.environ.get("SHELL") or USUAL_SHELL], {_NODE: node})


def _with_node(name: str, node: str, command: str) -> Entry:
    lab = registry.find(name, command)
    if node not in lab.nodes:
        raise ScenarioError([Problem(command, 0, "NODE", "no such node", f"`{node}`", choice(node, lab.nodes))])
    return lab
