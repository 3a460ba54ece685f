"""Packs data for the page: in HTML as they are, or deflated in base64, which the page unpacks when it needs them."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from typing import Any

from markupsafe import Markup

from lab.visible_text import all_visible

_LEVEL = 9
"""Of zlib: the best. A cell takes some milliseconds, and the page is kept and sent."""


def embedded(value: Any) -> Markup:
    """Return JSON for a data block of the page; nothing in it can end the block."""
    text = json.dumps(all_visible(value), separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def packed(value: Any) -> str:
    """Return JSON, deflated, in base64."""
    text = json.dumps(all_visible(value), separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), _LEVEL)).decode()


def digest(text: str) -> str:
    """Return the digest by which the page's security policy knows a script or a style."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
