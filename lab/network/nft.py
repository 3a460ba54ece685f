r"""Writes the nft rules and the conntrack settings for a ``Middlebox``.

Pure: values in, text out. Three mechanisms, all of them the kernel's own:

* *mapping and filtering*: ``masquerade`` towards the outside. Linux keeps the source port if it is free, so the mapping
  looks endpoint-independent; filtering is address- and port-dependent (RFC 4787 §5): an inbound packet passes only if
  conntrack knows its exact five-tuple. What else there is, is for UDP, see below.
* *forgetting*: conntrack's idle timers, set per namespace, hence per middlebox; where those cannot
  (``Middlebox.ages_in_kernel``), ``lab.actors.mapping_expiry`` takes the entry away.
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

What each behavior is made of (``input`` sees what comes from outside and matches no mapping, for its destination is
then the middlebox itself):

=========================  =========  ==========================  ==========================
``ForgottenFlow``          tcp_loose  next segment from inside    next segment from outside
=========================  =========  ==========================  ==========================
``silent``                 0          ``invalid`` drop            ``input`` drop
``repickup-from-inside``   1          a new mapping, delivered    ``input`` drop
``repickup-on-new-port``   1          a new mapping, random port  ``input`` drop
``rst-to-sender``          0          ``invalid`` reject          ``input`` reject
``rst-to-inside``          0          ``invalid`` reject          ``input`` drop
``unreachable-to-inside``  0          ``invalid`` reject (ICMP)   ``input`` drop
``…-at-expiry``            0          ``invalid`` drop            ``input`` drop
=========================  =========  ==========================  ==========================

``rst-to-sender`` answers from outside only segments of flows it once mapped (the set ``flows``): a stranger's segment,
like any unsolicited packet in all of them, meets silence.

UDP (RFC 4787) beyond what ``masquerade`` does has memory of its own: ``lab.network.udp_memory``.

A SIP ALG is the kernel's own (``nf_conntrack_sip``, ``nf_nat_sip``), given by name to new flows from inside to port 5060::

    ct helper sip-udp {
        type "sip" protocol udp;
    }
    chain alg {
        type filter hook prerouting priority filter; policy accept;
        iifname "lan" udp dport 5060 ct state new ct helper set "sip-udp" comment "SIP ALG udp"
    }

It rewrites Via, Contact, Request-URI and SDP of messages that begin and end in one packet, keeps the mapping of a packet
with SIP in it for ``sip_timeout`` (3600 s, a setting of the whole kernel; over TCP the ACK that follows sets the timer
back), and expects flows to the contacts it saw registered.

Does not model: a limit on the number of mappings, port parity, blocks of ports, filtering of hairpinned packets.
"""  # noqa: E501  (one rule is one line)

from __future__ import annotations

from ipaddress import IPv4Address

from lab.errors import LabFault
from lab.model.middlebox import ForgottenFlow, Middlebox, SipAlg
from lab.network.nft_text import Lines, chain, named_set
from lab.network.udp_memory import Udp, preserves_ports
from lab.sip.ports import PORTS

NEVER = 2_147_483
"""Seconds, 24.8 days: the longest timeout a kernel with 1000 ticks a second can count in an ``int``."""

KERNEL_UNACKNOWLEDGED = 300
"""Seconds; ``nf_conntrack_proto_tcp.c``, TCP_CONNTRACK_UNACK and TCP_CONNTRACK_RETRANS: five minutes."""

SIP_PORT = PORTS["tcp"]
"""Where an ALG looks (``ports`` of ``nf_conntrack_sip.c``)."""

_ANSWERS_INSIDE = {
    ForgottenFlow.RST_TO_SENDER: 'reject with tcp reset comment "RST in"',
    ForgottenFlow.RST_TO_INSIDE: 'reject with tcp reset comment "RST in"',
    ForgottenFlow.UNREACHABLE_TO_INSIDE: 'reject with icmp type admin-prohibited comment "ICMP in"',
}


