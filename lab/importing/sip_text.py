"""Reads SIP messages as they come in the field, and keeps no personal data of them.

The lab's own parser (``lab.sip.message``) refuses what a peer must not send; here a message with defects is still one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

LARGEST = 65_535
"""Bytes of one message that are waited for."""

_START = re.compile(rb"(?:[A-Z]{3,12} [^\r\n ]{1,2000} SIP/2\.0|SIP/2\.0 [1-6]\d\d[ \r\n])")
_METHOD = re.compile(r"[A-Z]{3,12}", re.ASCII)
_COMPACT = {
    "f": "from", "t": "to", "i": "call-id", "v": "via", "m": "contact", "l": "content-length", "o": "event",
    "u": "allow-events", "k": "supported", "x": "session-expires",
}  # fmt: skip
_ADDRESS = re.compile(r"(?:sips?|tel):([^>;?\s,]+)", re.IGNORECASE)
_PARAMETER = r"[;,\s]{}\s*=\s*\"?([\w.+-]+)"
_BRANCH = re.compile(r";\s*branch\s*=\s*([^;,\s]+)", re.IGNORECASE)
_TAG = re.compile(r";\s*tag\s*=", re.IGNORECASE)
_EXPIRES = re.compile(r";\s*expires\s*=\s*\"?(\d{1,10})", re.IGNORECASE)
_REG_ID = re.compile(r";\s*reg-id\s*=", re.IGNORECASE)
_DIGITS = re.compile(r"\s*(\d{1,10})", re.ASCII)
_CSEQ = re.compile(r"\s*(\d{1,10})\s+([A-Za-z]{3,12})", re.ASCII)
EVENTS = ("presence", "dialog", "message-summary", "reg", "presence.winfo", "conference", "refer", "keep-alive")
"""Event packages whose names are kept (IANA SIP Event Packages; `keep-alive` is Asterisk's and others')."""
PRODUCTS = {
    "pjsip": "pjsua pjsip", "baresip": "baresip", "linphone": "linphone belle-sip", "sipjs": "sip.js", "jssip": "jssip",
    "kamailio": "kamailio", "opensips": "opensips opensser openser", "asterisk": "asterisk fpbx", "sipp": "sipp",
    "freeswitch": "freeswitch", "sofia-sip": "sofia-sip",
}  # fmt: skip
"""Programs, and the words by which they name themselves."""


def begins_sip(data: bytes) -> bool:
    """Return whether bytes begin with the first line of a SIP message."""
    return _START.match(data) is not None


def next_start(data: bytes | bytearray) -> int:
    """Return where a SIP message begins in bytes; -1: nowhere."""
    found = _START.search(data)
    return -1 if found is None else found.start()


def content_length(head: bytes) -> int | None:
    """Return the Content-Length of a header section; None: it has none."""
    found = re.search(rb"(?:^|\n)(?:content-length|l)\s*:\s*(\d{1,10})\s*(?:\r|\n|$)", head, re.IGNORECASE)
    return None if found is None else int(found[1])


def read_message(data: bytes, pseudonym: Callable[[str], str]) -> dict[str, Any] | None:
    """Return the fields of `facts.Message` that bytes have; None: they are no SIP message."""
    if not begins_sip(data):
        return None
    head = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0].decode("utf-8", "replace")
    lines = re.sub(r"\r?\n[ \t]+", " ", head).splitlines()
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if colon:
            headers.setdefault(_COMPACT.get(name, name), []).append(value.strip())

    def first(name: str) -> str:
        return headers.get(name, [""])[0]

    code = int(lines[0].split()[1]) if lines[0].startswith("SIP/") else 0
    cseq = _CSEQ.match(first("cseq"))
    method = cseq[2].upper() if cseq else ("" if code else lines[0].split()[0])
    if not _METHOD.fullmatch(method):
        return None
    branch = _BRANCH.search(first("via"))
    contacts = headers.get("contact", [])
    event = first("event").partition(";")[0].strip().lower()
    state = first("subscription-state")
    challenged = ("authorization", "proxy-authorization") if not code else ("www-authenticate", "proxy-authenticate")
    contact_address = _ADDRESS.search(contacts[0]) if contacts else None
    return {
        "method": method,
        "code": code,
        "cseq": int(cseq[1]) if cseq else 0,
        "call": pseudonym(first("call-id")),
        "branch": pseudonym(branch[1]) if branch else "",
        "caller": pseudonym(_record(first("from"))),
        "called": pseudonym(_record(first("to"))),
        "expires": _expires(method, contacts, first("expires"), state),
        "contacts": sum(len(re.findall(r"sips?:|^\s*\*", each, re.IGNORECASE)) for each in contacts),
        "contact": pseudonym(contact_address[1].rpartition("@")[2].lower()) if contact_address else "",
        "in_dialog": not code and _TAG.search(first("to")) is not None,
        "event": event if event in EVENTS else "",
        "terminated": state.lower().startswith("terminated"),
        "flow_timer": _number(first("flow-timer")) if code else None,
        "min_expires": _number(first("min-expires")) if code else None,
        "retry_after": _number(first("retry-after")) if code else None,
        "outbound": _REG_ID.search(first("contact")) is not None if not code else "outbound" in first("require"),
        "challenge": any(name in headers for name in challenged),
        "product": product(first("user-agent") or first("server")),
        "size": len(data),
    }


def product(text: str) -> str:
    """Return the program that a User-Agent or Server names, if it is a known one."""
    low = text.lower()
    return next((name for name, words in PRODUCTS.items() if any(word in low for word in words.split())), "")


def _record(value: str) -> str:
    """Return the address of record in From or To: user and host, without port and parameters."""
    found = _ADDRESS.search(value)
    if found is None:
        return ""
    user, at, host = found[1].rpartition("@")
    host = host.lower()
    return f"{user.partition(':')[0]}{at}{host if host.startswith('[') else host.partition(':')[0]}"


def _expires(method: str, contacts: list[str], header: str, state: str) -> int | None:
    """Return what a message says of the time; of a REGISTER the Contact goes first (RFC 3261 §10.2.1.1)."""
    if state:
        found = _EXPIRES.search(state)
        return int(found[1]) if found else None
    if method == "REGISTER":
        for each in contacts:
            if found := _EXPIRES.search(each):
                return int(found[1])
    return _number(header)


def _number(text: str) -> int | None:
    found = _DIGITS.match(text)
    return int(found[1]) if found else None
