r"""The rule set and the conntrack settings that make a Linux box behave as a ``Middlebox`` says.

Pure: values in, text out. Three mechanisms, all of them the kernel's own:

* *mapping and filtering*: ``masquerade`` towards the outside. Linux keeps the source port if it is free, so the mapping
  looks endpoint-independent; filtering is address- and port-dependent (RFC 4787 §5): an inbound packet passes only if
  conntrack knows its exact five-tuple.
* *forgetting*: conntrack's idle timers, set per namespace, hence per middlebox.
* *what a forgotten flow meets*: ``nf_conntrack_tcp_loose`` and the rules for packets that belong to no mapping.

Effect, for ``ForgottenFlow.RST_TO_SENDER`` between links ``lan`` and ``access``::

    table ip lab {
        set flows {
            type ipv4_addr . inet_service . inet_service
            flags dynamic
        }
        chain forward {
            type filter hook forward priority filter; policy drop;
            iifname "lan" ct state invalid reject with tcp reset comment "RST in"
            ct state invalid drop comment "forgotten"
            iifname "lan" oifname "access" accept comment "from inside"
            iifname "access" oifname "lan" ct state established,related accept comment "mapped"
        }
        chain input {
            type filter hook input priority filter; policy accept;
            iifname "access" ct state invalid ip saddr . tcp sport . tcp dport @flows reject with tcp reset comment "RST out"
            iifname "access" drop comment "no mapping"
        }
        chain mapping {
            type nat hook postrouting priority srcnat; policy accept;
            oifname "access" masquerade comment "map"
        }
        chain memory {
            type filter hook postrouting priority srcnat + 10; policy accept;
            oifname "access" ct state new add @flows { ip daddr . tcp dport . tcp sport } comment "remember"
        }
    }

What each behaviour is made of (``input`` sees what comes from outside and matches no mapping, for its destination is
then the middlebox itself):

=========================  =========  ==========================  ==========================
``ForgottenFlow``          tcp_loose  next segment from inside    next segment from outside
=========================  =========  ==========================  ==========================
``silent``                 0          ``invalid`` drop            ``input`` drop
``repickup-from-inside``   1          a new mapping, delivered    ``input`` drop
``rst-to-sender``          0          ``invalid`` reject          ``input`` reject
``rst-to-inside``          0          ``invalid`` reject          ``input`` drop
=========================  =========  ==========================  ==========================

``rst-to-sender`` answers from outside only segments of flows it once mapped (the set ``flows``): a stranger's segment,
like any unsolicited packet in all four, meets silence.

Does not model: endpoint-independent filtering, hairpinning, port randomisation, a limit on the number of mappings.
"""  # noqa: E501  (one rule is one line)

from __future__ import annotations

from lab.errors import LabFault
from lab.model.middlebox import ForgottenFlow, Middlebox

NEVER = 2_147_483
"""Seconds, 24.8 days: the longest timeout a kernel with 1000 ticks a second can count in an ``int``."""

KERNEL_UNACKNOWLEDGED = 300
"""Seconds; ``nf_conntrack_proto_tcp.c``, TCP_CONNTRACK_UNACK and TCP_CONNTRACK_RETRANS: five minutes."""


