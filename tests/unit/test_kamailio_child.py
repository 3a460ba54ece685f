"""Kamailio as a program: a host that lacks it, and its processes."""

from __future__ import annotations

import os
import signal

import pytest

from lab.errors import HostNotCapable
from lab.servers.kamailio import child


def test_a_host_without_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "program", lambda: None)
    with pytest.raises(HostNotCapable, match="kamailio") as caught:
        child.check_host()
    assert "apt-get install kamailio kamailio-tls-modules" in caught.value.fix


def test_children_are_found() -> None:
    pid = os.fork()
    if pid == 0:
        signal.pause()
    try:
        assert pid in child._children(os.getpid())
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
