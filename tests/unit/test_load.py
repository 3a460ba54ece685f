"""Scenarios become cells; every key of a scenario file changes something in them."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabFault, ScenarioError
from lab.faults.mtu_black_hole import MtuBlackHole
from lab.loader import catalog
from lab.loader.conversion import keys
from lab.loader.expand import MOST_CELLS
from lab.loader.load import load
from lab.loader.one_key_mappings import faults
from lab.loader.probes import ProbeGrid
from lab.loader.scenario_file import ScenarioFile, schema
from lab.loader.topologies import read_topology
from lab.mitigations import classes
from lab.mitigations.hold_transport import HoldTransport
from lab.mitigations.options_ping import OptionsPing
from lab.model.authentication import Authentication, ChallengedMethod
from lab.model.idle_timeout import ConnectionEnd, IdleTimeout
from lab.model.impairment import Impairment
from lab.model.middlebox import Evidence, FilteringBehavior, ForgottenFlow, Grade, Middlebox, SipAlg
from lab.model.registrar import GoneConnection, MatchesBy, Registrar, WhenFull
from lab.model.scenario import (
    Cell,
    Claim,
    Client,
    ClientCertificate,
    Expectation,
    Probe,
    Registration,
    Scenario,
    Server,
    Strategy,
    Transport,
)
from lab.model.topology import Topology
from lab.model.verdict import Verdict
from lab.model.when import Event, When
from lab.units import Percent, Seconds
from tests.fault_cases import brought

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").rglob("*.yaml"))

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
                  server-options: { interval: 23 s, gives-up-after: 3, retransmits: false },
                  short-expiry: { expiry: 21 s }, flow-timer: { time: 24 s },
                  adaptive: { start: 101 s, longest: 201 s, resolution: 301 s }, crlf-keepalive: { interval: 102 s },
                  idle-time: { time: 103 s }, outbound: { reg-id: 104 },
                  pong-watchdog: { interval: 105 s, within: 205 s },
                  reconnect: { first: 106 s, longest: 206 s }, refresh-subscription: { interval: 107 s },
                  register: { expiry: 108 s }, resubscribe: { interval: 109 s }, tcp-user-timeout: { time: 112 s },
                  session-timer: { expiry: 210 s, min-expiry: 110 s }, tsx-timers: { t1: 113 ms, t2: 213 ms },
                  tcp-keepalive: { idle: 111 s, interval: 211 s, count: 11 }, udp-keepalive: { interval: 114 s }] }
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
  - client-move: { at: 27 s, told: true }
MORE_FAULTS
probes: [{ at: 45 s, kind: invite, within: 5 s, hold: 2 s, ring: 1 s }]
expect: { delivered: 100 % }
ends: 60 s
claims: [{ verdict: fail, cause: link-down, at: 20 s, within: 1 s }]
""".replace("MORE_FAULTS\n", "".join(f"  - {cases.written}\n" for cases in brought()))

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


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a scenario in a project of its own, with the networks ``home-nat``, ``two`` and ``other``."""
    nets = tmp_path / "topologies"
    nets.mkdir()
    (nets / "home-nat.yaml").write_bytes((ROOT / "topologies" / "home-nat.yaml").read_bytes())
    (nets / "two.yaml").write_text(TWO_NATS)
    (nets / "other.yaml").write_text(TWO_NATS.replace("198.51.100.10/24", "198.51.100.11/24"))

    def load_text(text: str, name: str = "a") -> Scenario:
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return load(path)

    return load_text


OWN = FULL.replace(
    "client: { account: subscribe }\npjsip: 2.15.1\n",
    "client: { account: subscribe, name: my-phone, command: [sh, -c, 'true'], environment: { MODE: test },"
    " image: client-image }\n",
)
"""The same with a client of the author's, which has no release."""

A_GRID = "{ every: 1 s, from: 2 s, until: 20 s, kind: invite, within: 5 s, hold: 2 s, ring: 1 s, apart: true }"
GRID = SMALL.replace("probes: [{ at: 45 s }]", f"probes: {A_GRID}\nexpect: {{ reachable: 99 % }}")
"""Probes at regular moments, each in a cell of its own."""

HOW_TO_REGISTER = (
    ", registration: { expires: 51 s, refresh-before: 4 s, first-retry-interval: 3 s, retry-interval: 52 s,"
    " retry-jitter: 6 s }"
)
TOLD_TO_REGISTER = FULL.replace(
    "client: { account: subscribe }", f"client: {{ account: register-and-subscribe{HOW_TO_REGISTER} }}"
)
"""The same with a client that is told how to register."""

UNASKED = (
    FULL.replace("client-certificate: required,", "client-certificate: none,")
    .replace("  - revoked-client-certificate: { at: 30 s, lasts: 72 s }\n", "")
    .replace("  - expired-certificate: { at: 28 s, lasts: 70 s }\n", "")
    .replace("  - dns-failure: { at: 29 s, how: servfail, lasts: 71 s }\n", "")
    .replace("  - dns-change: { at: 19 s, address: 198.51.100.20, old: silent }\n", "")
)
"""The same with a server that asks for no certificate, and without the faults that need one, or TLS, or a name."""

