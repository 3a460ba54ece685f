"""Scenarios and a network, as text: the smallest scenario, and one with every key."""

from __future__ import annotations

from typing import Any

from tests.fault_cases import brought

SMALL = """\
title: t
topology: home-nat
middlebox: never-forgets
probes: [{ at: 45 s }]
ends: 60 s
"""

FULL = """\
title: t
source: somewhere
why: because
seed: 1
topology: two
transport: tls
server: { software: scripted, subscription-expires: 600 s, registration-expires: 300 s,
          notify-route: flow, answers-crlf: true, by-name: true, client-certificate: required,
          name: serves, authentication: { algorithm: MD5, nonce-lifetime: 301 s, methods: [SUBSCRIBE], as: server },
          idle-timeout: { after: 30 s, ends-with: rst, crlf-counts: false },
          registrar: { matches-by: instance, at-most: 5, when-full: refuse, removes-closed: true, least-expires: 60 s },
          on-gone-connection: wait, wait: 20 s }
client: { account: subscribe }
pjsip: 2.15.1
middlebox:
  home-nat:
    name: mine
    base: silent-60s
    established-idle-timeout: 50 s
    forgotten: silent
    udp-mapping-timer: 50 s
    udp-one-way-timer: 20 s
    transitory-timeout: 60 s
    refresh-direction: both
    refreshing-segments: any
    lifetime: never
    mapping: endpoint-independent
    filtering: address-dependent
    port-assignment: port-preservation
    hairpinning: unsupported
    sip-alg: [udp]
    evidence:
      { tcp: measured, udp: documented, forgotten: secondary, refresh: assumed, translation: measured, alg: secondary }
    source: measured
  cgn: rfc-ideal
strategy:
  { name: ping, what: pings, source: folklore,
    mitigations: [options-ping: { interval: 25 s }, server-crlf: { interval: 22 s, gives-up-after: 4 },
                  server-ws-ping: { interval: 27 s, gives-up-after: 6 },
                  server-options: { interval: 23 s, gives-up-after: 3, retransmits: false },
                  short-expiry: { expiry: 21 s }, flow-timer: { time: 24 s },
                  adaptive: { start: 101 s, longest: 201 s, resolution: 301 s }, crlf-keepalive: { interval: 102 s },
                  idle-time: { time: 103 s }, outbound: { reg-id: 104 },
                  pong-watchdog: { interval: 105 s, within: 205 s },
                  reconnect: { first: 106 s, longest: 206 s }, refresh-subscription: { interval: 107 s },
                  register: { expiry: 108 s }, resubscribe: { interval: 109 s }, tcp-user-timeout: { time: 112 s },
                  session-timer: { expiry: 210 s, min-expiry: 110 s }, tsx-timers: { t1: 113 ms, t2: 213 ms },
                  tcp-keepalive: { idle: 111 s, interval: 211 s, count: 11 }, udp-keepalive: { interval: 114 s },
                  server-push: { wait: 7 s, quiet-after: 115 s, priority: normal },
                  push-contact: { provider: fcm, param: project, prid: abc },
                  on-wake: { then: register, after: 116 s },
                  on-ip-change: { then: nothing }, watch-address: { interval: 117 s }] }
push: { delay: 1 s, delay-p95: 3 s, loss: 5 %, token-lasts: 1 h }
failure: { name: nothing }
impairments:
  - { from: client, to: home-nat, one-way-delay: 40 ms, jitter: 5 ms,
      loss: 1 %, duplicate: 2 %, reorder: 3 %, rate: 1 Mbit/s }
faults:
  - reboot: { at: 10 s, node: home-nat, address: 100.64.0.7 }
  - evict-flow: { at: 11 s, node: home-nat }
  - black-hole: { at: 12 s, node: cgn, direction: both, lasts: 2 s }
  - forged-segment: { at: 5 s after reconnected, node: cgn, flag: rst, to: client }
  - link-down: { at: 20 s, link: lan, lasts: 5 s }
  - mtu-black-hole: { at: 21 s, link: carrier, mtu: 1400, lasts: 3 s }
  - server-close: { at: 22 s }
  - server-restart: { at: 23 s, down: 2 s, keeps-state: true }
  - server-freeze: { at: 50 s, lasts: 7 s }
  - server-mute: { at: 25 s, lasts: 8 s }
  - server-slow: { at: 34 s, by: 9 s, lasts: 1 min }
  - expired-certificate: { at: 28 s, lasts: 70 s }
  - dns-failure: { at: 29 s, how: servfail, lasts: 71 s }
  - dns-change: { at: 19 s, address: 198.51.100.20, old: silent }
  - revoked-client-certificate: { at: 30 s, lasts: 72 s }
MORE_FAULTS
probes: [{ at: 45 s, kind: invite, within: 5 s, hold: 2 s, ring: 1 s }]
expect: { delivered: 100 % }
ends: 60 s
claims: [{ verdict: fail, cause: link-down, at: 20 s, within: 1 s }]
""".replace("MORE_FAULTS\n", "".join(f"  - {cases.written}\n" for cases in brought()))

OWN = FULL.replace(
    "client: { account: subscribe }\npjsip: 2.15.1\n",
    "client: { account: subscribe, name: my-phone, command: [sh, -c, 'true'], environment: { MODE: test },"
    " image: client-image }\n",
)
"""`FULL` with a client of the author's, which has no release."""

TWO_NATS = """\
nodes:
  client: { role: client }
  home-nat: { role: middlebox, inside: lan, outside: carrier }
  cgn: { role: middlebox, inside: carrier, outside: core }
  edge: { role: router }
  server: { role: server }
links:
  lan: { client: 10.0.0.2/24, home-nat: 10.0.0.1/24 }
  carrier: { home-nat: 100.64.0.2/24, cgn: 100.64.0.1/24 }
  core: { cgn: 203.0.113.1/24, edge: 203.0.113.2/24 }
  last: { edge: 198.51.100.1/24, server: 198.51.100.10/24 }
  second: { client: 192.0.2.2/24, edge: 192.0.2.1/24 }
"""

Read = Any
"""A function from a scenario's text to the scenario."""