def rule_set(box: Middlebox, *, inside: str, outside: str, address: IPv4Address) -> str:
    """Return the nft text for one middlebox.

    Args:
        box: what it does.
        inside: name of the interface whose addresses it hides.
        outside: name of the interface whose address it shows.
        address: that address.
    """
    udp = Udp(box, inside=inside, outside=outside, address=address)
    answers_outside = box.forgotten is ForgottenFlow.RST_TO_SENDER
    in_, out = f'iifname "{inside}"', f'iifname "{outside}"'
    answer = _ANSWERS_INSIDE.get(box.forgotten)
    tcp_only = "meta l4proto tcp " if box.forgotten is ForgottenFlow.UNREACHABLE_TO_INSIDE else ""
    reset_out = (
        f'{out} ct state invalid ip saddr . tcp sport . tcp dport @flows reject with tcp reset comment "RST out"'
    )
    remembers_port = box.forgotten is ForgottenFlow.REPICKUP and not preserves_ports(box)
    forward = chain(
        "forward",
        "filter hook forward priority filter; policy drop;",
        *([f"{in_} {tcp_only}ct state invalid {answer}"] if answer else []),
        'ct state invalid drop comment "forgotten"',
        f'{in_} oifname "{outside}" accept comment "from inside"',
        f'{out} oifname "{inside}" ct state established,related accept comment "mapped"',
        *udp.let_in(),
    )
    entrance = chain(
        "input",
        "filter hook input priority filter; policy accept;",
        *([reset_out] if answers_outside else []),
        f'{out} drop comment "no mapping"',
    )
    mapping = chain(
        "mapping",
        "nat hook postrouting priority srcnat; policy accept;",
        *udp.map_out(),
        *_map_picked_up(box, outside, remembers_port=remembers_port),
        f'oifname "{outside}" masquerade{"" if preserves_ports(box) else " random"} comment "map"',
    )
    new = f'oifname "{outside}" ct state new'
    first = "ct original ip saddr . ct original proto-src . ip daddr . tcp dport"
    remembered = (
        *([f'{new} add @flows {{ ip daddr . tcp dport . tcp sport }} comment "remember"'] if answers_outside else []),
        *(
            [f'{new} meta l4proto tcp add @ports {{ {first} : tcp sport }} comment "remember port"']
            if remembers_port
            else []
        ),
        *udp.remember(),
    )
    memory = chain(  # after the mapping, so that the source port is the one the outside sees
        "memory", "filter hook postrouting priority srcnat + 10; policy accept;", *remembered
    )
    body = (
        *(named_set("flows", "set", "type ipv4_addr . inet_service . inet_service") if answers_outside else ()),
        *(
            named_set("ports", "map", "typeof ip saddr . tcp sport . ip daddr . tcp dport : tcp sport")
            if remembers_port
            else ()
        ),
        *udp.sets(),
        *_sip_alg(box, inside),
        *forward,
        *entrance,
        *udp.entry(),
        *mapping,
        *(memory if remembered else ()),
    )
    return "\n".join(["table ip lab {", *(f"\t{line}" for line in body), "}"]) + "\n"


def _sip_alg(box: Middlebox, inside: str) -> Lines:
    """Return the rules of the SIP ALG, after conntrack's own (``priority raw`` is before it) and before the mapping."""
    if not box.sip_alg:
        return ()
    protocols = [alg.value for alg in SipAlg if alg in box.sip_alg]
    helpers = [
        line for name in protocols for line in (f"ct helper sip-{name} {{", f'\ttype "sip" protocol {name};', "}")
    ]
    new = "ct state new ct helper set"
    rules = [
        f'iifname "{inside}" {name} dport {SIP_PORT} {new} "sip-{name}" comment "SIP ALG {name}"' for name in protocols
    ]
    return (*helpers, *chain("alg", "filter hook prerouting priority filter; policy accept;", *rules))