LIVENESS = {
    "title": ("title: t", "title: another"),
    "source": ("source: somewhere\n", "source: elsewhere\n"),
    "why": ("why: because", "why: why not"),
    "seed": ("seed: 1", "seed: 2"),
    "topology": ("topology: two", "topology: other"),
    "transport": ("transport: tls\n", "transport: tcp\n"),
    "server": ("server: { software: scripted, subscription-", "server: { software: kamailio, subscription-"),
    "server.software": ("software: scripted", "software: kamailio"),
    "server.subscription-expires": ("subscription-expires: 600 s", "subscription-expires: 60 s"),
    "server.registration-expires": ("registration-expires: 300 s", "registration-expires: 90 s"),
    "server.notify-route": ("notify-route: flow", "notify-route: contact"),
    "server.client-certificate": ("client-certificate: none", "client-certificate: required"),
    "server.answers-crlf": ("answers-crlf: true", "answers-crlf: false"),
    "server.name": ("name: serves", "name: another"),
    "server.authentication": (
        "authentication: { algorithm: MD5, nonce-lifetime: 301 s, methods: [SUBSCRIBE], as: server },\n",
        "\n",
    ),
    "authentication.algorithm": ("algorithm: MD5", "algorithm: SHA-256"),
    "authentication.nonce-lifetime": ("nonce-lifetime: 301 s", "nonce-lifetime: 31 s"),
    "authentication.methods": ("methods: [SUBSCRIBE]", "methods: [SUBSCRIBE, REGISTER]"),
    "authentication.as": ("as: server", "as: proxy"),
    "server.idle-timeout": ("idle-timeout: { after: 30 s, ends-with: rst, crlf-counts: false },", ""),
    "idle-timeout.after": ("after: 30 s, ends-with", "after: 31 s, ends-with"),
    "idle-timeout.ends-with": ("ends-with: rst", "ends-with: fin"),
    "idle-timeout.crlf-counts": ("crlf-counts: false", "crlf-counts: true"),
    "server.by-name": ("by-name: true", "by-name: false"),
    "server.registrar": ("registrar: { matches-by: instance, at", "registrar: { matches-by: contact, at"),
    "server.on-gone-connection": ("on-gone-connection: wait, wait: 20 s", "on-gone-connection: connect"),
    "server.wait": (", wait: 20 s", ", wait: 21 s"),
    "registrar.matches-by": ("matches-by: instance", "matches-by: connection"),
    "registrar.at-most": ("at-most: 5", "at-most: 6"),
    "registrar.when-full": ("when-full: refuse", "when-full: remove-oldest"),
    "registrar.removes-closed": ("removes-closed: true", "removes-closed: false"),
    "registrar.least-expires": ("least-expires: 60 s", "least-expires: 59 s"),
    "client": ("client: { account: subscribe }", "client: { account: register-and-subscribe }"),
    "pjsip": ("pjsip: 2.15.1\n", "pjsip: 2.10\n"),
    "client.account": ("account: subscribe", "account: register-and-subscribe"),
    "client.name": ("name: my-phone", "name: your-phone"),
    "client.command": ("command: [sh, -c, 'true']", "command: [sh, -c, 'false']"),
    "client.environment": ("environment: { MODE: test }", "environment: { MODE: other }"),
    "client.registration": (HOW_TO_REGISTER, ""),
    "registration.expires": ("expires: 51 s", "expires: 50 s"),
    "registration.refresh-before": ("refresh-before: 4 s", "refresh-before: 5 s"),
    "registration.first-retry-interval": ("first-retry-interval: 3 s", "first-retry-interval: 0 s"),
    "registration.retry-interval": (" retry-interval: 52 s", " retry-interval: never"),
    "registration.retry-jitter": ("retry-jitter: 6 s", "retry-jitter: 0 s"),
    "client.image": ("image: client-image", "image: other-image"),
    "middlebox": ("cgn: rfc-ideal", "cgn: never-forgets"),
    "middlebox.name": ("name: mine", "name: yours"),
    "middlebox.base": ("base: silent-60s\n    established-idle-timeout: 50 s\n", "base: silent-60s\n"),
    "middlebox.established-idle-timeout": ("idle-timeout: 50 s", "idle-timeout: never"),
    "middlebox.forgotten": ("forgotten: silent", "forgotten: rst-to-sender"),
    "middlebox.udp-mapping-timer": ("mapping-timer: 50 s", "mapping-timer: 51 s"),
    "middlebox.udp-one-way-timer": ("way-timer: 20 s", "way-timer: 21 s"),
    "middlebox.transitory-timeout": ("transitory-timeout: 60 s", "transitory-timeout: 61 s"),
    "middlebox.refresh-direction": ("refresh-direction: both", "refresh-direction: outbound"),
    "middlebox.refreshing-segments": ("refreshing-segments: any", "refreshing-segments: data"),
    "middlebox.lifetime": ("lifetime: never", "lifetime: 1 h"),
    "middlebox.mapping": ("mapping: endpoint-independent", "mapping: address-dependent"),
    "middlebox.filtering": ("filtering: address-dependent", "filtering: endpoint-independent"),
    "middlebox.port-assignment": ("port-assignment: port-preservation", "port-assignment: no-port-preservation"),
    "middlebox.hairpinning": ("hairpinning: unsupported", "hairpinning: external-source"),
    "middlebox.sip-alg": ("sip-alg: [udp]", "sip-alg: [udp, tcp]"),
    "middlebox.evidence": ("{ tcp: measured, ", "{ "),
    "evidence.tcp": ("tcp: measured", "tcp: synthetic"),
    "evidence.udp": ("udp: documented", "udp: synthetic"),
    "evidence.forgotten": ("forgotten: secondary", "forgotten: synthetic"),
    "evidence.refresh": ("refresh: assumed", "refresh: synthetic"),
    "evidence.translation": ("translation: measured", "translation: synthetic"),
    "evidence.alg": ("alg: secondary", "alg: synthetic"),
    "middlebox.source": ("source: measured", "source: guessed"),
    "strategy": ("interval: 25 s", "interval: 26 s"),
    "strategy.name": ("name: ping", "name: pong"),
    "strategy.what": ("what: pings", "what: pongs"),
    "strategy.source": ("source: folklore", "source: hearsay"),
    "strategy.mitigations": ("[options-ping: { interval: 25 s }, ", "[hold-transport, "),
    "options-ping.interval": ("interval: 25 s", "interval: 26 s"),
    "server-options.interval": ("interval: 23 s", "interval: 26 s"),
    "server-options.gives-up-after": ("gives-up-after: 3", "gives-up-after: 1"),
    "server-options.retransmits": ("retransmits: false", "retransmits: true"),
    "server-options.marks-only": ("gives-up-after: 3", "gives-up-after: 3, marks-only: true"),
    "server-options.closes-connection": ("gives-up-after: 3", "gives-up-after: 3, closes-connection: true"),
    "server-options.ends-calls": ("gives-up-after: 3", "gives-up-after: 3, ends-calls: true"),
    "server-crlf.interval": ("interval: 22 s", "interval: 26 s"),
    "server-crlf.gives-up-after": ("gives-up-after: 4", "gives-up-after: 5"),
    "server-crlf.marks-only": ("gives-up-after: 4", "gives-up-after: 4, marks-only: true"),
    "server-crlf.closes-connection": ("gives-up-after: 4", "gives-up-after: 4, closes-connection: true"),
    "server-crlf.ends-calls": ("gives-up-after: 4", "gives-up-after: 4, ends-calls: true"),
    "short-expiry.expiry": ("expiry: 21 s", "expiry: 26 s"),
    "adaptive.start": ("start: 101 s", "start: 100 s"),
    "adaptive.longest": ("longest: 201 s", "longest: 200 s"),
    "adaptive.resolution": ("resolution: 301 s", "resolution: 300 s"),
    "crlf-keepalive.interval": ("interval: 102 s", "interval: 2 s"),
    "idle-time.time": ("time: 103 s", "time: 3 s"),
    "outbound.reg-id": ("reg-id: 104", "reg-id: 4"),
    "outbound.instance-id": (
        "reg-id: 104",
        "reg-id: 104, instance-id: 'urn:uuid:00000000-0000-1000-8000-000a95a0e128'",
    ),
    "pong-watchdog.interval": ("interval: 105 s", "interval: 5 s"),
    "pong-watchdog.within": ("within: 205 s", "within: 5 s"),
    "reconnect.first": ("first: 106 s", "first: 6 s"),
    "reconnect.longest": ("longest: 206 s", "longest: 207 s"),
    "refresh-subscription.interval": ("interval: 107 s", "interval: 7 s"),
    "register.expiry": ("expiry: 108 s", "expiry: 8 s"),
    "resubscribe.interval": ("interval: 109 s", "interval: 9 s"),
    "session-timer.expiry": ("{ expiry: 210 s", "{ expiry: 211 s"),
    "session-timer.min-expiry": ("min-expiry: 110 s", "min-expiry: 111 s"),
    "tcp-keepalive.idle": ("idle: 111 s", "idle: 11 s"),
    "tcp-keepalive.interval": ("interval: 211 s", "interval: 21 s"),
    "tcp-keepalive.count": ("count: 11", "count: 12"),
    "tcp-user-timeout.time": ("time: 112 s", "time: 12 s"),
    "tsx-timers.t1": ("t1: 113 ms", "t1: 13 ms"),
    "tsx-timers.t2": ("t2: 213 ms", "t2: 214 ms"),
    "udp-keepalive.interval": ("interval: 114 s", "interval: 14 s"),
    "failure": (
        "failure: { name: nothing }",
        "failure: { name: nothing, faults: [link-down: { at: 1 s, link: lan, lasts: 1 s }] }",
    ),
    "claims.failure": ("{ verdict", "{ failure: nothing, verdict"),
    "flow-timer.time": ("time: 24 s", "time: 26 s"),
    "matrix": ("transport: tls\n", "matrix: { transport: [tls] }\n"),
    "impairments": ("impairments:\n", "impairments:\n  - { from: server, to: edge }\n"),
    "impairments.from": ("from: client, to: home-nat", "from: cgn, to: home-nat"),
    "impairments.to": ("from: client, to: home-nat", "from: home-nat, to: client"),
    "impairments.one-way-delay": ("one-way-delay: 40 ms", "one-way-delay: 41 ms"),
    "impairments.jitter": ("jitter: 5 ms", "jitter: 6 ms"),
    "impairments.loss": ("loss: 1 %", "loss: 2 %"),
    "impairments.duplicate": ("duplicate: 2 %", "duplicate: 3 %"),
    "impairments.reorder": ("reorder: 3 %", "reorder: 4 %"),
    "impairments.rate": ("rate: 1 Mbit/s", "rate: 2 Mbit/s"),
    "faults": ("  - server-close: { at: 22 s }\n", ""),
    "reboot.at": ("at: 10 s", "at: 9 s"),
    "reboot.node": ("node: home-nat, address: 100.64.0.7", "node: cgn, address: 203.0.113.7"),
    "reboot.address": ("address: 100.64.0.7", "address: 100.64.0.8"),
    "evict-flow.at": ("at: 11 s", "at: 9 s"),
    "evict-flow.node": ("{ at: 11 s, node: home-nat }", "{ at: 11 s, node: cgn }"),
    "black-hole.at": ("at: 12 s", "at: 9 s"),
    "black-hole.node": ("at: 12 s, node: cgn", "at: 12 s, node: home-nat"),
    "black-hole.direction": ("cgn, direction: both", "cgn, direction: in"),
    "black-hole.lasts": ("direction: both, lasts: 2 s", "direction: both, lasts: 3 s"),
    "forged-segment.at": ("at: 5 s after reconnected", "at: 5 s after refreshed"),
    "forged-segment.node": ("reconnected, node: cgn", "reconnected, node: home-nat"),
    "forged-segment.flag": ("flag: rst", "flag: fin"),
    "forged-segment.to": ("to: client", "to: both"),
    "link-down.at": ("link-down: { at: 20 s", "link-down: { at: 21 s"),
    "link-down.link": ("link: lan", "link: core"),
    "link-down.lasts": ("lasts: 5 s", "lasts: 6 s"),
    "mtu-black-hole.at": ("at: 21 s", "at: 9 s"),
    "mtu-black-hole.link": ("link: carrier", "link: core"),
    "mtu-black-hole.mtu": ("mtu: 1400", "mtu: 1300"),
    "mtu-black-hole.lasts": ("mtu: 1400, lasts: 3 s", "mtu: 1400"),
    "server-close.at": ("at: 22 s", "at: 9 s"),
    "server-restart.at": ("at: 23 s", "at: 9 s"),
    "server-restart.down": ("down: 2 s", "down: 3 s"),
    "server-restart.keeps-state": ("keeps-state: true", "keeps-state: false"),
    "server-freeze.at": ("at: 50 s", "at: 51 s"),
    "server-freeze.lasts": ("lasts: 7 s", "lasts: 6 s"),
    "server-mute.at": ("at: 25 s", "at: 9 s"),
    "server-mute.lasts": ("lasts: 8 s", "lasts: 6 s"),
    "server-slow.at": ("at: 34 s", "at: 35 s"),
    "server-slow.by": ("by: 9 s", "by: 1 s"),
    "server-slow.lasts": ("lasts: 1 min", "lasts: 2 min"),
    "expired-certificate.at": ("at: 28 s", "at: 9 s"),
    "expired-certificate.lasts": ("lasts: 70 s", "lasts: 60 s"),
    "dns-failure.at": ("at: 29 s", "at: 32 s"),
    "dns-failure.how": ("how: servfail", "how: silent"),
    "dns-failure.lasts": ("lasts: 71 s", "lasts: 60 s"),
    "dns-change.at": ("at: 19 s", "at: 9 s"),
    "dns-change.address": ("address: 198.51.100.20", "address: 198.51.100.21"),
    "dns-change.old": ("old: silent", "old: serves"),
    "revoked-client-certificate.at": ("at: 30 s", "at: 9 s"),
    "revoked-client-certificate.lasts": ("lasts: 72 s", "lasts: 61 s"),
    "client-move.at": ("at: 27 s", "at: 26 s"),
    "client-move.told": ("told: true", "told: false"),
    "probes": ("probes: [", "probes: [{ at: 30 s }, "),
    "probes.at": ("{ at: 45 s", "{ at: 46 s"),
    "probes.kind": ("kind: invite, within: 5 s, hold: 2 s, ring: 1 s", "kind: message, within: 5 s"),
    "probes.within": ("within: 5 s, hold", "within: 6 s, hold"),
    "probes.hold": ("hold: 2 s", "hold: 3 s"),
    "probes.ring": ("ring: 1 s", "ring: 2 s"),
    "expect": ("expect: { delivered: 100 % }\n", "expect: { delivered: 50 % }\n"),
    "expect.delivered": ("delivered: 100 %", "delivered: 50 %"),
    "expect.outage": ("expect: { delivered: 100 % }", "expect: { delivered: 100 %, outage: 2 s }"),
    "expect.reachable": ("expect: { reachable: 99 % }", "expect: { reachable: 98 % }"),
    "probe grid.every": ("every: 1 s", "every: 2 s"),
    "probe grid.from": ("from: 2 s", "from: 3 s"),
    "probe grid.until": ("until: 20 s", "until: 21 s"),
    "probe grid.apart": ("apart: true }\nexpect: { reachable: 99 % }\n", "apart: false }\n"),
    "probe grid.kind": ("kind: invite, within: 5 s, hold: 2 s, ring: 1 s, apart", "kind: options, within: 5 s, apart"),
    "probe grid.within": ("within: 5 s", "within: 6 s"),
    "probe grid.hold": ("hold: 2 s", "hold: 3 s"),
    "probe grid.ring": ("ring: 1 s", "ring: 2 s"),
    "ends": ("ends: 60 s", "ends: 61 s"),
    "radio": ("ends: 60 s\n", "ends: 60 s\nradio: umts\n"),
    "costs-over": ("ends: 60 s\n", "ends: 60 s\ncosts-over: 2 h\n"),
    "claims": ("claims: [{ verdict: fail, cause: link-down, at: 20 s, within: 1 s }]\n", ""),
    "claims.strategy": ("{ verdict", "{ strategy: ping, verdict"),
    "claims.middlebox": ("{ verdict", "{ middlebox: mine+rfc-ideal, verdict"),
    "claims.server": ("{ verdict", "{ server: serves, verdict"),
    "claims.client": ("{ verdict", "{ client: pjsip, verdict"),
    "claims.transport": ("{ verdict", "{ transport: [tls], verdict"),
    "claims.pjsip": ("{ verdict", "{ pjsip: [2.15.1], verdict"),
    "claims.verdict": ("verdict: fail, cause: link-down, at: 20 s, within: 1 s", "verdict: pass"),
    "claims.cause": ("cause: link-down", "cause: unknown"),
    "claims.at": ("at: 20 s, within: 1 s", "at: 21 s, within: 1 s"),
    "claims.within": ("at: 20 s, within: 1 s", "at: 20 s, within: 2 s"),
    **{key: change for cases in brought() for key, change in cases.liveness.items()},
}
"""Each key of a scenario file, with a change to FULL that touches no other key."""


