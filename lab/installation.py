"""Notices when another Python distribution has put files into the lab's own package folder.

The distribution ``lab`` of PyPI is another project with the same import name. In one environment, whichever of the two
is installed last replaces files of the other, and removing one breaks the other. Nothing of that is said by pip.
"""

from __future__ import annotations

import re
from pathlib import Path

import lab
from lab.errors import HostNotCapable

DISTRIBUTION = "sip-keepalive-lab"
_PACKAGE = Path(__file__).resolve().parent
_OTHER = "lab"
"""The one that is known; others are found by `owners`, which takes longer."""


def check() -> None:
    """Refuse to go on in a package folder that is not the lab's alone; quick, for every start.

    Raises:
        HostNotCapable: another distribution has files there.
    """
    if getattr(lab, "DISTRIBUTION", "") != DISTRIBUTION:
        raise _mixed("another distribution has replaced or removed files there")
    beside = [entry.name for entry in _PACKAGE.parent.glob(f"{_OTHER}-*.dist-info")]
    if beside:
        raise _mixed(f"the distribution `{_OTHER}` ({beside[0]}) has put files of its own there")


def check_all() -> None:
    """Do the same by the lists of files of all distributions.

    Raises:
        HostNotCapable: another distribution has files there.
    """
    check()
    if others := sorted(owners(_PACKAGE) - {DISTRIBUTION}):
        raise _mixed(f"{', '.join(others)} has put files of its own there")


def owners(package: Path) -> set[str]:
    """Return the distributions that have installed files into a package's folder, by their normalized names."""
    from importlib import metadata  # takes a tenth of what `lab --help` takes

    found = set()
    for distribution in metadata.distributions(path=[str(package.parent)]):
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
        if any(file.parts[0] == package.name and len(file.parts) > 1 for file in distribution.files or ()):
            found.add(name)
    return found


def _mixed(how: str) -> HostNotCapable:
    return HostNotCapable(
        f"{_PACKAGE} is not the lab's alone: {how}",
        fix=f"install {DISTRIBUTION} into an environment of its own (`pipx install {DISTRIBUTION}`, or a new venv);"
        f" here `pip uninstall` both, then install the one you want",
    )
