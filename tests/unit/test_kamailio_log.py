"""Kamailio's log: lines of the lab's, and handshakes that fail."""

from __future__ import annotations

import base64
import re

import pytest

from lab.servers.kamailio import log
from lab.servers.kamailio.config import TEMPLATE


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_line_of_ours() -> None:
    line = (
        f" 6(17) NOTICE: @lab request at=12.5 method={coded('SUBSCRIBE')} flow=tls:1.2.3.4:5 cseq=7 connection=<null>"
    )
    told = log.parse(line.encode())
    assert told == log.LogLine("request", 12.5, {"method": "SUBSCRIBE", "flow": "tls:1.2.3.4:5", "cseq": "7"})
    assert told.number("connection") == 0
    assert told.get("contact") == ""


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" 0(1) INFO: tls [tls_mod.c:399]: mod_init(): use OpenSSL version: 30000070",
        b"@lab request method=x",  # without its time
        b"@lab request at=1.5 method=%%%%",  # damaged
    ],
)
def test_other_lines(line: bytes) -> None:
    assert log.parse(line) is None


def test_a_peer_cannot_write_fields() -> None:
    """What a peer says is in base64, whatever it looks like."""
    told = log.parse(f"@lab request at=1.5 contact={coded('x cseq=9')} cseq=1".encode())
    assert told is not None
    assert told.number("cseq") == 1
    assert told.get("contact") == "x cseq=9"


def refusal(process: str, reason: str) -> bytes:
    error = f"TLS accept:error:0A000086:SSL routines::{reason} (sni: unknown)"
    return f" {process} ERROR: tls [tls_util.h:50]: tls_err_ret(): {error}".encode()


def end(process: str, which: str) -> bytes:
    return f" {process} ERROR: tls [tls_server.c:1334]: tls_h_read_f(): {which}".encode()


def test_a_handshake_that_fails_is_told_with_its_reason_and_whose_it_was() -> None:
    """Each process writes three lines; those of two may come in any order."""
    handshakes = log.Handshakes()
    own = "dst addr: 203.0.113.10:5061"
    for line in (
        refusal("6(17)", "certificate verify failed"),
        refusal("7(18)", "sslv3 alert certificate expired"),
        end("6(17)", "src addr: 198.51.100.2:40000"),
        end("7(18)", "src addr: 198.51.100.2:40001"),
    ):
        assert handshakes.read(line) is None
    second = handshakes.read(end("7(18)", own))
    assert second == log.HandshakeFailure("tls:198.51.100.2:40001/203.0.113.10:5061", "sslv3 alert certificate expired")
    first = handshakes.read(end("6(17)", own))
    assert first == log.HandshakeFailure("tls:198.51.100.2:40000/203.0.113.10:5061", "certificate verify failed")
    assert handshakes.read(end("6(17)", own)) is None  # it has been told


def test_no_field_is_plain_in_one_line_and_encoded_in_another() -> None:
    """A field is known by its name alone, so it must be written alike in all lines of the configuration."""
    text = TEMPLATE.read_text("utf-8")
    encoded = set(re.findall(r" (\w+)=\$\((?:[^()]|\([^()]*\))*\{s\.encode\.base64\}\)", text))
    assert {"way", "method", "call_id"} <= encoded
    assert not encoded & log.PLAIN