OF_GRIDS = {key for key in LIVENESS if key.startswith("probe grid.")} | {"expect.reachable"}
OF_OWN_CLIENTS = {"client.name", "client.command", "client.environment", "client.image"}
OF_UNASKED = {"transport", "server.client-certificate", "server.by-name"}


def every_key() -> set[str]:
    """All keys a scenario file can have, from the dataclasses they are read into."""
    sections: dict[str, Any] = {
        "server": Server,
        "authentication": Authentication,
        "idle-timeout": IdleTimeout,
        "registrar": Registrar,
        "client": Client,
        "registration": Registration,
        "middlebox": Middlebox,
        "evidence": Evidence,
        "strategy": Strategy,
        "impairments": Impairment,
        "probes": Probe,
        "probe grid": ProbeGrid,
        "expect": Expectation,
        "claims": Claim,
        **faults(),
        **classes(),
    }
    inner = {f"{section}.{key}" for section, cls in sections.items() for key in keys(cls)}
    return {*keys(ScenarioFile), *inner, "middlebox.base"}


def test_liveness_is_complete() -> None:
    """A key added to a scenario file needs a proof that it does something."""
    assert set(LIVENESS) == every_key()


@pytest.mark.parametrize("key", LIVENESS)
def test_liveness(key: str, read: Read) -> None:
    """Changing the value of any key changes a cell (or, of the texts about it, the scenario)."""
    before, after = LIVENESS[key]
    full = OWN if key in OF_OWN_CLIENTS else UNASKED if key in OF_UNASKED else GRID if key in OF_GRIDS else FULL
    full = TOLD_TO_REGISTER if "registration" in key and not key.startswith("server.") else full
    assert full.count(before) == 1
    first, second = read(full), read(full.replace(before, after))
    if key in ("title", "source", "why"):
        assert getattr(first, key) != getattr(second, key)
    else:
        assert first.cells != second.cells


