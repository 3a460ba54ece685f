"""Every key of a scenario file changes something in its cells, and editors are told of it."""

from __future__ import annotations

from typing import Any

import pytest

from lab.faults.mtu_black_hole import MtuBlackHole
from lab.loader.conversion import keys
from lab.loader.one_key_mappings import faults
from lab.loader.probes import ProbeGrid
from lab.loader.scenario_file import ScenarioFile, schema
from lab.mitigations import classes
from lab.model.authentication import Authentication
from lab.model.device import Device
from lab.model.idle_timeout import IdleTimeout
from lab.model.impairment import Impairment
from lab.model.middlebox import Evidence, Middlebox
from lab.model.proxy import Proxy
from lab.model.push import Push
from lab.model.registrar import Registrar
from lab.model.scenario import Claim, Client, Expectation, Probe, Registration, Server, Strategy
from tests.fault_cases import brought
from tests.unit.scenario_texts import FULL, OWN, SMALL, Read

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
"""`FULL` with a client that is told how to register."""

UNASKED = (
    FULL.replace("client-certificate: required,", "client-certificate: none,")
    .replace("  - revoked-client-certificate: { at: 30 s, lasts: 72 s }\n", "")
    .replace("  - expired-certificate: { at: 28 s, lasts: 70 s }\n", "")
    .replace("  - dns-failure: { at: 29 s, how: servfail, lasts: 71 s }\n", "")
    .replace("  - dns-change: { at: 19 s, address: 198.51.100.20, old: silent }\n", "")
)
"""`FULL` with a server that asks for no certificate, and without the faults that need one, or TLS, or a name."""

SCRIPTED = f"{SMALL}transport: udp\nclient: {{ name: sipp, account: register, script: one.xml }}\n".replace(
    "at: 45 s", "at: 20 s"
)
"""A client that plays a script."""

POPULATED = SMALL.replace("middlebox: never-forgets", "population: { never-forgets: 60 %, cgn: 40 % }")
"""`FULL` has two middleboxes in a row, which have no population."""

HAPROXY = "software: haproxy, timeout-client: 11 s, timeout-server: 12 s, timeout-tunnel: 13 s"
PROXIED = SMALL.replace("topology: home-nat", "topology: home-nat-proxy") + (
    "proxy: { name: mine, software: haproxy, timeout-client: 11 s, timeout-server: 12 s, timeout-tunnel: 13 s,"
    " evidence: secondary, source: me }\nclaims: [{ proxy: mine, verdict: pass }]\n"
)
"""`FULL` has a network without a proxy."""

A_DEVICE = (
    "device: { name: phone, what: sleeps, facts: [seen], source: me, schedule: [client-suspend: { at: 20 s }] }\n"
)
WITH_A_DEVICE = f"{SMALL}{A_DEVICE}claims: [{{ device: phone, verdict: pass }}]\n"
"""A device in `FULL` would exclude the faults there that suspend the client."""

