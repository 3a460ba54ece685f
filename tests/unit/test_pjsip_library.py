"""The checks that stand between the lab and a wheel it was not written for."""

from __future__ import annotations

import ctypes
import socket
import struct

import pytest

from lab.actors.pjsip.library import RELEASES, ConfigLayout, Library, Transport
from lab.actors.pjsip.machine_code import rewrite
from lab.errors import LabFault
from lab.model.endpoint import Endpoint

TSX_AT = 52
FRESH = (
    struct.pack("<13i", *[0, 1] * 6, 0)
    + struct.pack("<5I", 1023, 500, 4000, 5000, 32000)
    + struct.pack("<2i", 1, 0)
    + struct.pack("<2q", 90, 90)
)
"""A pjsip_sip_cfg_var nobody has touched, as 2.15.1 has it."""


def patched(at: int, data: bytes, of: bytes = FRESH) -> bytes:
    return of[:at] + data + of[at + len(data) :]


def test_the_layout_of_a_fresh_configuration() -> None:
    """Offsets as in sip_config.h of 2.15.1."""
    assert ConfigLayout.derive(FRESH, RELEASES["2.15.1"]) == ConfigLayout(
        tsx=TSX_AT, tcp_keep_alive=80, tls_keep_alive=88
    )


def test_the_wheel_passes() -> None:
    """The installed library has the size, the values and the version the layouts are written for."""
    library = Library()
    assert library.version == "2.15.1"
    assert library.config == ConfigLayout.derive(FRESH, RELEASES["2.15.1"])
    assert library.symbol_size("pjsip_sip_cfg_var") == len(FRESH)


def test_a_symbol_the_wheel_does_not_have() -> None:
    """It is named."""
    with pytest.raises(LabFault, match="`symbols` failed: no pjsip_no_such_thing"):
        Library().symbol_size("pjsip_no_such_thing")


def test_a_configuration_that_is_no_longer_fresh() -> None:
    """Somebody has set an interval before: the check refuses what it can no longer recognise."""
    library = Library()
    at = ctypes.addressof(ctypes.c_char.in_dll(ctypes.CDLL(_image()), "pjsip_sip_cfg_var"))
    interval = ctypes.c_long.from_address(at + library.config.tls_keep_alive)
    interval.value = 30
    try:
        with pytest.raises(LabFault, match="`tls keep-alive interval` failed: 30 s instead of 90 s"):
            Library()
    finally:
        interval.value = 90


@pytest.mark.parametrize(
    ("config", "check", "seen"),
    [
        (FRESH[:-8], "size of pjsip_sip_cfg_var", "88 bytes instead of 96"),
        (FRESH + bytes(8), "size of pjsip_sip_cfg_var", "104 bytes"),
        (patched(TSX_AT + 4, struct.pack("<I", 60000)), "transaction timers", "found 0 times"),
        (patched(4, FRESH[TSX_AT : TSX_AT + 20]), "transaction timers", "found 2 times"),
        (patched(0, bytes(2) + FRESH[:76] + bytes(2)), "order of fields", "offset 54"),
        (patched(80, struct.pack("<q", 30)), "tcp keep-alive interval", "30 s instead of 90 s"),
        (patched(88, struct.pack("<q", 0)), "tls keep-alive interval", "0 s instead of 90 s"),
    ],
)
def test_a_configuration_that_differs(config: bytes, check: str, seen: str) -> None:
    """Each difference is refused by the check made for it, which is named."""
    with pytest.raises(LabFault) as refused:
        ConfigLayout.derive(config, RELEASES["2.15.1"])
    assert f"`{check}` failed" in refused.value.operation
    assert seen in refused.value.detail


def transport_memory() -> bytes:
    memory = bytearray(Transport.SIZE)
    memory[0:32] = b"tlsc0x55d0c8".ljust(32, b"\0")
    memory[0x58:0x60] = sockaddr("203.0.113.10", 5061)
    memory[0x94:0x9C] = sockaddr("10.0.0.2", 40001)
    memory[0xE0:0xE4] = struct.pack("<i", 1)
    return bytes(memory)


def sockaddr(address: str, port: int, family: int = socket.AF_INET) -> bytes:
    return struct.pack("=H", family) + struct.pack("!H", port) + socket.inet_aton(address)


def test_a_transport() -> None:
    """Name, direction and both addresses."""
    assert Transport.read(transport_memory()) == Transport(
        "tlsc0x55d0c8", outgoing=True, local=Endpoint("10.0.0.2", 40001), remote=Endpoint("203.0.113.10", 5061)
    )


@pytest.mark.parametrize(
    ("at", "data", "check"),
    [
        (0, b"\x10\x20", "name of a transport"),
        (0xE0, struct.pack("<i", 3), "direction of a transport"),
        (0x58, sockaddr("0.0.0.0", 0, socket.AF_INET6), "address of a transport"),
        (0x94, bytes(8), "address of a transport"),
    ],
)
def test_memory_that_is_not_a_transport(at: int, data: bytes, check: str) -> None:
    """Each part that does not look right is refused by name."""
    with pytest.raises(LabFault, match=f"`{check}` failed"):
        Transport.read(patched(at, data, transport_memory()))


def _image() -> str:
    import pjsua2.pjsua2  # noqa: F401  (loads the extension)
    from pjsua2 import _pjsua2

    return str(_pjsua2.__file__)


def test_the_idle_time_is_found_and_rewritten_once() -> None:
    """One instruction of one function; where it is no longer what it was, it is not touched."""
    library = Library()
    library.set_idle_time(34)
    function = ctypes.cast(library.functions.pjsip_transport_dec_ref, ctypes.c_void_p).value or 0
    at = function + ctypes.string_at(function, library.symbol_size("pjsip_transport_dec_ref")).index(movq(34))
    try:
        with pytest.raises(LabFault, match=r"idle time in pjsip_transport_dec_ref.*48c7042421000000 0 times"):
            library.set_idle_time(35)
    finally:
        rewrite(at, movq(33))
    library.set_idle_time(33)


def movq(seconds: int) -> bytes:
    return bytes.fromhex("48c70424") + seconds.to_bytes(4, "little")


@pytest.mark.parametrize("seconds", [0, -1, 2**31])
def test_an_idle_time_that_cannot_be(seconds: int) -> None:
    """The instruction takes a signed int; 0 would end a connection in use."""
    with pytest.raises(LabFault, match="idle time"):
        Library().set_idle_time(seconds)


def test_no_pause_between_pings_is_refused() -> None:
    """0 switches pjsip's keep-alive off before it connects, and makes it send without a pause after."""
    with pytest.raises(LabFault, match="CRLF interval: 0 s"):
        Library().set_crlf_interval(0)