def test_every_value_arrives(read: Read) -> None:
    """What is written is what a cell says."""
    labels = "strategy: ping, middlebox: [mine+rfc-ideal], transport: tls, verdict"
    (cell,) = read(FULL.replace("verdict", labels)).cells
    assert cell.name == "ping"
    assert cell.axes == (("strategy", "ping"),)
    assert cell.server == Server(
        subscription_expires=Seconds(600),
        registration_expires=Seconds(300),
        by_name=True,
        client_certificate=ClientCertificate.REQUIRED,
        name="serves",
        authentication=Authentication(nonce_lifetime=Seconds(301), methods=(ChallengedMethod.SUBSCRIBE,)),
        idle_timeout=IdleTimeout(after=Seconds(30), ends_with=ConnectionEnd.RST, crlf_counts=False),
        registrar=Registrar(
            matches_by=MatchesBy.INSTANCE,
            at_most=5,
            when_full=WhenFull.REFUSE,
            removes_closed=True,
            least_expires=Seconds(60),
        ),
        on_gone_connection=GoneConnection.WAIT,
        wait=Seconds(20),
    )
    assert dict(cell.middleboxes)["home-nat"] == Middlebox(
        name="mine",
        established_idle_timeout=Seconds(50),
        forgotten=ForgottenFlow.SILENT,
        udp_mapping_timer=Seconds(50),
        udp_one_way_timer=Seconds(20),
        transitory_timeout=Seconds(60),
        filtering=FilteringBehavior.ADDRESS_DEPENDENT,
        sip_alg=(SipAlg.UDP,),
        evidence=Evidence(
            tcp=Grade.MEASURED,
            udp=Grade.DOCUMENTED,
            forgotten=Grade.SECONDARY,
            translation=Grade.MEASURED,
            alg=Grade.SECONDARY,
        ),
        source="measured",
    )
    assert dict(cell.middleboxes)["cgn"] == catalog.middlebox("rfc-ideal")
    assert cell.strategy.mitigations[0] == OptionsPing(interval=Seconds(25))
    written = re.findall(r"^  - ([a-z-]+): \{ at: ", FULL, re.MULTILINE)
    assert sorted(written) == sorted(faults())
    assert [type(fault) for fault in cell.faults] == [faults()[kind] for kind in written]
    assert cell.faults[3].at == When(offset=5.0, event=Event.RECONNECTED)
    assert cell.claim == Claim(
        strategy=("ping",),
        middlebox=("mine+rfc-ideal",),
        transport=("tls",),
        verdict=Verdict.FAIL,
        cause="link-down",
        at=Seconds(20),
        within=Seconds(1),
    )


