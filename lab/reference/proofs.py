"""Writes the table of ``docs/report.md`` that lists the proof of each fault, read from the fault modules.

``python -m lab.reference.proofs docs/report.md`` replaces the part of the page between the two marks.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import msgspec

from lab.docstrings import attributes_of, paragraphs
from lab.faults import catalog

BEGIN = "<!-- proofs: written by python -m lab.reference.proofs docs/report.md -->\n"
END = "<!-- end of proofs -->\n"


def table() -> str:
    """Return the table: one row for each fault, by its class in ``lab/faults``."""
    rows = (f"| `{cls.__name__}` | {_proof(cls.Proof)} |\n" for cls in catalog.classes().values())
    return "".join(("| fault | proof that it took effect |\n", "|---|---|\n", *rows))


def with_table(page: str) -> str:
    """Return a page with the present table between its marks.

    Raises:
        ValueError: the page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no marks of the table of proofs")
    return f"{before}{begin}{table()}{end}{after}"


def _proof(proof: type[msgspec.Struct]) -> str:
    what, _, attributes = inspect.cleandoc(proof.__doc__ or "").partition("Attributes:\n")
    meanings = attributes_of(attributes)
    keys = [field.encode_name for field in msgspec.structs.fields(proof)]
    parts = [f"`{key}`: {meanings[key].rstrip('.')}" if key in meanings else f"`{key}`" for key in keys]
    sentence = " ".join(paragraphs(what).split()).rstrip(".")
    return f"{sentence}: {'; '.join(parts)}".replace("|", "\\|")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.write_text(with_table(place.read_text("utf-8")), "utf-8")
