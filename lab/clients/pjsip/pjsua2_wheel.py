"""Loads pjsip itself; where that cannot be had, nothing of this client can run, and the error says what to do."""

import sys

from lab.errors import HostNotCapable

try:
    import pjsua2.pjsua2 as pj
except ImportError as _problem:
    raise HostNotCapable(
        f"the pjsip library cannot be loaded ({_problem})",
        fix=f"`{sys.executable} -m pip install --require-hashes -r requirements.lock`, as scripts/demo does (there are"
        " packages of pjsua2-python for x86-64 with glibc)",
    ) from _problem

__all__ = ["pj"]
