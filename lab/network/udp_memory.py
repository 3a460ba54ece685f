"""Writes nft rules that remember a middlebox's UDP mappings beside conntrack's table. Pure.

Conntrack knows sessions: one remote endpoint each. A mapping (RFC 4787 §4.1) may be shared by several, and filtering
(§5) may let in more than they. For that there are named sets, which rules fill behind the mapping:

* ``mapped``: inside endpoint (and remote address, for address-dependent mapping) to outside port, where ports are not
  preserved or mapping is address-dependent;
* ``taken``: outside ports in use, where ports are preserved and an inside endpoint has several mappings: the second one
  gets another port, and one whose own port is free gets that (``masquerade`` by itself would give it the port of the
  endpoint's other mapping, ``find_appropriate_src`` of ``nf_nat_core.c``);
* ``inbound``: outside port to inside endpoint, for filtering that lets in more than conntrack, and for hairpinning;
* ``contacted``: inside endpoint and remote address, for address-dependent filtering;
* ``ports``: inside and remote endpoint of a TCP flow to its outside port, where a flow is picked up on the same port.

**A mapping ends with the last of its sessions.** Whatever ends a session (a timer, a lifetime, an eviction, a reboot)
takes it out of conntrack's table, and then takes out of the memory of UDP what no session is left of
(``without_session``). So a mapping has one timer: any of its sessions keeps it (RFC 4787 §4.3), and the next mapping
gets the port that the rule says. The sets have no timers of their own; ``lab.actors.mapping_expiry`` ends the sessions.
``ports`` outlives its flow on purpose, and is lost with the whole table only.

Does not model: refresh of the callee's mapping by hairpinned packets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Protocol

from lab.model.endpoint import Endpoint
from lab.model.middlebox import FilteringBehavior, Hairpinning, MappingBehavior, Middlebox, PortAssignment
from lab.network.nft_text import Lines, chain, named_set

_UDP_SETS = ("mapped", "taken", "inbound", "contacted")
_SETS = (*_UDP_SETS, "ports")
_LISTED = re.compile(rf"^\t(?:map|set) ({'|'.join(_UDP_SETS)}) \{{(.*?)^\t\}}", re.MULTILINE | re.DOTALL)
_ELEMENTS = re.compile(r"elements = \{(.*?)\}", re.DOTALL)
_NAMED = re.compile(rf"^\t(map|set) ({'|'.join(_SETS)}) ", re.MULTILINE)


class Session(Protocol):
    """An entry of conntrack's table, as far as the memory depends on it."""

    @property
    def proto(self) -> str: ...  # noqa: D102
    @property
    def inside(self) -> Endpoint: ...  # noqa: D102
    @property
    def outside(self) -> Endpoint: ...  # noqa: D102
    @property
    def remote(self) -> Endpoint: ...  # noqa: D102


def preserves_ports(box: Middlebox) -> bool:
    """Return whether a mapping gets the inside port as its outside port if that is free."""
    return box.port_assignment is PortAssignment.PRESERVATION


def without_session(rules: str, sessions: Iterable[Session]) -> str:
    """Return the commands that take out of the memory what no session is left of; empty if there is nothing.

    Args:
        rules: the rule set with its elements, as nft lists it.
        sessions: all that conntrack's table has.
    """
    backed: set[tuple[str, str]] = set()
    for one in sessions:
        if one.proto != "udp":
            continue
        inside, outside = f"{one.inside.host} . {one.inside.port}", str(one.outside.port)
        backed |= {
            ("mapped", f"{inside} : {outside}"),
            ("mapped", f"{inside} . {one.remote.host} : {outside}"),
            ("taken", outside),
            ("inbound", f"{outside} : {inside}"),
            ("contacted", f"{inside} . {one.remote.host}"),
        }
    stale = [
        (name, element)
        for name, body in _LISTED.findall(rules)
        for listed in _ELEMENTS.findall(body)
        for element in (" ".join(text.split()) for text in listed.split(","))
        if (name, element) not in backed
    ]
    return "".join(f"delete element ip lab {name} {{ {element} }}\n" for name, element in stale)


def flush(rules: str) -> str:
    """Return the commands that empty what a rule set, as nft lists it, remembers of mappings."""
    return "".join(f"flush {kind} ip lab {name}\n" for kind, name in _NAMED.findall(rules))


