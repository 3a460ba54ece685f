"""STUN binding requests and their answers."""

from __future__ import annotations

import pytest

from lab.sip.stun import binding_response

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
REQUEST = bytes.fromhex("000100002112a442") + TRANSACTION


def test_the_example_of_the_rfc() -> None:
    """RFC 5769 §2.2: 192.0.2.1:32853 is written so, here without the attributes that are optional."""
    answer = binding_response(REQUEST, ("192.0.2.1", 32853))
    assert answer == bytes.fromhex("0101000c2112a442") + TRANSACTION + bytes.fromhex("002000080001a147e112a643")


def test_attributes_are_allowed() -> None:
    """baresip names its software."""
    more = bytes.fromhex("000100082112a442") + TRANSACTION + bytes.fromhex("80220004") + b"lab "
    assert binding_response(more, ("192.0.2.1", 1)) is not None


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        REQUEST[:-1],
        REQUEST + b"\0",
        b"\x01\x01" + REQUEST[2:],  # a response
        REQUEST[:4] + b"\0\0\0\0" + REQUEST[8:],  # no cookie
        b"OPTIONS sip:x SIP/2.0\r\n\r\n",
    ],
)
def test_all_else_is_none(datagram: bytes) -> None:
    assert binding_response(datagram, ("192.0.2.1", 1)) is None
