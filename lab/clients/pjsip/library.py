"""Reaches functions of the pjsip library inside the pjsua2 wheel that pjsua2 does not offer, through its symbols.

The one module that knows addresses and layouts. The wheel exports its C symbols but comes without headers, so each
layout is checked against the running library before it is used; a wheel that differs ends in a ``LabFault`` naming the
check, never in a write to the wrong place.

Everything here must be called on the thread that created the endpoint: pjlib is built with assertions and aborts the
process otherwise, and also when a transport's reference is given back twice.
"""

from __future__ import annotations

import ctypes
import functools
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.clients.callback_guard import guarded
from lab.clients.pjsip.machine_code import rewrite
from lab.clients.pjsip.pjsua2_wheel import pj as _pj  # not `pjsua2` alone: that loads its extension module lazily
from lab.clients.pjsip.symbols import size_of
from lab.errors import LabFault
from lab.model.endpoint import Endpoint


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """The differences between the releases whose layouts are written here; all else is the same in them.

    Attributes:
        tsx_at: of the transaction timers in ``pjsip_cfg_t``: after the ``pj_bool_t`` of endpt.
        idle_time: the one instruction of ``pjsip_transport_dec_ref`` with PJSIP_TRANSPORT_IDLE_TIME, 33 s, at its end.
        server_idle_time: that with PJSIP_TRANSPORT_SERVER_IDLE_TIME, 600 s.
        logs_idle_end: whether its log says that the idle timer ended a transport.
        without: functions of ``_FUNCTIONS`` it does not have.
    """

    tsx_at: int
    idle_time: bytes
    server_idle_time: bytes
    logs_idle_end: bool = True
    without: frozenset[str] = frozenset()


RELEASES = {
    "2.15.1": Release(
        tsx_at=13 * 4,
        idle_time=bytes.fromhex("48c70424 21000000"),  # movq $33,(%rsp)
        server_idle_time=bytes.fromhex("48c70424 58020000"),  # movq $600,(%rsp)
    ),
    "2.10": Release(
        tsx_at=12 * 4,  # endpt.keep_inv_after_tsx_timeout came later
        idle_time=bytes.fromhex("b8 21000000"),  # mov $33,%eax
        server_idle_time=bytes.fromhex("ba 58020000"),  # mov $600,%edx
        logs_idle_end=False,
        without=frozenset(("pjsip_tpmgr_set_recv_data_cb",)),
    ),
}
"""By what ``pj_get_version`` says."""

_CONFIG_SIZE = 96  # sizeof(pjsip_cfg_t), sip_config.h of 2.10 (with padding) and 2.15.1, x86-64
_TSX_DEFAULTS = struct.pack("<5I", 1023, 500, 4000, 5000, 32000)  # max_count, t1, t2, t4, td: sip_config.h
_KEEP_ALIVE_S = 90  # PJSIP_TCP_KEEP_ALIVE_INTERVAL, PJSIP_TLS_KEEP_ALIVE_INTERVAL: sip_config.h
_LONG = struct.Struct("<q")

# struct pjsip_transport of 2.10 and 2.15.1, x86-64 (sip_transport.h)
_NAME_SIZE = 32  # PJ_MAX_OBJ_NAME
_AT_REFS, _AT_REMOTE, _AT_LOCAL, _AT_DIRECTION = 0x28, 0x58, 0x94, 0xE0
_SOCKADDR_IN = struct.Struct("=H2s4s")

_POOL_SIZE = 1024

_AT_DISABLE_TCP_SWITCH = 4 * 4  # in pjsip_cfg_t: endpt.disable_tcp_switch, the fifth pj_bool_t

_LARGEST_IDLE_TIME = 2**31 - 1  # the instruction's operand is a signed int

_LEFT_OUT = 70020  # PJ_EIGNORED: errno.h; the transport manager says so of data that is no SIP message by intent
_SAME_EXPIRY = -1  # pjsip_evsub_initiate: leave it as it is


class _ReceivedData(ctypes.Structure):
    """The common head of ``pjsip_tp_rx_data`` and ``pjsip_tp_dropped_data``."""

    _fields_ = (
        ("transport", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("status", ctypes.c_int),  # of the second alone
    )


_ON_RECEIVED = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_ReceivedData))
_ON_DROPPED = ctypes.CFUNCTYPE(None, ctypes.POINTER(_ReceivedData))

_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "pj_atomic_get": (ctypes.c_long, [ctypes.c_void_p]),
    "pj_get_version": (ctypes.c_char_p, []),
    "pj_ioqueue_connect": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]),
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
    "pjsip_endpt_get_tpmgr": (ctypes.c_void_p, [ctypes.c_void_p]),
    "pjsip_evsub_initiate": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]),
    "pjsip_evsub_send_request": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_void_p]),
    "pjsip_tpmgr_set_drop_data_cb": (ctypes.c_int, [ctypes.c_void_p, _ON_DROPPED]),
    "pjsip_tpmgr_set_recv_data_cb": (ctypes.c_int, [ctypes.c_void_p, _ON_RECEIVED]),
    "pjsip_transport_add_ref": (ctypes.c_int, [ctypes.c_void_p]),
    "pjsip_transport_dec_ref": (ctypes.c_int, [ctypes.c_void_p]),
    "pjsip_transport_shutdown": (ctypes.c_int, [ctypes.c_void_p]),
    "pjsip_tsx_get_evsub": (ctypes.c_void_p, [ctypes.c_void_p]),
    "pjsua_get_pjsip_endpt": (ctypes.c_void_p, []),
    "pjsua_pool_create": (ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t]),
}


