"""What becomes of a client whose mapping ended: the next one's port, and an address that changes more than once."""

from __future__ import annotations

import pytest

from tests.e2e.together import Cells, Virtually

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

LIFETIME = Cells(
    """\
title: A NAT with a lifetime gives another port afterwards
topology: home-nat
transport: udp
client: { account: register-and-subscribe }
middlebox: { name: m, base: silent-60s, lifetime: 60 s, port-assignment: no-port-preservation }
matrix: { strategy: [none, server-options-25s] }
probes: [ { at: 100 s, kind: options } ]
ends: 110 s
claims: [ { verdict: fail, cause: middlebox-forgot-flow, at: 60 s } ]
""",
    name="ended-by-lifetime",
)
EVICTED = Cells(
    """\
title: A flow that a NAT gave up gets another port
topology: home-nat
transport: udp
client: { account: register-and-subscribe }
middlebox: { name: m, base: silent-60s, port-assignment: no-port-preservation }
faults: [ { evict-flow: { at: 20 s, node: home-nat } } ]
probes: [ { at: 50 s, kind: options } ]
ends: 60 s
claims: [ { verdict: fail, cause: middlebox-evicted-flow, at: 20 s } ]
""",
    name="ended-by-eviction",
)
FREE = Cells(
    """\
title: A port that an eviction has freed is given again
topology: home-nat
transport: udp
client: { account: subscribe }
middlebox:
  { name: m, base: silent-60s, udp-one-way-timer: 170 s, udp-mapping-timer: 170 s, mapping: address-and-port-dependent }
strategy: { name: ping, mitigations: [ { options-ping: { interval: 25 s } } ] }
faults: [ { evict-flow: { at: 122 s, node: home-nat } } ]
probes: [ { at: 141 s } ]
ends: 150 s
claims: [ { verdict: pass } ]
""",
    name="free-port",
)
ADDRESSES = Cells(
    """\
title: A NAT comes back with a new address, with another, and with its first
topology: home-nat
transport: tls
middlebox: never-forgets
matrix: { strategy: [none, options-25s-drop-reconnect] }
faults:
  - reboot: { at: 10 s, node: home-nat, address: 198.51.100.11 }
  - reboot: { at: 20 s, node: home-nat, address: 198.51.100.12 }
  - reboot: { at: 30 s, node: home-nat, address: 198.51.100.12 }
  - reboot: { at: 40 s, node: home-nat, address: 198.51.100.2 }
probes: [ { at: 140 s } ]
ends: 150 s
claims:
  - { strategy: none, verdict: fail, cause: middlebox-new-address, at: 10 s }
  - { strategy: options-25s-drop-reconnect, verdict: pass }
""",
    name="several-addresses",
)
REMAPPED = Cells(
    """\
title: Remapped, then evicted; the first port is free again
topology: home-nat
transport: udp
client: { account: subscribe }
middlebox: silent-60s
strategy: options-ping-25s
faults: [ { port-remap: { at: 30 s, node: home-nat } }, { evict-flow: { at: 40 s, node: home-nat } } ]
probes: [ { at: 60 s } ]
ends: 70 s
claims: [ { verdict: pass } ]
""",
    name="remapped-then-evicted",
)
PICKED_UP = Cells(
    """\
title: A flow that is picked up after a reboot comes out of another port
topology: home-nat
transport: tcp
middlebox: { name: m, base: repickup-60s, port-assignment: no-port-preservation }
strategy: options-ping-25s
faults: [ { reboot: { at: 20 s, node: home-nat } } ]
probes: [ { at: 23 s } ]
ends: 60 s
claims: [ { verdict: fail, cause: middlebox-lost-table, at: 20 s } ]
""",
    name="picked-up-elsewhere",
)
AGED_ANEW = Cells(
    """\
title: The age of a mapping counts from its own beginning
topology: home-nat
transport: udp
client: { account: subscribe }
middlebox: { name: m, base: silent-60s, lifetime: 60 s }
strategy: options-ping-25s
faults: [ { reboot: { at: 30 s, node: home-nat } } ]
probes: [ { at: 58 s }, { at: 70 s }, { at: 103 s } ]
ends: 110 s
claims: [ { verdict: pass } ]
""",
    name="aged-anew",
)
EVERY = (LIFETIME, EVICTED, FREE, ADDRESSES, REMAPPED, PICKED_UP, AGED_ANEW)


@pytest.mark.cells(*EVERY)
@pytest.mark.parametrize("cells", EVERY, ids=lambda cells: cells.name)
def test_ended_mappings(virtually: Virtually, cells: Cells) -> None:
    """Each claim holds."""
    seen = virtually(cells)
    assert seen.status == 0, seen.said
