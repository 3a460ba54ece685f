"""Defines the parts of a scenario file, besides topology, middlebox and mitigations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

from lab.model.device import Device
from lab.model.fault import Fault
from lab.model.impairment import Impairment
from lab.model.middlebox import Middlebox
from lab.model.proxy import Proxy, ProxyMode
from lab.model.push import Push
from lab.model.rules import (
    CauseName,
    ClientName,
    Label,
    OneOrMore,
    Variables,
    WholeSecondsOrNever,
    Words,
    Yaml,
)
from lab.model.server import ClientCertificate, NotifyRoute, Server
from lab.model.topology import Topology
from lab.model.verdict import Verdict
from lab.model.when import REFRESH_BEFORE_EXPIRY_S
from lab.units import Lasting, Percent, Seconds, Share, WholeSeconds, WholeSecondsFromZero

DEFAULT_PJSIP = "2.15.1"
"""The release that is installed with the lab."""
DEFAULT_CLIENT = "pjsip"
"""The client of a scenario that names none."""
_RELEASE = re.compile(r"-(\d[\w.]*)$", re.ASCII)
"""At the end of a client's name."""


class Transport(str, Enum):
    """SIP transport between client and server."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    WS = "ws"
    """WebSocket (RFC 7118) over TCP."""
    WSS = "wss"
    """WebSocket over TLS."""

    @property
    def secure(self) -> bool:
        """True if TLS is below it."""
        return self in (Transport.TLS, Transport.WSS)


class RadioKind(str, Enum):
    """The cellular network whose radio the costs are counted for."""

    UMTS = "umts"
    LTE = "lte"
    NR = "nr"
    """5G."""


class Account(str, Enum):
    """The account that the client sets up before it falls silent."""

    SUBSCRIBE = "subscribe"
    """A presence subscription and nothing else: the account of pjproject #4225."""
    REGISTER = "register"
    """A registration and nothing else: a phone that waits for calls."""
    REGISTER_AND_SUBSCRIBE = "register-and-subscribe"
    """A registration, and then a presence subscription."""

    @property
    def registers(self) -> bool:
        """True if the client registers."""
        return self is not Account.SUBSCRIBE

    @property
    def subscribes(self) -> bool:
        """True if the client subscribes."""
        return self is not Account.REGISTER


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration(Yaml):
    """pjsip's registration options (``pjsua2.AccountRegConfig``).

    What pjsua does by itself with answers is in docs/registration.md.

    Attributes:
        expires: asked for in REGISTER; a mitigation that registers asks for its own. 300 s: PJSUA_REG_INTERVAL.
        refresh_before: the next REGISTER goes out this long before the expiry that was granted. 5 s:
            PJSIP_REGISTER_CLIENT_DELAY_BEFORE_REFRESH.
        first_retry_interval: pause before the first attempt after a failure. 0 s: at once, as pjsua does.
        retry_interval: pause before each further attempt. 300 s: PJSUA_REG_RETRY_INTERVAL; `never`: there is none.
        retry_jitter: each of these pauses is changed by up to this much, at random. 0 s here, so that runs can be
            repeated; pjsua's own is 10 s.
    """

    expires: WholeSeconds = Seconds(300)
    refresh_before: WholeSeconds = Seconds(REFRESH_BEFORE_EXPIRY_S)
    first_retry_interval: WholeSecondsFromZero = Seconds(0)
    retry_interval: WholeSecondsOrNever = Seconds(300)
    retry_jitter: WholeSecondsFromZero = Seconds(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Client(Yaml):
    """The client program and its account.

    Attributes:
        account: what it sets up.
        registration: how it registers; only pjsip can be told.
        name: a client program that the lab has, or a release of it (`pjsip-2.10`); with `command` or `image` a name for
            the author's own.
        command: a program of the author's, and its arguments; it speaks the actor protocol (docs/actor-protocol.md). It
            is looked up in PATH, or below the scenario's folder, where it runs.
        environment: what it finds in its environment besides PATH, HOME and LANG.
        image: the container image it runs in, with the docker backend; without a command the image's own.
        script: the file that `sipp` plays, below the scenario's folder.
    """

    account: Account = Account.SUBSCRIBE
    name: ClientName = ""
    command: Words = ()
    environment: Variables = ()
    image: str = ""
    script: str = ""
    registration: Registration | None = None

    def __post_init__(self) -> None:
        """Check that they fit together.

        Raises:
            ValueError: they do not.
        """
        if self.registration is not None and self.kind != DEFAULT_CLIENT:
            raise ValueError("only pjsip can be told how to register; leave `registration` out, or use `client: pjsip`")
        if self.registration is not None and not self.account.registers:
            raise ValueError("how to register, and an account that does not; use `account: register`, or leave it out")
        if self.environment and not self.is_own:
            raise ValueError("an environment, and nothing to run in it; add `command` or `image`")

    @property
    def is_own(self) -> bool:
        """True if it is the author's own program, not one of the lab's."""
        return bool(self.command or self.image)

    @property
    def kind(self) -> str:
        """The program that it is, as ``lab.clients`` has it."""
        return "own" if self.is_own else _RELEASE.sub("", self.name) or DEFAULT_CLIENT

    @property
    def release(self) -> str:
        """The release of it that is asked for by name (`pjsip-2.10`); empty: the one it has unless told."""
        match = None if self.is_own else _RELEASE.search(self.name)
        return "" if match is None else match[1]

    @property
    def label(self) -> str:
        """Its name in comparisons of clients; one with a script has its name, too: `sipp-register`."""
        name = self.name or self.kind
        return f"{name}-{PurePath(self.script).stem}" if self.script else name


@dataclass(frozen=True, kw_only=True, slots=True)
class Strategy(Yaml):
    """A named list of mitigations; ``none`` is the empty list.

    Attributes:
        what: what it does, in one line.
        source: who recommends it.
        mitigations: instances of the classes in ``lab.mitigations`` (typed loosely: this layer does not know them).
    """

    name: Label
    what: str = ""
    source: str = ""
    mitigations: tuple[Any, ...] = ()


class ProbeKind(str, Enum):
    """The request by which the server tries to reach the client.

    NOTIFY goes within the newest subscription, so the account must subscribe. The others go outside any dialog: to all
    bindings of the client's address if it registers, and without one they fail (``no-binding``); to the newest
    subscriber if it only subscribes.
    """

    NOTIFY = "notify"
    MESSAGE = "message"
    """Outside any dialog, as those below: to all bindings if the client registers, else to the newest subscriber."""
    OPTIONS = "options"
    INVITE = "invite"
    """A call without media, which the client accepts, and which the server ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe(Yaml):
    """The server tries to reach the client.

    Attributes:
        at: seconds after the client fell silent.
        kind_: by what request. Unless set it is `notify`, and `invite` where the account only registers.
        within: the client's answer must be back within this time after `at`, even if the server connects or waits
            first; of a call, to INVITE, and again to BYE. 5 s: longer than ten times any round trip the lab makes,
            shorter than Timer F (32 s, RFC 3261 §17.1.2.2).
        hold: how long a call is silent before it is ended. 7 s: no common timer of a middlebox or a client (15 s, 30 s,
            60 s, 300 s) is a multiple of it, so that the BYE of a call does not come at the moment when a timer ends.
        ring: how long a call rings before the client accepts it; `within` counts from then on.
    """

    at: Seconds
    # `kind` alone is the class's name in `lab.model.wire`
    kind_: ProbeKind = ProbeKind.NOTIFY
    within: Lasting = Seconds(5)
    hold: Lasting = Seconds(7)
    ring: Seconds = Seconds(0)

    @property
    def known_at(self) -> Seconds:
        """The latest time at which its result is known."""
        call = self.kind_ is ProbeKind.INVITE
        return Seconds(self.at + self.within + (self.ring + self.hold + self.within if call else 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation(Yaml):
    """The condition for a cell to pass.

    Attributes:
        delivered: the share of its probes that must be accepted (2xx) in time.
        outage: the longest time out of reach that is tolerated, whether a probe of the scenario met it or one at the
            client's weakest moment did.
        reachable: the share of probes, each in a cell of its own, that must be accepted: the share of the time.
    """

    delivered: Share = Percent(100)
    outage: Seconds = Seconds(0)
    reachable: Share | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim(Yaml):
    """The outcome the author expects of the cells it matches.

    Attributes:
        strategy, middlebox, transport, failure, pjsip, server, client, proxy, device: cell labels this claim speaks
            of; empty: any.
        verdict: expected verdict.
        cause: expected kind of cause of a ``fail``; None: any.
        at: expected time of the cause; None: any.
        within: tolerance of ``at``.
    """

    verdict: Verdict
    strategy: OneOrMore = ()
    middlebox: OneOrMore = ()
    transport: OneOrMore = ()
    failure: OneOrMore = ()
    pjsip: OneOrMore = ()
    server: OneOrMore = ()
    client: OneOrMore = ()
    proxy: OneOrMore = ()
    device: OneOrMore = ()
    cause: CauseName | None = None
    at: Seconds | None = None
    within: Lasting = Seconds(0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One concrete run: a scenario with every axis fixed. This is all a cell runner is told.

    Attributes:
        name: the axes' values joined by commas, file-name safe; ``none`` or ``hold-transport,silent-60s``.
        axes: (axis, label) pairs in the scenario's order.
        middleboxes: (node name, behavior) for each middlebox node.
        proxy: what the topology's proxy is; None: it has none.
        impairments: what links do to packets, by direction.
        ends: end of the run, seconds after the client fell silent.
        apart: when the client is probed in cells of their own, in the way of the one probe that this cell has.
        push: the push service; None: with its usual values.
        radio: the network that wake-ups are counted for.
        silent_over: for how long the twin is silent that tells what the strategy costs; 0: there is none.
        claim: None if the author claims nothing of this cell.
        folder: the scenario file's, absolute, where a client's own command runs.
        pjsip: release of the lab's client, see ``lab.clients.pjsip.releases``.
        wheel: the folder of that release, absolute; empty: it is installed with the lab.
        interpreter: the Python that runs it, absolute; empty: the one that runs the lab.
        device: what the client runs on; its faults are the last of ``faults``, as far as they begin before the end.
            None: nothing suspends it.
        unsupported: why it cannot exist, and is not run; empty if it can; None in what earlier releases have left.
    """

    scenario: str
    name: str
    axes: tuple[tuple[str, str], ...]
    seed: int
    topology: Topology
    middleboxes: tuple[tuple[str, Middlebox], ...]
    transport: Transport
    server: Server
    client: Client
    strategy: Strategy
    faults: tuple[Fault, ...]
    impairments: tuple[Impairment, ...] = ()
    probes: tuple[Probe, ...]
    expect: Expectation
    ends: Seconds
    claim: Claim | None
    apart: tuple[Seconds, ...] = ()
    silent_over: Seconds = Seconds(3600)
    radio: RadioKind = RadioKind.LTE
    folder: str = "/"
    pjsip: str = DEFAULT_PJSIP
    wheel: str = ""
    interpreter: str = ""
    unsupported: str | None = None
    proxy: Proxy | None = None
    push: Push | None = None
    device: Device | None = None

    @property
    def registers(self) -> bool:
        """True if the client registers, by its account or by a mitigation."""
        return self.client.account.registers or any(one.registers for one in self.strategy.mitigations)

    @property
    def subscribes(self) -> bool:
        """True if the client subscribes."""
        return self.client.account.subscribes

    @property
    def refresh_before_s(self) -> float:
        """The time before its end at which the subscription (or, without one, the registration) is refreshed."""
        registration = self.client.registration
        if self.subscribes or registration is None:
            return REFRESH_BEFORE_EXPIRY_S
        return float(registration.refresh_before)

    @property
    def server_transport(self) -> Transport:
        """The transport as the server has it: behind a proxy that ends TLS that is WebSocket without TLS."""
        ends_tls = self.proxy is not None and self.proxy.mode is ProxyMode.HTTP
        return Transport.WS if ends_tls and self.transport is Transport.WSS else self.transport

    @property
    def further_addresses(self) -> tuple[str, ...]:
        """Addresses that the server has beside its own, in the order in which it moves to them."""
        return tuple(dict.fromkeys(address for fault in self.faults for address in fault.server_addresses))


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A scenario file, expanded: its cells in matrix order (the last axis varies fastest).

    Attributes:
        file: the file's name as given.
        text: the file's exact content.
        why: the author's explanation.
        source: the report or document it reproduces.
        population: the share of each middlebox, in percent, by its label on the axis; empty: the author has given none.
    """

    name: str
    file: str
    text: str
    title: str
    why: str
    source: str
    cells: tuple[Cell, ...]
    population: tuple[tuple[str, float], ...] = ()


__all__ = [
    "DEFAULT_CLIENT",
    "DEFAULT_PJSIP",
    "Account",
    "Cell",
    "Claim",
    "Client",
    "ClientCertificate",
    "Expectation",
    "NotifyRoute",
    "Probe",
    "ProbeKind",
    "RadioKind",
    "Registration",
    "Scenario",
    "Server",
    "Strategy",
    "Transport",
]