def test_servers_that_are_compared_by_name(read: Read) -> None:
    """One program with different settings; cells and claims go by the name, and by the program where there is none."""
    servers = "matrix: { server: [scripted, { name: asks, authentication: {} }, { software: kamailio }] }\n"
    claims = "claims: [{ server: [asks, kamailio], verdict: pass }]\n"
    cells = read(SMALL + servers + claims).cells
    assert [cell.name for cell in cells] == ["scripted", "asks", "kamailio"]
    assert [cell.server.software for cell in cells] == ["scripted", "scripted", "kamailio"]
    assert [cell.server.authentication for cell in cells] == [None, Authentication(), None]
    assert [cell.claim is None for cell in cells] == [True, False, False]


def test_defaults(read: Read) -> None:
    """What is not written is off, or as the model's classes say."""
    (cell,) = read(SMALL).cells
    assert cell == Cell(
        scenario="a",
        name="none",
        axes=(("strategy", "none"),),
        seed=1,
        topology=cell.topology,
        middleboxes=(("home-nat", catalog.middlebox("never-forgets")),),
        transport=Transport.TLS,
        server=Server(),
        client=Client(),
        strategy=catalog.strategy("none"),
        faults=(),
        probes=(Probe(at=Seconds(45), within=Seconds(5)),),
        expect=Expectation(delivered=Percent(100)),
        ends=Seconds(60),
        claim=None,
        folder=cell.folder,
        unsupported="",
    )