class Udp:
    """The rules for UDP beyond ``masquerade`` and conntrack: none for the mapping and filtering of Linux.

    Args:
        box: what the middlebox does.
        inside: name of its inside interface.
        outside: name of its outside interface.
        address: its outside address.
    """

    def __init__(self, box: Middlebox, *, inside: str, outside: str, address: IPv4Address) -> None:
        self._box, self._inside, self._outside, self._address = box, inside, outside, address
        by_address = box.mapping is MappingBehavior.ADDRESS_DEPENDENT
        independent = box.mapping is MappingBehavior.ENDPOINT_INDEPENDENT
        self._shares = by_address or (independent and not preserves_ports(box))
        self._avoids = not independent and preserves_ports(box)
        self._hairpins = box.hairpinning is not Hairpinning.UNSUPPORTED
        self._by_contact = box.filtering is FilteringBehavior.ADDRESS_DEPENDENT
        self._admits = box.filtering is not FilteringBehavior.ADDRESS_AND_PORT_DEPENDENT
        self._key = "ip saddr . udp sport" + (" . ip daddr" if by_address else "")

    def sets(self) -> Lines:
        """Return the sets that the rules need."""
        return (
            *(named_set("mapped", "map", f"typeof {self._key} : udp sport") if self._shares else ()),
            *(named_set("taken", "set", "typeof udp sport") if self._avoids else ()),
            *(named_set("inbound", "map", "typeof udp sport : ip saddr . udp sport") if self._enters else ()),
            *(named_set("contacted", "set", "typeof ip saddr . udp sport . ip daddr") if self._by_contact else ()),
        )

    @property
    def _enters(self) -> bool:
        return self._admits or self._hairpins

    def entry(self) -> Lines:
        """Return the chain that sends on a packet to a mapped port of which conntrack knows nothing."""
        here, to = f"ip daddr {self._address} meta l4proto udp", "dnat ip to udp dport map @inbound"
        rules = (
            *([f'iifname "{self._outside}" {here} {to} comment "admit"'] if self._admits else []),
            *([f'iifname "{self._inside}" {here} {to} comment "hairpin"'] if self._hairpins else []),
        )
        return chain("entry", "nat hook prerouting priority dstnat; policy accept;", *rules) if rules else ()

    def let_in(self) -> Lines:
        """Return the rules that let such packets through."""
        who = "ip daddr . udp dport . ip saddr @contacted " if self._by_contact else ""
        lan = f'iifname "{self._inside}" oifname "{self._inside}"'
        return (
            *(
                [f'iifname "{self._outside}" oifname "{self._inside}" {who}ct status dnat accept comment "admitted"']
                if self._admits
                else []
            ),
            *([f'{lan} ct status dnat accept comment "hairpinned"'] if self._hairpins else []),
        )

    def map_out(self) -> Lines:
        """Return the rules that choose the outside port of a new session."""
        out = f'oifname "{self._outside}"'
        turned = f'iifname "{self._inside}" oifname "{self._inside}" ct status dnat'
        port = f"{self._key} map @mapped"
        keeps = f"snat ip to {self._address}" + ("" if preserves_ports(self._box) else ":1024-65535 random")
        return (
            *([f'{out} meta l4proto udp masquerade to : {port} comment "same port"'] if self._shares else []),
            *([f'{out} udp sport @taken masquerade random comment "other port"'] if self._avoids else []),
            *([f'{out} meta l4proto udp masquerade to : udp sport comment "own port"'] if self._avoids else []),
            *(
                [f'{turned} meta l4proto udp snat ip to {self._address} : {port} comment "hairpin same port"']
                if self._shares and self._hairpins
                else []
            ),
            *([f'{turned} meta l4proto udp {keeps} comment "hairpin source"'] if self._hairpins else []),
        )

    def remember(self) -> Lines:
        """Return the rules that fill the memory, behind the mapping."""
        opened = "ct original ip saddr . ct original proto-src"
        udp = "meta l4proto udp ct status"
        rules: list[tuple[str, str, str]] = []
        if self._shares:
            more = " . ct original ip daddr" if " daddr" in self._key else ""
            rules.append(("snat", "mapped", f"{opened}{more} : ct reply proto-dst"))
        if self._avoids:
            rules.append(("snat", "taken", "ct reply proto-dst"))
        if self._enters:
            rules.append(("snat", "inbound", f"ct reply proto-dst : {opened}"))
        if self._by_contact:
            rules.append(("snat", "contacted", f"{opened} . ct original ip daddr"))
        return tuple(f'{udp} {which} add @{name} {{ {element} }} comment "{name}"' for which, name, element in rules)
