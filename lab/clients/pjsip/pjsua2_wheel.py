"""Loads pjsip; if it cannot be loaded, the error says what to do."""

import sys

from lab.clients.pjsip.releases import DEFAULT, RELEASES
from lab.errors import HostNotCapable

try:
    import pjsua2.pjsua2 as pj
except ImportError as _problem:
    raise HostNotCapable(
        f"the pjsip library cannot be loaded ({_problem})",
        fix=f"`{sys.executable} -m pip install pjsua2-python=={RELEASES[DEFAULT].package}` (its packages are for"
        " CPython 3.10 to 3.12 on x86-64 with glibc)",
    ) from _problem

__all__ = ["pj"]
