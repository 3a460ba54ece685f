"""Installs SIP.js: ``python -m lab.clients.sipjs.install``."""

from __future__ import annotations

import sys

from lab.clients.sipjs import packages
from lab.errors import HostNotCapable


def main() -> int:
    """Install it; 3 if this machine cannot."""
    try:
        sys.stdout.write(f"SIP.js is in {packages.install()}\n")
    except HostNotCapable as problem:
        sys.stderr.write(f"host error: {problem}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