def _map_picked_up(box: Middlebox, outside: str, *, remembers_port: bool) -> Lines:
    """Return the rules that map a flow in the middle: conntrack calls it new, but it has no SYN."""
    middle = f'oifname "{outside}" tcp flags & syn == 0'
    if box.forgotten is ForgottenFlow.REPICKUP_NEW_PORT:
        return (f'{middle} masquerade random comment "new port"',)
    if remembers_port:
        key = "ip saddr . tcp sport . ip daddr . tcp dport"
        return (f'{middle} masquerade to : {key} map @ports comment "port as before"',)
    return ()


def conntrack_settings(box: Middlebox, *, ages_in_kernel: bool | None = None) -> tuple[tuple[str, int], ...]:
    """Return the (sysctl, value) pairs below ``net.netfilter`` for one middlebox.

    ``established`` is what the behavior says. Conntrack shortens it to ``unacknowledged`` while data lacks its ACK,
    and to ``max_retrans`` after three retransmissions, if those are smaller (``nf_conntrack_tcp_packet``). So they are
    never smaller here: the established idle timeout holds for every established flow; and never below the kernel's own
    300 s, which would shorten the transitory states. Of the UDP timers the shorter one holds until a flow has been
    answered and is 2 s old (``nf_conntrack_udp_packet``). The policy objects of ``ct timeout`` would do the same per
    flow, but give one that is picked up in mid-stream the timeout of SYN_SENT until its second packet (``nft_ct.c``).

    Where ``lab.actors.mapping_expiry`` does the aging, conntrack's own timers are out of its way.

    Args:
        box: what it does.
        ages_in_kernel: whether conntrack's timers do the aging; None: where they can.

    Raises:
        LabFault: a timeout the kernel cannot count: it has whole seconds, from 1 s to 24 days.
    """
    established = NEVER if box.established_idle_timeout is None else _whole(box.established_idle_timeout, box)
    new_udp, udp = _whole(box.new_udp_timer, box), _whole(box.udp_mapping_timer, box)
    transitory = _whole(box.transitory_timeout, box)
    if not (box.ages_in_kernel if ages_in_kernel is None else ages_in_kernel):
        established = new_udp = udp = NEVER
    settled = max(established, KERNEL_UNACKNOWLEDGED)
    return (
        ("nf_conntrack_tcp_loose", int(box.forgotten.picks_up)),
        ("nf_conntrack_tcp_timeout_established", established),
        ("nf_conntrack_tcp_timeout_unacknowledged", settled),
        ("nf_conntrack_tcp_timeout_max_retrans", settled),
        ("nf_conntrack_tcp_timeout_syn_sent", transitory),
        ("nf_conntrack_tcp_timeout_syn_recv", transitory),
        ("nf_conntrack_tcp_timeout_fin_wait", transitory),
        ("nf_conntrack_tcp_timeout_close_wait", transitory),
        ("nf_conntrack_tcp_timeout_last_ack", transitory),
        ("nf_conntrack_udp_timeout", new_udp),
        ("nf_conntrack_udp_timeout_stream", udp),
        ("nf_conntrack_timestamp", 1),  # start and exact end of each mapping, for the observer
        ("nf_conntrack_events", 1),  # for every mapping, whoever listens
    )


def comments(rules: str) -> list[str]:
    """Return the comments of a rule set, in order; a listing must show them again, however nft formats it."""
    return [line.rsplit(' comment "', 1)[1].rstrip('"') for line in rules.splitlines() if ' comment "' in line]


def _whole(seconds: float, box: Middlebox) -> int:
    if seconds != int(seconds) or not 1 <= seconds < NEVER:
        raise LabFault(
            f"plan middlebox {box.name}",
            detail=f"conntrack counts whole seconds from 1 s to {NEVER - 1} s, not {seconds:g} s",
        )
    return int(seconds)
