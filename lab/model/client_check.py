"""Makes the cells of ``lab actor check``: two, on a network without a middlebox.

client —wire— server
"""

from __future__ import annotations

from ipaddress import IPv4Interface

from lab.model.topology import Link, Node, Role, Topology

TOPOLOGY = Topology(
    name="wire",
    nodes=(Node(name="client", role=Role.CLIENT), Node(name="server", role=Role.SERVER)),
    links=(
        Link(
            name="wire",
            ends=(("client", IPv4Interface("203.0.113.2/24")), ("server", IPv4Interface("203.0.113.10/24"))),
        ),
    ),
)

ORDERLY, HANGS_UP = "orderly", "hangs-up"
"""Names of the two cells: one ends the client by ``stop``, one by the end of its input."""