@dataclass(frozen=True, slots=True)
class ConfigLayout:
    """The offsets of the fields of ``pjsip_sip_cfg_var``, in bytes.

    Attributes:
        tsx: five unsigned ints: max_count, t1, t2, t4, td (the timers in milliseconds).
        tcp_keep_alive, tls_keep_alive: a long, in seconds.
    """

    tsx: int
    tcp_keep_alive: int
    tls_keep_alive: int

    @classmethod
    def derive(cls, config: bytes, release: Release) -> ConfigLayout:
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
        if tsx != release.tsx_at or after_tsx > tcp:
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
        local, remote: its ends.
    """

    name: str
    outgoing: bool
    local: Endpoint
    remote: Endpoint

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
            addresses.append(Endpoint(socket.inet_ntoa(address), int.from_bytes(port, "big")))
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
        self._callbacks: list[Any] = []  # pjsip keeps bare pointers to them
        self.version = str(self._bind("pj_get_version").pj_get_version().decode())
        if self.version not in RELEASES:
            raise _check_failed("version", f"{self.version} instead of {' or '.join(RELEASES)}")
        self.release = RELEASES[self.version]
        for name in _FUNCTIONS.keys() - self.release.without:
            self._bind(name)
        self._config = ctypes.addressof(ctypes.c_char.in_dll(self._lib, "pjsip_sip_cfg_var"))
        fresh = ctypes.string_at(self._config, self.symbol_size("pjsip_sip_cfg_var"))
        self.config = ConfigLayout.derive(fresh, self.release)

    @property
    def functions(self) -> Any:
        """The library's functions, with their types."""
        return self._lib

    @functools.cached_property
    def pool(self) -> int:
        """A memory pool for the life of the process; needs an endpoint."""
        return int(self._lib.pjsua_pool_create(b"lab", _POOL_SIZE, _POOL_SIZE))

    def symbol_size(self, name: str) -> int:
        """``st_size`` of a data symbol in the library's dynamic symbol table.

        Raises:
            LabFault: there is no such symbol.
        """
        address = ctypes.cast(self._symbol(name), ctypes.c_void_p).value
        try:
            return size_of(address or 0, name)
        except LookupError as error:
            raise _check_failed(f"size of {name}", str(error)) from None

    def set_tsx_timers(self, *, t1: int, t2: int) -> None:
        """``pjsip_cfg()->tsx``, in milliseconds; read when the endpoint is made."""
        for at, value in ((4, t1), (8, t2)):  # after max_count
            ctypes.c_uint.from_address(self._config + self.config.tsx + at).value = value

    def disable_tcp_switch(self) -> None:
        """``pjsip_cfg()->endpt.disable_tcp_switch``; read at each request."""
        ctypes.c_int.from_address(self._config + _AT_DISABLE_TCP_SWITCH).value = 1

    def set_crlf_interval(self, seconds: int) -> None:
        """``pjsip_cfg()->tcp.keep_alive_interval`` and ``tls``; read when a transport connects and at each ping.

        Raises:
            LabFault: it is 0, which makes pjsip send without a pause if there is a connection already.
        """
        if seconds < 1:
            raise LabFault("setting pjsip's CRLF interval", detail=f"{seconds} s; at least 1 s")
        for at in (self.config.tcp_keep_alive, self.config.tls_keep_alive):
            ctypes.c_long.from_address(self._config + at).value = seconds

    def set_idle_time(self, seconds: int) -> None:
        """PJSIP_TRANSPORT_IDLE_TIME: rewrite the one instruction that holds it, in this process's copy of the page.

        Raises:
            LabFault: the function is not the one this was written for, or the page cannot be written.
        """
        if not 1 <= seconds <= _LARGEST_IDLE_TIME:
            raise LabFault("setting pjsip's idle time", detail=f"{seconds} s; 1 to {_LARGEST_IDLE_TIME}")
        name = "pjsip_transport_dec_ref"
        function = ctypes.cast(self._symbol(name), ctypes.c_void_p).value or 0
        code = ctypes.string_at(function, self.symbol_size(name))
        ours = self.release.idle_time
        for instruction in (ours, self.release.server_idle_time):
            if code.count(instruction) != 1:
                seen = f"{instruction.hex()} {code.count(instruction)} times instead of once"
                raise _check_failed(f"idle time in {name}", seen)
        rewrite(function + code.index(ours), ours[:-4] + seconds.to_bytes(4, "little"))

    def seed(self, seed: int) -> None:
        """Seed pjlib's random numbers: Call-IDs, tags, branches, jitter."""
        self._lib.pj_srand(seed)

    def add_transport_ref(self, transport: int) -> None:
        """``pjsip_transport_add_ref``."""
        expect("pjsip_transport_add_ref", self._lib.pjsip_transport_add_ref(transport))

    def release_transport_ref(self, transport: int) -> None:
        """``pjsip_transport_dec_ref``: once for each reference added; one too many aborts the process."""
        self._lib.pjsip_transport_dec_ref(transport)  # its status is PJ_SUCCESS always

    def transport_refs(self, transport: int) -> int:
        """Return the number of references to a transport; at 0 its idle timer runs."""
        counter = ctypes.c_void_p.from_address(transport + _AT_REFS).value
        return int(self._lib.pj_atomic_get(counter))

    def transport(self, transport: int) -> Transport:
        """Read a transport that pjsip has just spoken of.

        Raises:
            LabFault: what is there is not a transport.
        """
        return Transport.read(ctypes.string_at(transport, Transport.SIZE))

    def shutdown_transport(self, transport: int) -> None:
        """``pjsip_transport_shutdown``: no new users; destroyed once nobody references it, which may be at once."""
        expect("pjsip_transport_shutdown", self._lib.pjsip_transport_shutdown(transport))

    def watch_received(self, callback: Callable[[int, bytes], None]) -> None:
        """Call back with (transport, data) for each SIP message and each keep-alive received; needs an endpoint.

        The transport manager has a callback for each of the two: what is a message it announces before it reads it,
        and CR and LF alone it reports as dropped.

        Raises:
            LabFault: this release does not have both.
        """
        if lacking := self.release.without & {"pjsip_tpmgr_set_recv_data_cb", "pjsip_tpmgr_set_drop_data_cb"}:
            raise _check_failed("symbols", f"no {', '.join(lacking)}")

        @guarded
        def received(data: Any) -> int:
            callback(data.contents.transport, ctypes.string_at(data.contents.data, data.contents.length))
            return 0

        @guarded
        def dropped(data: Any) -> None:
            if data.contents.status == _LEFT_OUT:
                callback(data.contents.transport, ctypes.string_at(data.contents.data, data.contents.length))

        self._callbacks += [_ON_RECEIVED(received), _ON_DROPPED(dropped)]
        manager = self._lib.pjsip_endpt_get_tpmgr(self._lib.pjsua_get_pjsip_endpt())
        on_received, on_dropped = self._callbacks[-2:]
        expect("pjsip_tpmgr_set_recv_data_cb", self._lib.pjsip_tpmgr_set_recv_data_cb(manager, on_received))
        expect("pjsip_tpmgr_set_drop_data_cb", self._lib.pjsip_tpmgr_set_drop_data_cb(manager, on_dropped))

    def subscription_of(self, transaction: int) -> int:
        """Return the ``pjsip_evsub`` that a ``pjsip_transaction`` belongs to; 0: none."""
        return int(self._lib.pjsip_tsx_get_evsub(transaction) or 0)

    def refresh_subscription(self, subscription: int) -> None:
        """Send SUBSCRIBE within the dialog of a ``pjsip_evsub``; fails later, by its state, if it cannot be sent."""
        request = ctypes.c_void_p()
        status = self._lib.pjsip_evsub_initiate(subscription, None, _SAME_EXPIRY, ctypes.byref(request))
        expect("pjsip_evsub_initiate", status)
        self._lib.pjsip_evsub_send_request(subscription, request)  # a failure ends the subscription, which is told

    def _bind(self, name: str) -> Any:
        """Declare a function's types; returns the library."""
        function = self._symbol(name)
        function.restype, function.argtypes = _FUNCTIONS[name]
        return self._lib

    def _symbol(self, name: str) -> Any:
        try:
            return getattr(self._lib, name)  # kept: each look-up by index would be a new, undeclared function
        except AttributeError:
            raise _check_failed("symbols", f"no {name}") from None


def _check_failed(check: str, seen: str) -> LabFault:
    return LabFault(
        f"pjsip library check `{check}` failed", detail=f"{seen}; the lab is written for pjsip {' and '.join(RELEASES)}"
    )


def expect(function: str, status: int) -> None:
    """Check the status a function returned.

    Raises:
        LabFault: it is not PJ_SUCCESS; says pjsip's text.
    """
    if status != 0:
        raise LabFault(function, detail=f"status {status}: {_pj.Endpoint.instance().utilStrError(status)}")


def use_hosts_file_only() -> None:
    """Make this process look up names in ``/etc/hosts`` only.

    pjsip looks up the host's own name when a transport is made. A node has no name servers; where the host's
    configuration names some, the look-up would wait for their answers for seconds, and its packets would cross the
    network under test.

    Raises:
        LabFault: the C library refused.
    """
    configure = getattr(ctypes.CDLL(None), "__nss_configure_lookup")  # glibc, <nss.h>
    if configure(b"hosts", b"files") != 0:
        raise LabFault("__nss_configure_lookup", detail="the C library does not accept `hosts: files`")
