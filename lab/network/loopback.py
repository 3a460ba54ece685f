"""Switches on the loopback interface of a node, if somebody needs it."""

from __future__ import annotations

import fcntl
import socket
import struct

from lab.network import netns

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1  # <linux/sockios.h>, <linux/if.h>


def take_up(namespace: int) -> None:
    """Take it up; the kernel then gives it 127.0.0.1, and the node reaches its own addresses."""
    with netns.entered(namespace), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        now = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        (flags,) = struct.unpack_from("H", now, 16)
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))
