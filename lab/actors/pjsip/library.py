"""The pjsip library inside the pjsua2 wheel: what pjsua2's own interface does not offer, reached through its symbols.

The one module that knows addresses and layouts. The wheel exports its C symbols but comes without headers, so each
layout is checked against the running library before it is used; a wheel that differs ends in a ``LabFault`` naming the
check, never in a write to the wrong place.

Everything here must be called on the thread that created the endpoint: pjlib is built with assertions and aborts the
process otherwise, and also when a transport's reference is given back twice.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pjsua2.pjsua2 as _pj  # not `pjsua2` alone: that package loads its extension module lazily

from lab.actors.pjsip.guard import guarded
from lab.errors import LabFault

VERSION = "2.15.1"
"""The release whose layouts are written here."""

_CONFIG_SIZE = 96  # sizeof(pjsip_cfg_t), sip_config.h of 2.15.1, x86-64
_TSX_DEFAULTS = struct.pack("<5I", 1023, 500, 4000, 5000, 32000)  # max_count, t1, t2, t4, td: sip_config.h
_KEEP_ALIVE_S = 90  # PJSIP_TCP_KEEP_ALIVE_INTERVAL, PJSIP_TLS_KEEP_ALIVE_INTERVAL: sip_config.h
_LONG = struct.Struct("<q")

# struct pjsip_transport of 2.15.1, x86-64 (sip_transport.h)
_NAME_SIZE = 32  # PJ_MAX_OBJ_NAME
_AT_REFS, _AT_REMOTE, _AT_LOCAL, _AT_DIRECTION = 0x28, 0x58, 0x94, 0xE0
_SOCKADDR_IN = struct.Struct("=H2s4s")

_ALWAYS_ASYNC = 1 << 31  # PJ_IOQUEUE_ALWAYS_ASYNC: ioqueue.h
_PENDING = 70002  # PJ_EPENDING: errno.h
_OP_KEY_SIZE = 34 * 8  # sizeof(pj_ioqueue_op_key_t): ioqueue.h
_RECEIVE_SIZE = 65536
_POOL_SIZE = 1024

_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "pj_atomic_get": (ctypes.c_long, [ctypes.c_void_p]),
    "pj_get_version": (ctypes.c_char_p, []),
    "pj_ioqueue_op_key_init": (None, [ctypes.c_void_p, ctypes.c_size_t]),
    "pj_ioqueue_recv": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint],
    ),
    "pj_ioqueue_register_sock": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p],
    ),
    "pj_ioqueue_unregister": (ctypes.c_int, [ctypes.c_void_p]),
    "pj_srand": (None, [ctypes.c_uint]),
    "pjsip_endpt_get_ioqueue": (ctypes.c_void_p, [ctypes.c_void_p]),
    "pjsip_transport_add_ref": (ctypes.c_int, [ctypes.c_void_p]),
    "pjsip_transport_dec_ref": (ctypes.c_int, [ctypes.c_void_p]),
    "pjsua_get_pjsip_endpt": (ctypes.c_void_p, []),
    "pjsua_pool_create": (ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t]),
}


@dataclass(frozen=True, slots=True)
class ConfigLayout:
    """Where the fields of ``pjsip_sip_cfg_var`` are, in bytes from its start.

    Attributes:
        tsx: five unsigned ints: max_count, t1, t2, t4, td (the timers in milliseconds).
        tcp_keep_alive, tls_keep_alive: a long, in seconds.
    """

    tsx: int
    tcp_keep_alive: int
    tls_keep_alive: int

    @classmethod
    def derive(cls, config: bytes) -> ConfigLayout:
        """Find the fields by the values they have before anything is set.

        Raises:
            LabFault: the bytes are not a fresh ``pjsip_sip_cfg_var``; names the check that failed.
        """
        if len(config) != _CONFIG_SIZE:
            raise _check_failed("size of pjsip_sip_cfg_var", f"{len(config)} bytes instead of {_CONFIG_SIZE}")
        found = [at for at in range(len(config)) if config.startswith(_TSX_DEFAULTS, at)]
        if len(found) != 1:
            raise _check_failed("transaction timers", f"their defaults were found {len(found)} times instead of once")
        (tsx,) = found
        tcp, tls = _CONFIG_SIZE - 2 * _LONG.size, _CONFIG_SIZE - _LONG.size
        after_tsx = tsx + len(_TSX_DEFAULTS) + 2 * 4  # regc.check_contact, regc.add_xuid_param
        if tsx % 4 or after_tsx > tcp:
            raise _check_failed("order of fields", f"transaction timers at offset {tsx}")
        for name, at in (("tcp", tcp), ("tls", tls)):
            (interval,) = _LONG.unpack_from(config, at)
            if interval != _KEEP_ALIVE_S:
                raise _check_failed(f"{name} keep-alive interval", f"{interval} s instead of {_KEEP_ALIVE_S} s")
        return cls(tsx=tsx, tcp_keep_alive=tcp, tls_keep_alive=tls)


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport as the library sees it.

    Attributes:
        name: as in the library's log, such as ``tlsc0x55d0c8``.
        outgoing: connected by us (its idle timer is 33 s; 600 s if the other side connected).
        local, remote: ``address:port``.
    """

    name: str
    outgoing: bool
    local: str
    remote: str

    @classmethod
    def read(cls, memory: bytes) -> Transport:
        """Read the head of a ``pjsip_transport``.

        Raises:
            LabFault: the bytes are not one for TCP or TLS over IPv4; names the check that failed.
        """
        name = memory[:_NAME_SIZE].split(b"\0", 1)[0]
        if not name.startswith((b"tcp", b"tls")):
            raise _check_failed("name of a transport", repr(name))
        (direction,) = struct.unpack_from("<i", memory, _AT_DIRECTION)
        if direction not in (1, 2):  # PJSIP_TP_DIR_OUTGOING, PJSIP_TP_DIR_INCOMING
            raise _check_failed("direction of a transport", str(direction))
        addresses = []
        for at in (_AT_LOCAL, _AT_REMOTE):
            family, port, address = _SOCKADDR_IN.unpack_from(memory, at)
            if family != socket.AF_INET:
                raise _check_failed("address of a transport", f"family {family} instead of {socket.AF_INET.value}")
            addresses.append(f"{socket.inet_ntoa(address)}:{int.from_bytes(port, 'big')}")
        return cls(name.decode("ascii"), direction == 1, *addresses)

    SIZE = _AT_DIRECTION + 4


