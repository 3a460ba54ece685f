"""Ends the process when a callback from C fails, because an exception cannot pass through a C library."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from lab.errors import LabFault

P = ParamSpec("P")
R = TypeVar("R")


def guarded(callback: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function that C calls: if it raises, write the traceback to stderr and exit as a lab fault."""

    @functools.wraps(callback)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return callback(*args, **kwargs)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)  # the runner is gone, as at the end of the command socket
        except BaseException:  # noqa: BLE001  (nobody above could catch it)
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(LabFault.exit_code)

    return call