def test_scenario_keeps_its_text(read: Read) -> None:
    """The scenario holds what was written, for the run's folder."""
    scenario = read(SMALL, "some-name")
    assert scenario.name == "some-name"
    assert scenario.text == SMALL
    assert (scenario.title, scenario.why, scenario.source) == ("t", "", "")


def matrix(strategy: str = "[none, hold-transport]", more: str = "", claims: str = "") -> str:
    """A scenario with a matrix."""
    return SMALL.replace("middlebox: never-forgets\n", "") + f"matrix:\n  strategy: {strategy}\n{more}{claims}"


def test_last_axis_varies_fastest(read: Read) -> None:
    """Cells come in matrix order, named by the labels of the swept axes."""
    text = matrix(more="  middlebox: [silent-60s, rfc-ideal]\n  transport: [udp, tcp]\n")
    scenario = read(text)
    assert [cell.name for cell in scenario.cells] == [
        f"{strategy},{middlebox},{transport}"
        for strategy in ("none", "hold-transport")
        for middlebox in ("silent-60s", "rfc-ideal")
        for transport in ("udp", "tcp")
    ]
    assert scenario.cells[1].axes == (("strategy", "none"), ("middlebox", "silent-60s"), ("transport", "tcp"))
    assert scenario.cells[1].transport is Transport.TCP


def test_axes_are_in_the_order_of_the_file(read: Read) -> None:
    """The author decides which axis is the outer one."""
    text = SMALL.replace("middlebox: never-forgets\n", "")
    text += "matrix:\n  middlebox: [silent-60s, rfc-ideal]\n  strategy: [hold-transport, none]\n"
    assert [cell.name for cell in read(text).cells] == [
        "silent-60s,hold-transport",
        "silent-60s,none",
        "rfc-ideal,hold-transport",
        "rfc-ideal,none",
    ]


def test_first_claim_wins(read: Read) -> None:
    """A cell gets the first claim that speaks of it, and none if none does."""
    text = matrix(
        more="  middlebox: [silent-60s, rfc-ideal]\n",
        claims="claims:\n"
        "  - { strategy: none, middlebox: rfc-ideal, verdict: pass }\n"
        "  - { strategy: none, transport: tls, verdict: fail }\n"
        "  - { middlebox: [silent-60s], verdict: inconclusive }\n",
    )
    claims = {cell.name: cell.claim and cell.claim.verdict for cell in read(text).cells}
    assert claims == {
        "none,silent-60s": Verdict.FAIL,
        "none,rfc-ideal": Verdict.PASS,
        "hold-transport,silent-60s": Verdict.INCONCLUSIVE,
        "hold-transport,rfc-ideal": None,
    }


def test_most_cells(read: Read) -> None:
    """The largest matrix allowed is expanded."""
    strategies = ["none", *(f"{{ name: s{n}, mitigations: [hold-transport] }}" for n in range(99))]
    boxes = [f"{{ name: m{n}, established-idle-timeout: {n + 1} s }}" for n in range(50)]
    text = matrix(f"[{', '.join(strategies)}]", f"  middlebox: [{', '.join(boxes)}]\n")
    assert len(read(text).cells) == MOST_CELLS
    with pytest.raises(ScenarioError, match=r"too many cells, got 15000"):
        read(text + "  transport: [udp, tcp, tls]\n")


def test_several_middleboxes_have_one_label(read: Read) -> None:
    """A value of the middlebox axis says one profile for each middlebox, and is called by all of them."""
    text = SMALL.replace("home-nat", "two").replace("middlebox: never-forgets\n", "")
    boxes = "{ home-nat: silent-60s, cgn: rfc-ideal }, { cgn: never-forgets, home-nat: rfc-ideal }"
    text += f"matrix: {{ middlebox: [{boxes}] }}\n"
    scenario = read(text)
    assert [cell.name for cell in scenario.cells] == ["silent-60s+rfc-ideal", "rfc-ideal+never-forgets"]
    assert [[(node, box.name) for node, box in cell.middleboxes] for cell in scenario.cells] == [
        [("home-nat", "silent-60s"), ("cgn", "rfc-ideal")],
        [("home-nat", "rfc-ideal"), ("cgn", "never-forgets")],
    ]