class Library:
    """The one loaded library, checked.

    Raises:
        LabFault: it is not the one this module was written for.
    """

    def __init__(self) -> None:
        # PyDLL keeps the interpreter lock: these functions log, and the log writer is Python.
        self._lib = ctypes.PyDLL(sys.modules["pjsua2._pjsua2"].__file__)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = self._symbol(name)
            function.restype, function.argtypes = result, arguments
        self.version = str(self._lib.pj_get_version().decode())
        if self.version != VERSION:
            raise _check_failed("version", f"{self.version} instead of {VERSION}")
        config = ctypes.addressof(ctypes.c_char.in_dll(self._lib, "pjsip_sip_cfg_var"))
        self.config = ConfigLayout.derive(ctypes.string_at(config, self.symbol_size("pjsip_sip_cfg_var")))

    def symbol_size(self, name: str) -> int:
        """``st_size`` of a data symbol in the library's dynamic symbol table.

        Raises:
            LabFault: there is no such symbol.
        """
        address = ctypes.cast(self._symbol(name), ctypes.c_void_p).value
        return _symbol_size(address or 0, name)

    def seed(self, seed: int) -> None:
        """Seed pjlib's random numbers: Call-IDs, tags, branches, jitter."""
        self._lib.pj_srand(seed)

    def add_transport_ref(self, transport: int) -> None:
        """``pjsip_transport_add_ref``."""
        _expect("pjsip_transport_add_ref", self._lib.pjsip_transport_add_ref(transport))

    def release_transport_ref(self, transport: int) -> None:
        """``pjsip_transport_dec_ref``: once for each reference added; one too many aborts the process."""
        self._lib.pjsip_transport_dec_ref(transport)  # its status is PJ_SUCCESS always

    def transport_refs(self, transport: int) -> int:
        """The number of references to a transport; at 0 its idle timer runs."""
        counter = ctypes.c_void_p.from_address(transport + _AT_REFS).value
        return int(self._lib.pj_atomic_get(counter))

    def transport(self, transport: int) -> Transport:
        """Read a transport that pjsip has just spoken of.

        Raises:
            LabFault: what is there is not a transport.
        """
        return Transport.read(ctypes.string_at(transport, Transport.SIZE))

    def receive(self, sock: socket.socket, on_data: Callable[[bytes], None]) -> Receiver:
        """Have pjsip's event loop read a stream socket; needs an initialised endpoint."""
        return Receiver(self._lib, sock, on_data)

    def _symbol(self, name: str) -> Any:
        try:
            return getattr(self._lib, name)  # kept: each look-up by index would be a new, undeclared function
        except AttributeError:
            raise _check_failed("symbols", f"no {name}") from None


_ON_READ = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t)


