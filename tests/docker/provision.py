"""Images for tests; without them a test cannot be run, and says why."""

from __future__ import annotations

import functools
import os
from typing import NoReturn

import pytest

from lab.backends import images
from lab.errors import HostNotCapable
from lab.worlds import kernel


@functools.cache
def image(kind: str) -> str:
    """The name of an image of these sources; it is built if need be."""
    try:
        needs_kernel = kind == images.LAB and images.missing([kind])
        images.build([kind], kernel=kernel.build().parent if needs_kernel else None)
    except HostNotCapable as lack:
        unavailable(lack)
    return images.tag(kind)


def unavailable(lack: HostNotCapable) -> NoReturn:
    """Skip the test; fail it where nothing may be skipped."""
    if os.environ.get("CI"):
        pytest.fail(f"in CI nothing of Docker is skipped: {lack}")
    pytest.skip(str(lack))
