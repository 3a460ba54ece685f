"""Texts of SIP messages in a record: once each, and whole when they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.record import message_texts
from lab.record.events import MessageText, ServerSipMessage, SipMessage
from lab.record.message_texts import BEGINNING, MessageTexts, whole_texts
from lab.record.reader import read
from lab.record.writer import FILE_NAME, RecordWriter
from tests.records import CLIENT, SERVER, cell

TEXT, OTHER = MessageText("OPTIONS sip:a SIP/2.0\r\n\r\n" + "x" * 65_000), MessageText("OPTIONS sip:b SIP/2.0\r\n\r\n")


def test_a_text_stands_in_the_record_once(tmp_path: Path) -> None:
    """However often a message is sent and received; each reader of the record has it whole."""
    writer = RecordWriter(tmp_path / FILE_NAME)
    for who, event in (
        (CLIENT, SipMessage(way="sent", text=TEXT)),
        (CLIENT, SipMessage(way="sent", text=TEXT)),
        (SERVER, ServerSipMessage(way="received", flow="f1", text=TEXT)),
        (SERVER, ServerSipMessage(way="received", flow="f1", text=OTHER)),
    ):
        writer.take(who, event)
    writer.close()
    assert (tmp_path / FILE_NAME).stat().st_size < len(TEXT) + 1000
    entries = read(tmp_path / FILE_NAME, cell())
    assert list(whole_texts(entries).values()) == [TEXT, TEXT, TEXT, OTHER]


def test_a_text_that_is_lost(tmp_path: Path) -> None:
    """The line that had it is damaged: the others say nothing instead of something wrong."""
    writer = RecordWriter(tmp_path / FILE_NAME)
    for _ in range(2):
        writer.take(CLIENT, SipMessage(way="sent", text=OTHER))
    writer.close()
    lines = (tmp_path / FILE_NAME).read_bytes().splitlines(keepends=True)
    (tmp_path / FILE_NAME).write_bytes(b"".join(lines[:1] + lines[2:]))
    assert list(whole_texts(read(tmp_path / FILE_NAME, cell())).values()) == [""]


def test_a_flood_does_not_fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound only the beginnings of new texts are kept; what one end sent is still what the other read."""
    monkeypatch.setattr(message_texts, "MOST_CHARACTERS", 3 * BEGINNING)
    texts = MessageTexts()
    first, second, third = (
        texts.once(ServerSipMessage(way="sent", flow="f1", text=MessageText(letter * 4 * BEGINNING)))
        for letter in "aba"
    )
    assert isinstance(first, ServerSipMessage)
    assert isinstance(second, ServerSipMessage)
    assert isinstance(third, ServerSipMessage)
    assert (len(first.text), first.cut) == (4 * BEGINNING, False)
    assert (second.text, second.cut) == ("b" * BEGINNING, True)
    again = texts.once(SipMessage(way="received", text=MessageText("b" * 4 * BEGINNING)))
    assert isinstance(again, SipMessage)
    assert (again.text, again.cut, bool(again.same)) == ("", True, True)
    assert (third.text, third.cut, bool(third.same)) == ("", False, True)
