"""The memory of UDP mappings: what is taken out of it when sessions end."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.endpoint import Endpoint
from lab.network.udp_memory import flush, without_session

LISTED = """table ip lab {
    map mapped {
        typeof ip saddr . udp sport : udp sport
        size 65535
        flags dynamic
        elements = { 10.0.0.2 . 5060 : 40000,
            10.0.0.2 . 5062 : 40002 }
    }

    set taken {
        typeof udp sport
        size 65535
        flags dynamic
        elements = { 40000, 40002 }
    }

    map inbound {
        typeof udp sport : ip saddr . udp sport
        size 65535
        flags dynamic
        elements = { 40000 : 10.0.0.2 . 5060, 40002 : 10.0.0.2 . 5062 }
    }

    set contacted {
        typeof ip saddr . udp sport . ip daddr
        size 65535
        flags dynamic
        elements = { 10.0.0.2 . 5060 . 203.0.113.10,
            10.0.0.2 . 5060 . 192.0.2.10 }
    }

    map ports {
        typeof ip saddr . tcp sport . ip daddr . tcp dport : tcp sport
        size 65535
        flags dynamic
        elements = { 10.0.0.2 . 5060 . 203.0.113.10 . 5060 : 40000 }
    }

    chain memory {
        meta l4proto udp ct status snat add @taken { ct reply proto-dst } comment "taken"
    }
}
""".replace("    ", "\t")


@dataclass(frozen=True)
class _Session:
    inside: Endpoint
    outside: Endpoint
    remote: Endpoint
    proto: str = "udp"


def test_what_a_session_stands_behind_stays() -> None:
    """Elements of the one session that is left stay, whatever the set's key; all others go."""
    left = _Session(Endpoint("10.0.0.2", 5060), Endpoint("198.51.100.2", 40000), Endpoint("192.0.2.10", 9))
    assert without_session(LISTED, [left]).splitlines() == [
        "delete element ip lab mapped { 10.0.0.2 . 5062 : 40002 }",
        "delete element ip lab taken { 40002 }",
        "delete element ip lab inbound { 40002 : 10.0.0.2 . 5062 }",
        "delete element ip lab contacted { 10.0.0.2 . 5060 . 203.0.113.10 }",
    ]


def test_tcp_stands_behind_nothing() -> None:
    """A TCP flow of the same ports does not keep a UDP mapping; the ports of TCP are not touched."""
    flow = _Session(Endpoint("10.0.0.2", 5060), Endpoint("198.51.100.2", 40000), Endpoint("192.0.2.10", 9), "tcp")
    commands = without_session(LISTED, [flow])
    assert len(commands.splitlines()) == 8
    assert "ports" not in commands


def test_nothing_to_take_out() -> None:
    """Rules without memory, or with none that is stale, need no command."""
    assert without_session("table ip lab {\n\tchain x {\n\t}\n}\n", []) == ""


def test_a_lost_table_takes_everything_along() -> None:
    """Every set is emptied, those of TCP too."""
    assert flush(LISTED) == "".join(
        f"flush {kind} ip lab {name}\n"
        for kind, name in (
            ("map", "mapped"),
            ("set", "taken"),
            ("map", "inbound"),
            ("set", "contacted"),
            ("map", "ports"),
        )
    )
