"""Lets pjsip's event loop read streams, so that arriving data ends a waiting ``libHandleEvents`` at once."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Callable

from lab.clients.callback_guard import guarded
from lab.clients.pjsip.library import Library, expect
from lab.errors import LabFault

_ALWAYS_ASYNC = 1 << 31  # PJ_IOQUEUE_ALWAYS_ASYNC: ioqueue.h
_PENDING = 70002  # PJ_EPENDING: errno.h
_OP_KEY_SIZE = 34 * 8  # sizeof(pj_ioqueue_op_key_t): ioqueue.h
_RECEIVE_SIZE = 65536

_ON_READ = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t)
_ON_CONNECT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int)


class _IoqueueCallback(ctypes.Structure):
    """``pj_ioqueue_callback``."""

    _fields_ = (
        ("on_read_complete", _ON_READ),
        ("on_write_complete", ctypes.c_void_p),
        ("on_accept_complete", ctypes.c_void_p),
        ("on_connect_complete", _ON_CONNECT),
    )


class Receiver:
    """A stream socket in pjsip's I/O queue; needs an initialised endpoint.

    Args:
        library: pjsip.
        sock: connected, unless ``connect_to`` is given.
        on_data: gets each piece, and ``b""`` once at the end of the stream.
        connect_to: connect the socket to this IPv4 address and port first.
        on_open: called once it is connected; if it cannot be, ``on_data`` gets ``b""`` instead.
    """

    def __init__(
        self,
        library: Library,
        sock: socket.socket,
        on_data: Callable[[bytes], None],
        *,
        connect_to: tuple[str, int] | None = None,
        on_open: Callable[[], None] = lambda: None,
    ) -> None:
        self._lib = library.functions
        self._on_data = on_data
        self._on_open = on_open
        self._closed = False
        self._buffer = ctypes.create_string_buffer(_RECEIVE_SIZE)
        self._length = ctypes.c_ssize_t()
        self._operation = ctypes.create_string_buffer(_OP_KEY_SIZE)
        self._callback = _IoqueueCallback(
            on_read_complete=_ON_READ(self._on_read), on_connect_complete=_ON_CONNECT(self._on_connect)
        )
        self._key = ctypes.c_void_p()
        self._register(library, sock)
        if connect_to is None:
            self._receive()
        else:
            self._connect(connect_to)

    def close(self) -> None:
        """Take the socket out of the I/O queue, once; the caller's own descriptor stays open."""
        if not self._closed:
            self._closed = True
            expect("pj_ioqueue_unregister", self._lib.pj_ioqueue_unregister(self._key))

    def _register(self, library: Library, sock: socket.socket) -> None:
        lib = self._lib
        lib.pj_ioqueue_op_key_init(self._operation, _OP_KEY_SIZE)
        expect(
            "pj_ioqueue_register_sock",
            lib.pj_ioqueue_register_sock(
                library.pool,
                lib.pjsip_endpt_get_ioqueue(lib.pjsua_get_pjsip_endpt()),
                os.dup(sock.fileno()),  # the queue closes it when it is unregistered
                None,
                ctypes.byref(self._callback),
                ctypes.byref(self._key),
            ),
        )

    def _connect(self, to: tuple[str, int]) -> None:
        host, port = to
        address = socket.AF_INET.to_bytes(2, "little") + port.to_bytes(2, "big") + socket.inet_aton(host) + bytes(8)
        status = self._lib.pj_ioqueue_connect(self._key, address, len(address))
        if status != _PENDING:
            self._on_connect(0, status)

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
    def _on_connect(self, _key: int, status: int) -> None:
        if self._closed:
            return
        if status != 0:
            self._on_data(b"")
            return
        self._receive()
        self._on_open()

    @guarded
    def _on_read(self, _key: int, _operation: int, received: int) -> None:
        if self._closed:
            return
        if received > 0:
            self._on_data(self._buffer.raw[:received])
            if not self._closed:
                self._receive()
        else:
            self._on_data(b"")