def rule_set(box: Middlebox, *, inside: str, outside: str) -> str:
    """The nft text for one middlebox; ``inside`` and ``outside`` are interface names."""
    answers_inside = box.forgotten in (ForgottenFlow.RST_TO_SENDER, ForgottenFlow.RST_TO_INSIDE)
    answers_outside = box.forgotten is ForgottenFlow.RST_TO_SENDER
    in_, out = f'iifname "{inside}"', f'iifname "{outside}"'
    reset_in = f'{in_} ct state invalid reject with tcp reset comment "RST in"'
    reset_out = (
        f'{out} ct state invalid ip saddr . tcp sport . tcp dport @flows reject with tcp reset comment "RST out"'
    )
    flows = ("set flows {", "\ttype ipv4_addr . inet_service . inet_service", "\tflags dynamic", "}")
    forward = _chain(
        "forward",
        "filter hook forward priority filter; policy drop;",
        *([reset_in] if answers_inside else []),
        'ct state invalid drop comment "forgotten"',
        f'{in_} oifname "{outside}" accept comment "from inside"',
        f'{out} oifname "{inside}" ct state established,related accept comment "mapped"',
    )
    entrance = _chain(
        "input",
        "filter hook input priority filter; policy accept;",
        *([reset_out] if answers_outside else []),
        f'{out} drop comment "no mapping"',
    )
    mapping = _chain(
        "mapping",
        "nat hook postrouting priority srcnat; policy accept;",
        f'oifname "{outside}" masquerade comment "map"',
    )
    memory = _chain(  # after the mapping, so that the source port is the one the outside sees
        "memory",
        "filter hook postrouting priority srcnat + 10; policy accept;",
        f'oifname "{outside}" ct state new add @flows {{ ip daddr . tcp dport . tcp sport }} comment "remember"',
    )
    body = (*flows, *forward, *entrance, *mapping, *memory) if answers_outside else (*forward, *entrance, *mapping)
    return "\n".join(["table ip lab {", *(f"\t{line}" for line in body), "}"]) + "\n"


def _chain(name: str, hook: str, *rules: str) -> tuple[str, ...]:
    return (f"chain {name} {{", f"\ttype {hook}", *(f"\t{rule}" for rule in rules), "}")


def conntrack_settings(box: Middlebox) -> tuple[tuple[str, int], ...]:
    """The (sysctl, value) pairs below ``net.netfilter`` for one middlebox.

    ``established`` is what the behaviour says. Conntrack shortens it to ``unacknowledged`` while data lacks its ACK,
    and to ``max_retrans`` after three retransmissions, if those are smaller (``nf_conntrack_tcp_packet``). So they are
    never smaller here: the established idle timeout holds for every established flow; and never below the kernel's own
    300 s, which would shorten the transitory states. Both UDP timers are one: conntrack's distinction between one-way
    and answered flows is not part of the behaviour. The policy objects of ``ct timeout`` would do the same per flow,
    but give a flow that is picked up in mid-stream the timeout of SYN_SENT until its second packet (``nft_ct.c``).

    Raises:
        LabFault: a timeout the kernel cannot count: it has whole seconds, from 1 s to 24 days.
    """
    established = NEVER if box.established_idle_timeout is None else _whole(box.established_idle_timeout, box)
    udp = _whole(box.udp_mapping_timer, box)
    settled = max(established, KERNEL_UNACKNOWLEDGED)
    return (
        ("nf_conntrack_tcp_loose", int(box.forgotten is ForgottenFlow.REPICKUP)),
        ("nf_conntrack_tcp_timeout_established", established),
        ("nf_conntrack_tcp_timeout_unacknowledged", settled),
        ("nf_conntrack_tcp_timeout_max_retrans", settled),
        ("nf_conntrack_udp_timeout", udp),
        ("nf_conntrack_udp_timeout_stream", udp),
        ("nf_conntrack_timestamp", 1),  # start and exact end of each mapping, for the observer
        ("nf_conntrack_events", 1),  # for every mapping, whoever listens
    )


def comments(rules: str) -> list[str]:
    """The comments of a rule set, in order; what a listing must show again, whatever nft's formatting of the day."""
    return [line.rsplit(' comment "', 1)[1].rstrip('"') for line in rules.splitlines() if ' comment "' in line]


def _whole(seconds: float, box: Middlebox) -> int:
    if seconds != int(seconds) or not 1 <= seconds < NEVER:
        raise LabFault(
            f"plan middlebox {box.name}",
            detail=f"conntrack counts whole seconds from 1 s to {NEVER - 1} s, not {seconds:g} s",
        )
    return int(seconds)
