"""Tries which network functions the present kernel has, for ``lab doctor``, in any world."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from lab.errors import HostNotCapable, LabFault
from lab.model.impairment import Impairment
from lab.network import netns
from lab.network.apply import nft
from lab.network.netem import impair
from lab.units import Seconds

_RULES = """
table ip doctor {
  set flows {
    typeof ip saddr . tcp sport
    flags timeout
  }
  chain nat {
    type nat hook postrouting priority srcnat
    masquerade
  }
  chain forward {
    type filter hook forward priority filter
    ct state invalid counter drop
    ip protocol tcp update @flows { ip saddr . tcp sport timeout 60s }
  }
}
"""
_TIMEOUT = Path("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established")


def main() -> None:
    """Try everything; one JSON line each: ``ev`` (``ability``), ``name``, ``missing`` and ``fix`` (empty: it works)."""
    namespace = netns.new()
    try:
        for name, attempt in _ATTEMPTS.items():
            missing, fix = _lack(attempt, namespace)
            print(json.dumps({"ev": "ability", "name": name, "missing": missing, "fix": fix}), flush=True)  # noqa: T201
    finally:
        os.close(namespace)


def _lack(attempt: Callable[[int], None], namespace: int) -> tuple[str, str]:
    try:
        attempt(namespace)
    except HostNotCapable as lack:
        return lack.missing, lack.fix
    except (LabFault, OSError) as refusal:
        return str(
            refusal
        ), "use --clock virtual, whose kernel has it, or a kernel with nf_tables, nf_nat and conntrack"
    return "", ""


def _nat(namespace: int) -> None:
    with netns.entered(namespace):
        nft(_RULES)


def _timeouts(namespace: int) -> None:
    with netns.entered(namespace):
        _TIMEOUT.write_text("60")


def _netem(namespace: int) -> None:
    impair(namespace, "lo", Impairment(from_="here", to="there", one_way_delay=Seconds(0.05)))


_ATTEMPTS = {
    "NAT by nftables": _nat,
    "conntrack's timeouts": _timeouts,
    "delay, loss and rate (netem)": _netem,
}
