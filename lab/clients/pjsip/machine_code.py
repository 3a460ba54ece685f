"""Rewrites machine code of a loaded library, in this process only."""

from __future__ import annotations

import ctypes
import mmap
import os

from lab.errors import LabFault

_PROT_EXEC = 4  # <sys/mman.h>, as mmap.PROT_*


def rewrite(address: int, code: bytes) -> None:
    """Replace the bytes at an address of a library's code; its file and other processes keep theirs.

    Raises:
        LabFault: the kernel does not allow it.
    """
    first = address - address % mmap.PAGESIZE
    length = address + len(code) - first
    _protect(first, length, mmap.PROT_READ | mmap.PROT_WRITE | _PROT_EXEC)
    ctypes.memmove(address, code, len(code))
    _protect(first, length, mmap.PROT_READ | _PROT_EXEC)


def _protect(address: int, length: int, protection: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if libc.mprotect(address, length, protection) != 0:
        raise LabFault("mprotect on the code of a library", detail=os.strerror(ctypes.get_errno()))