class _IoqueueCallback(ctypes.Structure):
    """``pj_ioqueue_callback``."""

    _fields_ = (
        ("on_read_complete", _ON_READ),
        ("on_write_complete", ctypes.c_void_p),
        ("on_accept_complete", ctypes.c_void_p),
        ("on_connect_complete", ctypes.c_void_p),
    )


class Receiver:
    """A stream socket in pjsip's I/O queue: whatever arrives on it ends a waiting ``libHandleEvents`` at once.

    ``on_data`` gets each piece, and ``b""`` once at the end of the stream.
    """

    def __init__(self, lib: ctypes.PyDLL, sock: socket.socket, on_data: Callable[[bytes], None]) -> None:
        self._lib = lib
        self._on_data = on_data
        self._buffer = ctypes.create_string_buffer(_RECEIVE_SIZE)
        self._length = ctypes.c_ssize_t()
        self._operation = ctypes.create_string_buffer(_OP_KEY_SIZE)
        self._callback = _IoqueueCallback(on_read_complete=_ON_READ(self._on_read))
        self._key = ctypes.c_void_p()
        lib.pj_ioqueue_op_key_init(self._operation, _OP_KEY_SIZE)
        pool = lib.pjsua_pool_create(b"receiver", _POOL_SIZE, _POOL_SIZE)
        queue = lib.pjsip_endpt_get_ioqueue(lib.pjsua_get_pjsip_endpt())
        _expect(
            "pj_ioqueue_register_sock",
            lib.pj_ioqueue_register_sock(
                pool,
                queue,
                os.dup(sock.fileno()),  # the queue closes it when it is unregistered
                None,
                ctypes.byref(self._callback),
                ctypes.byref(self._key),
            ),
        )
        self._receive()

    def close(self) -> None:
        """Take the socket out of the I/O queue; the caller's own descriptor stays open."""
        _expect("pj_ioqueue_unregister", self._lib.pj_ioqueue_unregister(self._key))

    def _receive(self) -> None:
        # Always asynchronous: the queue then reads only what select() has announced, so that the socket may be
        # blocking, as the sending side of the channel makes it.
        self._length.value = _RECEIVE_SIZE
        status = self._lib.pj_ioqueue_recv(
            self._key, self._operation, self._buffer, ctypes.byref(self._length), _ALWAYS_ASYNC
        )
        if status != _PENDING:
            raise LabFault("pj_ioqueue_recv", detail=f"status {status} instead of pending ({_PENDING})")

    @guarded
    def _on_read(self, _key: int, _operation: int, received: int) -> None:
        if received > 0:
            self._on_data(self._buffer.raw[:received])
            self._receive()
        else:
            self._on_data(b"")


class _DlInfo(ctypes.Structure):
    """``Dl_info``: <dlfcn.h>."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


class _ElfSymbol(ctypes.Structure):
    """``Elf64_Sym``: <elf.h>."""

    _fields_ = (
        ("name", ctypes.c_uint32),
        ("info", ctypes.c_uint8),
        ("other", ctypes.c_uint8),
        ("section", ctypes.c_uint16),
        ("value", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
    )


_RTLD_DL_SYMENT = 1  # <dlfcn.h>


def _symbol_size(address: int, name: str) -> int:
    info, entry = _DlInfo(), ctypes.POINTER(_ElfSymbol)()
    libc = ctypes.CDLL(None)
    libc.dladdr1.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    if not libc.dladdr1(address, ctypes.byref(info), ctypes.byref(entry), _RTLD_DL_SYMENT):
        raise _check_failed(f"size of {name}", "the dynamic linker does not know the address")
    if info.symbol != name.encode() or info.address != address:
        raise _check_failed(f"size of {name}", f"the symbol at its address is {info.symbol!r}")
    return int(entry.contents.size)


def _check_failed(check: str, seen: str) -> LabFault:
    return LabFault(
        f"pjsip library check `{check}` failed", detail=f"{seen}; the lab is written for pjsua2-python {VERSION}"
    )


def _expect(function: str, status: int) -> None:
    if status != 0:
        raise LabFault(function, detail=f"status {status}: {_pj.Endpoint.instance().utilStrError(status)}")


def use_hosts_file_only() -> None:
    """Have this process look up names in ``/etc/hosts`` alone.

    pjsip looks up the host's own name when a transport is made. A node has no name servers; where the host's
    configuration names some, the look-up would wait for their answers for seconds, and its packets would cross the
    network under test.

    Raises:
        LabFault: the C library refused.
    """
    configure = getattr(ctypes.CDLL(None), "__nss_configure_lookup")  # glibc, <nss.h>
    if configure(b"hosts", b"files") != 0:
        raise LabFault("__nss_configure_lookup", detail="the C library does not accept `hosts: files`")
