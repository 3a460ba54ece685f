"""pyroute2's message classes come alone, and leave the way clear for the rest."""

from __future__ import annotations

import subprocess
import sys

import pytest

AFTER_LEAN = "import sys, lab.network.apply, lab.actors.mapping_observer"


def _run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


def test_nothing_else_is_loaded() -> None:
    """After importing the network layer, pyroute2's sockets, databases and the stand-ins are nowhere."""
    assert _run(f"{AFTER_LEAN}; print([name for name in sys.modules if name.startswith('pyroute2')])") == "[]"
    loaded = int(_run("import sys, lab.network.lean_pyroute2; print(len(sys.modules))"))
    alone = int(_run("import sys, pyroute2; print(len(sys.modules))"))
    assert loaded < alone / 2


def test_the_rest_can_be_had() -> None:
    """A real import afterwards gives the whole library, in working order, and the lean classes still work."""
    program = f"""{AFTER_LEAN}
import pyroute2, pyroute2.ndb.main
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket
from pyroute2.netlink.nlsocket import AsyncNetlinkSocket
from lab.network.lean_pyroute2 import ifinfmsg, nfct_msg
assert NFCTSocket().asyncore.__class__.__mro__[1] is AsyncNetlinkSocket
with pyroute2.IPRoute() as route:
    print(pyroute2.netlink.rtnl.RTM_NEWLINK, route.link_lookup(ifname="lo"))
for kind in (ifinfmsg, nfct_msg):
    message = kind()
    message.encode()
"""
    assert _run(program) == "16 [1]"


def test_the_rest_may_be_there_already() -> None:
    """If the whole library was imported first, its classes are used, and it stays."""
    program = """import sys, pyroute2
before = set(sys.modules)
from lab.network.lean_pyroute2 import ifinfmsg, nfct_msg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg as theirs
print(ifinfmsg is theirs, before <= set(sys.modules), pyroute2 is sys.modules["pyroute2"])
"""
    assert _run(program) == "True True True"


def test_without_pyroute2() -> None:
    """Its absence is told as such, not as a fault of ours."""
    program = """from importlib import util
util.find_spec = lambda name: None
import lab.network.lean_pyroute2
"""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        _run(program)
    assert "ModuleNotFoundError: No module named 'pyroute2'" in failed.value.stderr