LIVENESS = {
    "proxy": ("software: haproxy, timeout-client: 11 s", "software: haproxy, timeout-client: 15 s"),
    "proxy.name": ("name: mine, software", "name: other, software"),
    "proxy.software": (HAPROXY, "software: nginx"),
    "proxy.base": ("software: haproxy, timeout-client: 11 s, ", "base: aws-alb, "),
    "proxy.proxy-timeout": (HAPROXY, "software: nginx, proxy-timeout: 14 s"),
    "proxy.mode": ("software: haproxy, timeout", "software: haproxy, mode: http, timeout"),
    "proxy.proxy-read-timeout": (HAPROXY, "software: nginx, mode: http, proxy-read-timeout: 14 s"),
    "proxy.timeout-client": ("timeout-client: 11 s", "timeout-client: never"),
    "proxy.timeout-server": ("timeout-server: 12 s", "timeout-server: never"),
    "proxy.timeout-tunnel": ("timeout-tunnel: 13 s", "timeout-tunnel: never"),
    "proxy.evidence": ("evidence: secondary", "evidence: measured"),
    "proxy.source": ("source: me", "source: you"),
    "claims.proxy": ("claims: [{ proxy: mine, verdict: pass }]", ""),
    "device": (A_DEVICE, "device: ios-suspended\n"),
    "device.name": ("name: phone", "name: tablet"),
    "device.what": ("what: sleeps", "what: dozes"),
    "device.facts": ("facts: [seen]", "facts: [heard]"),
    "device.source": ("source: me", "source: you"),
    "device.schedule": ("client-suspend: { at: 20 s }", "client-suspend: { at: 21 s }"),
    "claims.device": ("claims: [{ device: phone, verdict: pass }]", ""),
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
    "client.script": ("script: one.xml", "script: other.xml"),
    "client.image": ("image: client-image", "image: other-image"),
    "middlebox": ("cgn: rfc-ideal", "cgn: never-forgets"),
    "population": ("never-forgets: 60 %, cgn: 40 %", "never-forgets: 70 %, cgn: 30 %"),
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
    "server-ws-ping.interval": ("interval: 27 s", "interval: 28 s"),
    "server-ws-ping.gives-up-after": ("gives-up-after: 6", "gives-up-after: 7"),
    "server-ws-ping.marks-only": ("gives-up-after: 6", "gives-up-after: 6, marks-only: true"),
    "server-ws-ping.closes-connection": ("gives-up-after: 6", "gives-up-after: 6, closes-connection: true"),
    "server-ws-ping.ends-calls": ("gives-up-after: 6", "gives-up-after: 6, ends-calls: true"),
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
    "on-ip-change.then": ("then: nothing", "then: drop-and-register"),
    "watch-address.interval": ("interval: 117 s", "interval: 118 s"),
    "failure": (
        "failure: { name: nothing }",
        "failure: { name: nothing, faults: [link-down: { at: 1 s, link: lan, lasts: 1 s }] }",
    ),
    "claims.failure": ("{ verdict", "{ failure: nothing, verdict"),
    "server-push.wait": ("wait: 7 s", "wait: 8 s"),
    "server-push.quiet-after": ("quiet-after: 115 s", "quiet-after: 15 s"),
    "server-push.priority": ("priority: normal", "priority: high"),
    "push-contact.provider": ("provider: fcm", "provider: apns"),
    "push-contact.param": ("param: project", "param: other"),
    "push-contact.prid": ("prid: abc", "prid: def"),
    "on-wake.then": ("then: register, after", "then: ip-change, after"),
    "on-wake.after": ("after: 116 s", "after: 16 s"),
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
    "push": ("push: { delay: 1 s, delay-p95: 3 s, loss: 5 %, token-lasts: 1 h }\n", ""),
    "push.delay": ("delay: 1 s", "delay: 2 s"),
    "push.delay-p95": ("delay-p95: 3 s", "delay-p95: 4 s"),
    "push.loss": ("loss: 5 %, token", "loss: 6 %, token"),
    "push.token-lasts": ("token-lasts: 1 h", "token-lasts: 2 h"),
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
        "proxy": Proxy,
        "device": Device,
        "strategy": Strategy,
        "impairments": Impairment,
        "push": Push,
        "probes": Probe,
        "probe grid": ProbeGrid,
        "expect": Expectation,
        "claims": Claim,
        **faults(),
        **classes(),
    }
    inner = {f"{section}.{key}" for section, cls in sections.items() for key in keys(cls)}
    return {*keys(ScenarioFile), *inner, "middlebox.base", "proxy.base"}


def test_liveness_is_complete() -> None:
    """A key added to a scenario file needs a proof that it does something."""
    assert set(LIVENESS) == every_key()


@pytest.mark.parametrize("key", LIVENESS)
def test_liveness(key: str, read: Read) -> None:
    """Changing the value of any key changes a cell (or, of the texts about it, the scenario)."""
    before, after = LIVENESS[key]
    full = OWN if key in OF_OWN_CLIENTS else UNASKED if key in OF_UNASKED else GRID if key in OF_GRIDS else FULL
    full = {"population": POPULATED, "client.script": SCRIPTED}.get(key, full)
    full = PROXIED.replace("proxy: mine, ", "") if key == "proxy.name" else PROXIED if "proxy" in key else full
    if key == "device" or key.startswith("device.") or key == "claims.device":
        full = WITH_A_DEVICE if key == "claims.device" else WITH_A_DEVICE.replace("device: phone, ", "")
    full = TOLD_TO_REGISTER if "registration" in key and not key.startswith("server.") else full
    assert full.count(before) == 1
    first, second = read(full), read(full.replace(before, after))
    if key in ("title", "source", "why", "population"):
        assert getattr(first, key) != getattr(second, key)
    else:
        assert first.cells != second.cells


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
