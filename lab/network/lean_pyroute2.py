"""Loads pyroute2's message classes without the rest of pyroute2.

Importing any part of pyroute2 runs ``pyroute2/__init__.py``, which imports all of it: 337 modules, 0.2 s on a fast
machine, more than a second in a virtual-time guest. The message classes themselves need 40 of them and a tenth of the
time. So they are imported here under stand-ins: an empty package in the place of ``pyroute2``, and empty modules in the
place of its socket machinery, which ``nfctsocket`` has in the same file as the conntrack message.

Afterwards everything of that name leaves ``sys.modules``: an ``import pyroute2`` elsewhere gets the whole library, as
if nothing had been imported here; its classes are then other objects than these. If the whole library was there first,
these are its own classes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType

_PACKAGE = "pyroute2"
_SOCKETS = ("pyroute2.netlink.core", "pyroute2.netlink.nlsocket")


class _NoSockets(ModuleType):
    """Offers ``object`` under any name, to be a base class nobody uses."""

    def __getattr__(self, name: str) -> type[object]:
        if name.startswith("__"):
            raise AttributeError(name)
        return object


@contextmanager
def without_the_rest() -> Iterator[None]:
    """Import parts of pyroute2 in a ``with`` block of this, and only they are loaded."""
    if _PACKAGE in sys.modules:
        yield
        return
    spec = find_spec(_PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"No module named {_PACKAGE!r}", name=_PACKAGE)
    package = ModuleType(_PACKAGE)
    package.__spec__ = spec
    package.__path__ = spec.submodule_search_locations
    sys.modules.update({_PACKAGE: package, **{name: _NoSockets(name) for name in _SOCKETS}})
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.split(".", 1)[0] == _PACKAGE]:
            del sys.modules[name]


with without_the_rest():
    from pyroute2.netlink import (
        NETLINK_EXT_ACK,
        NETLINK_NETFILTER,
        NETLINK_ROUTE,
        NLM_F_ACK,
        NLM_F_CREATE,
        NLM_F_DUMP,
        NLM_F_EXCL,
        NLM_F_REPLACE,
        NLM_F_REQUEST,
        NLMSG_DONE,
        NLMSG_ERROR,
        SOL_NETLINK,
        nlmsg,
        nlmsgerr,
    )
    from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_CTNETLINK
    from pyroute2.netlink.nfnetlink.nfctsocket import (
        IPCTNL_MSG_CT_DELETE,
        IPCTNL_MSG_CT_GET,
        IPCTNL_MSG_CT_NEW,
        nfct_msg,
    )
    from pyroute2.netlink.rtnl import (
        RTM_DELLINK,
        RTM_GETLINK,
        RTM_NEWADDR,
        RTM_NEWLINK,
        RTM_NEWNEIGH,
        RTM_NEWROUTE,
        RTMGRP_LINK,
        rt_proto,
        rt_scope,
    )
    from pyroute2.netlink.rtnl.fibmsg import fibmsg
    from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
    from pyroute2.netlink.rtnl.ifinfmsg import IFF_LOOPBACK, IFF_UP, ifinfmsg
    from pyroute2.netlink.rtnl.ndmsg import NUD_PERMANENT, ndmsg
    from pyroute2.netlink.rtnl.rtmsg import rtmsg

__all__ = [
    "IFF_LOOPBACK",
    "IFF_UP",
    "IPCTNL_MSG_CT_DELETE",
    "IPCTNL_MSG_CT_GET",
    "IPCTNL_MSG_CT_NEW",
    "NETLINK_EXT_ACK",
    "NETLINK_NETFILTER",
    "NETLINK_ROUTE",
    "NFNL_SUBSYS_CTNETLINK",
    "NLMSG_DONE",
    "NLMSG_ERROR",
    "NLM_F_ACK",
    "NLM_F_CREATE",
    "NLM_F_DUMP",
    "NLM_F_EXCL",
    "NLM_F_REPLACE",
    "NLM_F_REQUEST",
    "NUD_PERMANENT",
    "RTMGRP_LINK",
    "RTM_DELLINK",
    "RTM_GETLINK",
    "RTM_NEWADDR",
    "RTM_NEWLINK",
    "RTM_NEWNEIGH",
    "RTM_NEWROUTE",
    "SOL_NETLINK",
    "fibmsg",
    "ifaddrmsg",
    "ifinfmsg",
    "ndmsg",
    "nfct_msg",
    "nlmsg",
    "nlmsgerr",
    "rt_proto",
    "rt_scope",
    "rtmsg",
]
