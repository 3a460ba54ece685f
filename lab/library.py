"""Finds the files that come with the lab besides its modules: topologies, scenarios, and what images are built from.

In a checkout they lie beside the package, in an installed package in a folder of its own (``pyproject.toml`` puts them
there).
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_library"
_SUFFIX = ".yaml"


def root() -> Path:
    """Return the folder that has ``topologies``, ``scenarios``, ``docker`` and the lock file."""
    return _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent


def topologies_folder() -> Path:
    """Return the folder of the networks that come with the lab."""
    return root() / "topologies"


def topologies() -> dict[str, Path]:
    """Return the networks that come with the lab, by name."""
    return {path.stem: path for path in sorted(topologies_folder().glob(f"*{_SUFFIX}"))}


def scenarios() -> dict[str, Path]:
    """Return the scenarios that come with the lab, by name, such as ``article/idle-subscription``."""
    folder = root() / "scenarios"
    files = sorted(folder.rglob(f"*{_SUFFIX}"))
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}


def scenario_name(text: str) -> str:
    """Return what a scenario's name would be if ``text`` were its path: ``scenarios/field/x.yaml`` is ``field/x``."""
    return text.rpartition("scenarios/")[2].removesuffix(_SUFFIX)


def files(*names: str) -> dict[str, Path]:
    """Return files by their names in a checkout.

    Args:
        names: of files and folders there, such as ``docker/Dockerfile``; ``lab`` is the package.
    """
    found: dict[str, Path] = {}
    for name in names:
        place = _PACKAGE if name == "lab" else root() / name
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            installed = name == "lab" and _INSTALLED in path.parents
            if path.is_file() and "__pycache__" not in path.parts and not installed:
                found[str(Path(name) / path.relative_to(place))] = path
    return found
