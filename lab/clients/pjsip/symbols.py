"""Reads the sizes of symbols from the dynamic symbol table of a loaded image."""

from __future__ import annotations

import ctypes


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


def size_of(address: int, name: str) -> int:
    """``st_size`` of the symbol at an address.

    Raises:
        LookupError: the symbol there is not the one of that name.
    """
    info, entry = _DlInfo(), ctypes.POINTER(_ElfSymbol)()
    libc = ctypes.CDLL(None)
    libc.dladdr1.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    if not libc.dladdr1(address, ctypes.byref(info), ctypes.byref(entry), _RTLD_DL_SYMENT):
        raise LookupError("the dynamic linker does not know the address")
    if info.symbol != name.encode() or info.address != address:
        raise LookupError(f"the symbol at its address is {info.symbol!r}")
    return int(entry.contents.size)
