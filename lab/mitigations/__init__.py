"""Contains the mitigations: mechanisms that may keep a client reachable, one file each."""

from lab.mitigations.catalog import classes

__all__ = ["classes"]