def test_network_without_a_middlebox(read: Read, tmp_path: Path) -> None:
    """Client and server may share a wire; then there is nothing to say of middleboxes."""
    wire = "links: { wire: { client: 198.51.100.1/24, server: 198.51.100.2/24 } }\n"
    nodes = "nodes: { client: { role: client }, server: { role: server } }\n"
    (tmp_path / "topologies" / "wire.yaml").write_text(nodes + wire)
    text = SMALL.replace("home-nat", "wire").replace("middlebox: never-forgets\n", "")
    (cell,) = read(text + "claims: [{ strategy: none, verdict: pass }]\n").cells
    assert cell.middleboxes == ()
    assert cell.claim is not None


def test_cell_names_fit_a_folder(read: Read, tmp_path: Path) -> None:
    """Labels that are each short enough may be too long together."""
    nodes = "".join(f"  n{n}: {{ role: middlebox, inside: l{n}, outside: l{n + 1} }}\n" for n in range(6))
    links = "".join(f"  l{n}: {{ n{n - 1}: 10.0.{n}.1/24, n{n}: 10.0.{n}.2/24 }}\n" for n in range(1, 6))
    net = "nodes:\n  client: { role: client }\n  server: { role: server }\n" + nodes
    net += "links:\n  l0: { client: 10.0.0.1/24, n0: 10.0.0.2/24 }\n" + links
    net += "  l6: { n5: 203.0.113.1/24, server: 203.0.113.2/24 }\n"
    (tmp_path / "topologies" / "deep.yaml").write_text(net)
    value = ", ".join(f"n{n}: {{ name: {'x' * 39}{n}, base: rfc-ideal }}" for n in range(6))
    text = SMALL.replace("home-nat", "deep").replace("middlebox: never-forgets\n", "")
    with pytest.raises(ScenarioError, match=r"a cell's name is too long, got 245 characters"):
        read(text + f"matrix: {{ middlebox: [{{ {value} }}] }}\n")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{ name: m, base: silent-60s }", catalog.middlebox("silent-60s")),
        (
            "{ name: m, base: silent-60s, established-idle-timeout: 30 s }",
            dataclasses.replace(
                catalog.middlebox("silent-60s"),
                established_idle_timeout=Seconds(30),
                evidence=dataclasses.replace(catalog.middlebox("silent-60s").evidence, tcp=Grade.ASSUMED),
                source="silent-60s with another established-idle-timeout; " + catalog.middlebox("silent-60s").source,
            ),
        ),
        (
            "{ name: m, base: silent-60s, established-idle-timeout: never, source: mine }",
            dataclasses.replace(
                catalog.middlebox("silent-60s"),
                established_idle_timeout=None,
                evidence=dataclasses.replace(catalog.middlebox("silent-60s").evidence, tcp=Grade.ASSUMED),
                source="mine",
            ),
        ),
        ("{ name: m }", Middlebox(name="m")),
        ("{ name: m, udp-mapping-timer: 30 s }", Middlebox(name="m", udp_mapping_timer=Seconds(30))),
    ],
)
def test_own_middlebox(written: str, expected: Middlebox, read: Read) -> None:
    """A profile of one's own takes from its base what it does not say, and says where it came from."""
    (cell,) = read(SMALL.replace("never-forgets", written)).cells
    assert cell.middleboxes == (("home-nat", dataclasses.replace(expected, name="m")),)


def test_kind_without_parameters(read: Read) -> None:
    """A mitigation without parameters may be written with or without its empty mapping."""
    one, other = (
        read(SMALL + f"strategy: {{ name: s, mitigations: [{kind}] }}\n")
        for kind in ("hold-transport", "{ hold-transport: {} }")
    )
    assert one.cells == other.cells
    assert one.cells[0].strategy.mitigations == (HoldTransport(),)


@pytest.mark.parametrize("path", ["./topologies/home-nat.yaml", "topologies/../topologies/home-nat.yaml"])
def test_topology_by_path(path: str, read: Read) -> None:
    """A path relative to the scenario names the same network as its name."""
    assert read(SMALL.replace("topology: home-nat", f"topology: {path}")).cells == read(SMALL).cells


def test_project_is_the_nearest_with_topologies(tmp_path: Path, read: Read) -> None:
    """A folder of networks nearer to the scenario hides the one above."""
    inner = tmp_path / "inner"
    (inner / "topologies").mkdir(parents=True)
    (inner / "topologies" / "home-nat.yaml").write_text(TWO_NATS)
    (inner / "deeper").mkdir()
    (inner / "deeper" / "a.yaml").write_text(
        SMALL.replace("middlebox: never-forgets", "middlebox: { home-nat: rfc-ideal, cgn: rfc-ideal }")
    )
    (cell,) = load(inner / "deeper" / "a.yaml").cells
    assert [name for name, _ in cell.middleboxes] == ["home-nat", "cgn"]


def test_networks_that_come_with_the_lab(tmp_path: Path) -> None:
    """A scenario anywhere may name them, also beside a project's own; it gets what one in the lab's folder gets."""
    middleboxes = {"cgn": ["home-nat", "cgn"], "home-nat": ["home-nat"], "wifi-and-cellular": ["home-nat", "carrier"]}
    assert sorted(middleboxes) == sorted(path.stem for path in (ROOT / "topologies").glob("*.yaml"))
    (tmp_path / "project" / "topologies").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "project"):
        scenario = folder / "a.yaml"
        networks = []
        for name, nodes in middleboxes.items():
            boxes = ", ".join(f"{node}: never-forgets" for node in nodes)
            written = "never-forgets" if len(nodes) == 1 else f"{{ {boxes} }}"
            scenario.write_text(SMALL.replace("home-nat", name).replace("never-forgets", written))
            networks.append(load(scenario).cells[0].topology)
        assert networks == [read_topology(ROOT / "topologies" / f"{name}.yaml", name, []) for name in middleboxes]


