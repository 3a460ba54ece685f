"""Starts Python programs so that they import nothing from the current folder, nor from where a script or scenario lies.

``python -m`` and ``python -c`` search the current folder first, so a ``struct.py`` that lies there would run, even as
root. The lab starts every program with ``-I``, which searches neither that folder nor PYTHONPATH, and hands over the
folders to search. (``-P`` says the same, but Python 3.10 does not know it.)
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from pathlib import Path

import lab

_RUN_MODULE = (
    "import json, runpy, sys; first, last = json.loads(sys.argv.pop(1)); module = sys.argv.pop(1);"
    " sys.path[:] = first + [each for each in sys.path if each not in first] + last;"
    " runpy.run_module(module, run_name='__main__', alter_sys=True)"
)
_OWN_FOLDER = str(Path(lab.__file__).parents[1])


def module_command(module: str, *arguments: str, first: tuple[str, ...] = (), python: str = "") -> list[str]:
    """Return the command line that runs a module as a program.

    Args:
        module: its name.
        arguments: the program's.
        first: folders to search before all others.
        python: the interpreter; empty: this one, which searches what this process does. Another one searches its own
            folders and the lab's.
    """
    folders = (first, (_OWN_FOLDER,)) if python else ((*first, *module_folders()), ())
    return [python or sys.executable, "-I", "-u", "-c", _RUN_MODULE, json.dumps(folders), module, *arguments]


def pip_command(*arguments: str, python: str = "") -> list[str]:
    """Return the command line of an interpreter's pip; ``python`` empty: of this one's."""
    return [python or sys.executable, "-I", "-m", "pip", *arguments]


def module_folders() -> tuple[str, ...]:
    """Return the folders where this process searches modules, without the current folder and that of its script.

    The lab's own folder is among them, last where it would be left out.
    """
    unwanted = {_current_folder(), _script_folder()} - set(sysconfig.get_paths().values())
    found = [entry for entry in sys.path if Path(entry).is_absolute() and entry not in unwanted]
    return (*found, *(() if _OWN_FOLDER in found else (_OWN_FOLDER,)))


def program_folders() -> tuple[str, ...]:
    """Return the folders of PATH, without those that are relative, hence depend on the current folder."""
    return tuple(each for each in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(each).is_absolute())


def _current_folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was deleted
        return ""


def _script_folder() -> str:
    script = getattr(sys.modules["__main__"], "__file__", None)
    return str(Path(os.path.abspath(script)).parent) if script else ""  # noqa: PTH100  (as Python does: links stay)
