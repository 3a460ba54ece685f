"""Keeps the text of a SIP message once in a record, for it is sent, sent again and received with the same text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from lab.record.entry import Entry
from lab.record.events import Event, MessageText, ServerSipMessage, SipMessage

_DIGEST_BYTES = 8
"""Two of a million different texts share such a digest with a probability of one in 37 million."""

MOST_CHARACTERS = 16 << 20
"""Of all texts together; a day of pings every five seconds makes as much."""
BEGINNING = 1000
"""Characters of a text that are kept beyond that: the headers that identify a message, as a rule."""


class MessageTexts:
    """The texts that a record has so far; a client that floods its server does not fill the disk with them."""

    def __init__(self) -> None:
        self._written: set[str] = set()
        self._left = MOST_CHARACTERS

    def once(self, event: Event) -> Event:
        """Return the event; of a message whose text was written before, with its digest instead."""
        if not isinstance(event, SipMessage | ServerSipMessage) or not event.text:
            return event
        digest = _digest(event.text)
        if digest not in self._written and self._left <= 0 and len(event.text) > BEGINNING:
            event = msgspec.structs.replace(event, text=MessageText(event.text[:BEGINNING]), cut=True)
            digest = _digest(event.text)
        if digest in self._written:
            return msgspec.structs.replace(event, text=MessageText(""), same=digest)
        self._written.add(digest)
        self._left -= len(event.text)
        return event


def whole_texts(entries: Iterable[Entry[Event]]) -> dict[int, str]:
    """Return the texts of all messages of a record, by line; empty of one whose text the record has lost."""
    messages = [
        (entry.line, entry.event) for entry in entries if isinstance(entry.event, SipMessage | ServerSipMessage)
    ]
    texts = {_digest(event.text): event.text for _, event in messages if event.text}
    return {line: event.text or texts.get(event.same, "") for line, event in messages}


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