@pytest.mark.parametrize("spelling", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")])
def test_spellings_of_text(spelling: Any, read: Read) -> None:
    """A byte-order mark and Windows line ends mean nothing."""
    assert read(spelling(FULL)).cells == read(FULL).cells


def test_same_on_every_machine(tmp_path: Path) -> None:
    """Locale, time zone, hash seed, folder: nothing of the machine enters a cell."""
    program = (
        "import sys; from pathlib import Path; from lab.loader.load import load; print(load(Path(sys.argv[1])).cells)"
    )
    path = ROOT / "scenarios" / "article" / "idle-subscription.yaml"
    path_there = os.environ.get("PATH", "")
    printed = set()
    for locale, zone, seed in (("C", "UTC", "0"), ("C.UTF-8", "Asia/Kathmandu", "4225")):
        environment = {
            "LC_ALL": locale,
            "TZ": zone,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": str(ROOT),
            "PATH": path_there,
        }
        argv = [sys.executable, "-c", program, str(path)]
        done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        printed.add(done.stdout)
    assert printed == {f"{load(path).cells}\n"}


@pytest.mark.parametrize("name", catalog.middlebox_names())
def test_catalog_middleboxes(name: str) -> None:
    """Every profile is readable, called as its file is, and says where its values come from."""
    box = catalog.middlebox(name)
    assert box.name == name
    assert box.source


@pytest.mark.parametrize("name", catalog.strategy_names())
def test_catalog_strategies(name: str) -> None:
    """Every strategy is readable, called as its file is, and says what it is; ``none`` alone is empty."""
    strategy = catalog.strategy(name)
    assert strategy.name == name
    assert strategy.what
    assert strategy.source
    assert bool(strategy.mitigations) == (name != "none")


def test_catalog_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong entry is the lab's fault, not the scenario's author's."""
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "broken.yaml").write_text("mitigations: [prayer]\nname: twice\n")
    monkeypatch.setattr(catalog, "_FOLDER", tmp_path)
    assert catalog.strategy_names() == ["broken"]
    with pytest.raises(LabFault) as caught:
        catalog.strategy("broken")
    assert str(caught.value).startswith(
        "cannot read the catalog: lab/catalog/strategies/broken.yaml:1 mitigations[0]: unknown kind, got `prayer`; "
    )
    assert "broken.yaml:2 name: unknown key" in str(caught.value)


@pytest.mark.parametrize("path", sorted((ROOT / "topologies").glob("*.yaml")), ids=lambda path: path.stem)
def test_topologies(path: Path) -> None:
    """Every network of the project is one the lab can build, and starts with a drawing."""
    problems: list[Any] = []
    topology = read_topology(path, path.name, problems)
    assert problems == []
    assert isinstance(topology, Topology)
    assert topology.name == path.stem
    assert path.read_text(encoding="utf-8").startswith("#")


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenarios(path: Path) -> None:
    """Every scenario of the project is drawn, sourced and explained, and claims something of every cell."""
    scenario = load(path)
    assert scenario.text.startswith("# client ─")
    assert scenario.source.startswith("https://")
    assert len(scenario.why) > 200
    assert [cell.name for cell in scenario.cells if cell.claim is None] == []


def test_fault_kinds() -> None:
    """Faults are called in scenarios as their classes are."""
    assert faults()["mtu-black-hole"] is MtuBlackHole
    assert {cls.__name__.lower(): cls for cls in faults().values()} == {
        kind.replace("-", ""): cls for kind, cls in faults().items()
    }


def test_json_schema() -> None:
    """Editors are told every key, and that there are no others."""
    described = schema()
    assert list(described["properties"]) == keys(ScenarioFile)
    assert described["required"] == ["title", "topology", "probes", "ends"]
    assert not described["additionalProperties"]
    assert list(described["$defs"]["Server"]["properties"]) == keys(Server)
    claim = described["$defs"]["Claim"]
    assert not claim["additionalProperties"]
    assert [kind["type"] for kind in claim["properties"]["strategy"]["anyOf"]] == ["array", "string"]


@pytest.mark.parametrize("written", ["2.10", "'2.10'", '"2.10"'])
def test_release_as_written(read: Read, written: str) -> None:
    """2.10 is two and ten, not two and one tenth, with and without quotes; claims can speak of it."""
    text = f"{SMALL}matrix: {{ pjsip: [{written}, 2.15.1] }}\nclaims: [{{ pjsip: {written}, verdict: fail }}]\n"
    old, new = read(text).cells
    assert (old.pjsip, old.name, old.axes) == ("2.10", "2.10", (("pjsip", "2.10"),))
    assert (new.pjsip, new.name) == ("2.15.1", "2.15.1")
    assert old.claim is not None
    assert new.claim is None


def test_client_of_the_authors(read: Read) -> None:
    """What is written of it arrives, with the folder in which it will run."""
    (cell,) = read(OWN).cells
    mode = (("MODE", "test"),)
    own = Client(name="my-phone", command=("sh", "-c", "true"), environment=mode, image="client-image")
    assert cell.client == own
    assert cell.client.is_own
    assert not Client().is_own
    assert Path(cell.folder).is_dir()
