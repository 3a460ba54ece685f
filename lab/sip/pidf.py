"""Makes presence bodies (RFC 3863)."""

from __future__ import annotations

CONTENT_TYPE = "application/pidf+xml"
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def pidf(entity: str, note: str) -> bytes:
    """Return a document saying that ``entity`` (a URI) is open, with ``note`` in its tuple unless empty.

    The note is in the tuple because that is where pjsip looks for it when there is no ``<person>``.
    """
    inner = f"<note>{note.translate(_ESCAPES)}</note>" if note else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{entity.translate(_ESCAPES)}">'
        f'<tuple id="lab"><status><basic>open</basic></status>{inner}</tuple></presence>\r\n'
    ).encode()
