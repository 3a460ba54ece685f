"""Calls liblinphone and its SIP stack belle-sip, which must both be there as shared libraries of the system."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

from lab.clients.callback_guard import guarded
from lab.errors import LabFault

LIBRARY = "liblinphone.so.10"
STACK = "libbellesip.so.1"
_MESSAGE = 1 << 2  # LinphoneLogLevelMessage: enums/logging-enums.h
_READ = 1  # BELLE_SIP_EVENT_READ: belle-sip/mainloop.h
_CONTINUE = 2  # BELLE_SIP_CONTINUE_WITHOUT_CATCHUP: belle-sip/mainloop.h
_INCOMING = 1  # LinphoneCallStateIncomingReceived: enums/call-enums.h

_ON_LOG = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
_ON_STATE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
_ON_SOCKET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)


class Library:
    """One linphone core in this process, on the thread that makes it.

    Args:
        configuration: the file it reads.
        on_log: takes what it logs: the library it comes from, and the text.
        on_registration: takes each state of the registration.
    """

    def __init__(
        self, configuration: str, on_log: Callable[[bytes, bytes], None], on_registration: Callable[[int], None]
    ) -> None:
        self._linphone = _functions(LIBRARY)
        self._stack = _functions(STACK)

        @guarded
        def logged(_service: int, domain: bytes | None, _level: int, text: bytes | None) -> None:
            on_log(domain or b"", text or b"")

        self._log = _ON_LOG(logged)
        self._call = _ON_STATE(guarded(self._call_changed))

        @guarded
        def registration_changed(_core: int, _account: int, state: int, _text: bytes) -> None:
            on_registration(state)

        self._registration = _ON_STATE(registration_changed)
        self._sources: list[Any] = []
        factory = self._linphone.linphone_factory_get()
        self._listen_to_log(factory)
        self._core = self._linphone.linphone_factory_create_core_3(factory, configuration.encode(), None, None)
        if not self._core:
            raise LabFault("start linphone", detail="it made no core")
        callbacks = self._linphone.linphone_factory_create_core_cbs(factory)
        self._linphone.linphone_core_cbs_set_call_state_changed(callbacks, self._call)
        self._linphone.linphone_core_cbs_set_registration_state_changed(callbacks, self._registration)
        self._linphone.linphone_core_add_callbacks(self._core, callbacks)
        stack = self._linphone.sal_get_stack_impl(self._linphone.linphone_core_get_sal(self._core))
        self._loop = self._stack.belle_sip_stack_get_main_loop(stack)

    def start(self) -> None:
        """Start the core."""
        self._linphone.linphone_core_start(self._core)

    def iterate(self) -> None:
        """Do what is due."""
        self._linphone.linphone_core_iterate(self._core)

    def sleep(self, longest_ms: int) -> None:
        """Sleep until ``wake``, handling what belle-sip's sockets and timers bring; for this long at most."""
        self._stack.belle_sip_main_loop_sleep(self._loop, longest_ms)

    def wake(self) -> None:
        """End ``sleep`` once what is under way is done."""
        self._stack.belle_sip_main_loop_quit(self._loop)

    def watch(self, descriptor: int, on_readable: Callable[[], None]) -> None:
        """Have ``sleep`` call back when there is something to read."""

        @guarded
        def readable(_data: int, _events: int) -> int:
            on_readable()
            return _CONTINUE

        callback = _ON_SOCKET(readable)
        source = self._stack.belle_sip_socket_source_new(callback, None, descriptor, _READ, ctypes.c_uint(-1))
        self._stack.belle_sip_main_loop_add_source(self._loop, ctypes.c_void_p(source))
        self._sources.append((callback, source))

    def address_changed(self) -> None:
        """Tell it that the network went and came back, as an application does that is told of another address."""
        for reachable in (0, 1):
            self._linphone.linphone_core_set_network_reachable(self._core, reachable)

    def register_again(self) -> None:
        """Send REGISTER now."""
        self._linphone.linphone_core_refresh_registers(self._core)

    def _listen_to_log(self, factory: int) -> None:
        service = self._linphone.linphone_logging_service_get()
        self._linphone.linphone_logging_service_set_log_level(service, _MESSAGE)
        callbacks = self._linphone.linphone_factory_create_logging_service_cbs(factory)
        self._linphone.linphone_logging_service_cbs_set_log_message_written(callbacks, self._log)
        self._linphone.linphone_logging_service_add_callbacks(service, callbacks)

    def _call_changed(self, _core: int, call: int, state: int, _text: bytes) -> None:
        if state == _INCOMING:
            self._linphone.linphone_call_accept(call)


class _functions:  # noqa: N801  (stands for a module)
    """A shared library whose functions take and return pointers and ints."""

    def __init__(self, name: str) -> None:
        self._library = ctypes.CDLL(name, mode=os.RTLD_GLOBAL | os.RTLD_NOW)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self._library, name)
        function.restype = ctypes.c_void_p

        def call(*arguments: Any) -> Any:
            return function(
                *(ctypes.c_void_p(each) if type(each) is int and each > 2**31 else each for each in arguments)
            )

        setattr(self, name, call)
        return call
