"""The real pjsip as an actor.

Importing it loads the library; where that cannot be had, nothing of the lab can run, and the error says what to do.
"""

import sys

from lab.errors import HostNotCapable

try:
    import pjsua2.pjsua2  # noqa: F401  (every module of this package needs it)
except ImportError as _problem:
    raise HostNotCapable(
        f"the pjsip library cannot be loaded ({_problem})",
        fix=f"`{sys.executable} -m pip install --require-hashes -r requirements.lock`, as scripts/demo does (there are"
        " packages of pjsua2-python for x86-64 with glibc)",
    ) from _problem
