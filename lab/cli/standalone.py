"""Implements ``lab actor run`` and ``lab actor tell``: the lab's actors alone, as in ``docker-compose.yml``."""

from __future__ import annotations

import asyncio
import dataclasses
import json as json_text
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

from lab import certificate_authority, ledger
from lab.actors import standalone
from lab.clients import start as start_client
from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, HostNotCapable, Problem, ScenarioError
from lab.loader import catalog
from lab.loader.conversion import choice
from lab.mitigations.catalog import unsupported
from lab.model.authentication import Authentication, DigestAlgorithm
from lab.model.middlebox import Middlebox
from lab.model.scenario import Account, Client, Server, Strategy, Transport
from lab.network import local_interface
from lab.network.nft import comments, conntrack_settings, rule_set
from lab.record import codec
from lab.record.events import Event, Probe, Registered, ServerReady, Subscribed
from lab.record.evidence import accepted
from lab.servers import start as start_server
from lab.servers.scripted import actor as sip_server
from lab.units import Seconds
from lab.visible_text import visible


def _place(actor: str) -> standalone.StandalonePaths:
    """Return where an actor of a kind stands: one of each kind on a machine, or in a container."""
    folder = Path(tempfile.gettempdir())  # the only one that a container can write to
    return standalone.StandalonePaths(control=folder / f"lab-{actor}.sock", ready=folder / f"lab-{actor}.ready")


PLACES = {actor: _place(actor) for actor in ("server", "client", "middlebox")}
_CA = "ca.pem"
_USER = 1000
"""``lab`` in our images."""
_SLACK_S = 5.0
"""What telling takes beyond the time the client has to answer."""

VARIABLES = {
    "nf_conntrack_tcp_loose": "LAB_TCP_LOOSE",
    **{
        f"nf_conntrack_tcp_timeout_{state}": "LAB_TRANSITORY"
        for state in ("syn_sent", "syn_recv", "fin_wait", "close_wait", "last_ack")
    },
}
"""Which variable of ``docker-compose.yml`` gives a setting that depends on the profile."""


def run_server(
    *, address: str, account: str, authentication: str, strategy: str, share: Path | None, json: bool
) -> int:
    """Run the scripted SIP server until told to stop.

    Raises:
        ScenarioError: an argument makes no sense.
        HostNotCapable: this is not where it can be.
    """
    chosen = _arguments("server", strategy=strategy, addresses={"--address": address})
    local_interface.interface_with(IPv4Address(address))
    with ledger.workplace("server") as (_, folder):
        made = certificate_authority.make(folder, address)
        if share is not None:
            shutil.copyfile(made.ca, share / _CA)
        start = start_server.command(
            Server(authentication=_authentication(authentication)),
            chosen,
            transport=Transport.TLS,
            address=address,
            bindings_only=Account(account).registers or any(one.registers for one in chosen.mitigations),
            certificate=made.certificate,
            key=made.key,
            seed=1,
        )
        return _run("server", sip_server.main, start, ready_at=ServerReady, json=json)


def run_client(
    *,
    server: str,
    transport: str,
    account: str,
    authentication: str,
    strategy: str,
    gateway: str,
    share: Path | None,
    json: bool,
) -> int:
    """Run the real pjsip client until told to stop; give up root first.

    Raises:
        ScenarioError: an argument makes no sense.
        HostNotCapable: this is not where it can be.
    """
    addresses = {"--server": server, **({"--gateway": gateway} if gateway else {})}
    chosen = _arguments("client", strategy=strategy, addresses=addresses)
    sets_up = Account(account)
    why = unsupported(
        chosen.mitigations, transport=transport, registers=sets_up.registers, subscribes=sets_up.subscribes
    )
    if why:
        raise ScenarioError([Problem("lab actor run client", 0, "", why, got=strategy)])
    if gateway:
        local_interface.route_everything_through(IPv4Address(gateway))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_USER)
        os.setuid(_USER)
        os.environ["HOME"] = tempfile.gettempdir()  # root's is closed to it
    from lab.clients.pjsip import client  # pjsip is in the client's image only

    with ledger.workplace("client") as (_, folder):
        start = start_client.command(
            Client(account=sets_up),
            chosen,
            Transport(transport),
            server=server,
            ca=None if share is None else share / _CA,
            seed=time.time_ns() % 2**32,  # two clients side by side must differ
            log=folder / "client.log",
            authenticates=_authentication(authentication) is not None,
        )
        ready_at = Subscribed if sets_up.subscribes else Registered
        return _run("client", client.main, start, ready_at=ready_at, json=json)


def run_middlebox(*, profile: str, inside: str, outside: str, forgets_after: str, json: bool) -> int:
    """Run a middlebox between the two interfaces with these addresses until told to stop.

    Raises:
        ScenarioError: an argument makes no sense.
        HostNotCapable: this is not where it can be.
    """
    known = catalog.middlebox_names()
    problems = _not_addresses("middlebox", {"--inside": inside, "--outside": outside})
    if profile not in known:
        problems.append(
            Problem("lab actor run middlebox", 0, "--profile", "unknown middlebox", profile, choice(profile, known))
        )
    if forgets_after and not (forgets_after.isdigit() and int(forgets_after) > 0):
        what, allowed = "not a time", "whole seconds, 1 or more"
        problems.append(Problem("lab actor run middlebox", 0, "--forgets-after", what, forgets_after, allowed))
    if problems:
        raise ScenarioError(problems)
    box = catalog.middlebox(profile)
    if forgets_after:
        soon = Seconds(int(forgets_after))
        box = dataclasses.replace(box, established_idle_timeout=soon, udp_mapping_timer=soon, udp_one_way_timer=None)
    within, without = (local_interface.interface_with(IPv4Address(address)) for address in (inside, outside))
    _check_settings(box)
    asyncio.run(_middlebox(box, within, without, IPv4Address(outside), _Printer(json=json)))
    return EXIT_CLAIMS_HOLD


def tell_server(kind: str, *, within: float, hold: float, json: bool) -> int:
    """Make the stand-alone server send a probe; return 0 if the client accepts, 1 if not.

    Raises:
        HostNotCapable: no server stands here.
    """
    probe = f"by-hand-{time.time_ns()}"
    command: dict[str, Any] = {"do": kind, "probe": probe, "within": within}
    if kind == "invite":
        command["hold"] = hold
    longest = within + _SLACK_S + (hold + within if kind == "invite" else 0.0)
    try:
        told = standalone.tell(PLACES["server"], command, until=lambda event: _is_fate(event, probe), within=longest)
    except OSError as problem:
        raise HostNotCapable(
            f"no server stands here ({problem.strerror})",
            fix="lab actor run server, or docker-compose exec server lab actor tell …",
        ) from problem
    if told is None:
        raise HostNotCapable("the server that stands here says nothing of it", fix="end it, and start it again")
    _Printer(json=json).event(*told)
    return EXIT_CLAIMS_HOLD if isinstance(told.event, Probe) and accepted(told.event) else EXIT_CLAIM_BROKEN


def _is_fate(event: Event, probe: str) -> bool:
    return isinstance(event, Probe) and event.probe == probe and event.state in ("failed", "answered")


def _arguments(actor: str, *, strategy: str, addresses: dict[str, str]) -> Strategy:
    problems = _not_addresses(actor, addresses)
    known = catalog.strategy_names()
    if strategy not in known:
        where = f"lab actor run {actor}"
        problems.append(Problem(where, 0, "--strategy", "unknown strategy", strategy, choice(strategy, known)))
    if problems:
        raise ScenarioError(problems)
    return catalog.strategy(strategy)


def _not_addresses(actor: str, addresses: dict[str, str]) -> list[Problem]:
    return [
        Problem(f"lab actor run {actor}", 0, option, "not an IPv4 address", text, "an address such as 198.18.0.10")
        for option, text in addresses.items()
        if not _is_address(text)
    ]


def _is_address(text: str) -> bool:
    try:
        return ip_address(text).version == 4
    except ValueError:
        return False


def _authentication(algorithm: str) -> Authentication | None:
    """Return how requests are challenged: by default but for the algorithm; None if none is named."""
    return Authentication(algorithm=DigestAlgorithm(algorithm)) if algorithm else None


def _run(
    kind: str, main: Callable[[socket.socket], None], start: dict[str, Any], *, ready_at: type[Event], json: bool
) -> int:
    """Be the runner of an actor.

    Raises:
        HostNotCapable: one of its kind stands here already.
    """
    place = PLACES[kind]
    try:
        return standalone.run(main, start, place=place, ready_at=ready_at, show=_Printer(json=json).event)
    except standalone.TakenError as problem:
        fix = "end it, or give this one a temporary folder of its own (TMPDIR)"
        raise HostNotCapable(f"{kind}: {problem}", fix=fix) from None


def _check_settings(box: Middlebox) -> None:
    """Check conntrack's settings; its timers must be long, because ``MappingExpiry`` ends the mappings."""
    wanted = conntrack_settings(box, ages_in_kernel=False)
    differ = local_interface.check_settings(wanted, below="net/netfilter") + local_interface.check_settings(
        (("ip_forward", 1),), below="net/ipv4"
    )
    if differ:
        missing = ", ".join(f"{key} is {found or 'not there'} and not {value}" for key, value, found in differ)
        given = sorted({f"{VARIABLES[key]}={value}" for key, value, _ in differ if key in VARIABLES})
        raise HostNotCapable(
            f"{box.name}: {missing}",
            fix=f"{' '.join(given)} docker-compose up" if given else "give the container these sysctls",
        )


async def _middlebox(box: Middlebox, inside: str, outside: str, address: IPv4Address, printer: _Printer) -> None:
    from lab.actors.mapping_expiry import MappingExpiry
    from lab.actors.mapping_observer import MappingObserver
    from lab.network.apply import nft

    def emit(event: Event, *, at: float | None = None) -> None:
        printer.event(time.monotonic() if at is None else at, event)

    loop = asyncio.get_running_loop()
    over = loop.create_future()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.cancel)
    loop.set_exception_handler(lambda _, context: over.set_exception(context.get("exception") or RuntimeError()))
    namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    rules = rule_set(box, inside=inside, outside=outside, address=address)
    nft("delete table ip lab" if "table ip lab" in nft("list tables") else "list tables")
    nft(rules)
    assert comments(nft("list table ip lab")) == comments(rules)
    observer = MappingObserver("middlebox", namespace, emit)
    aging = MappingExpiry(box, namespace=namespace, inside=inside, outside=outside)
    observer.watch()
    aging.watch()
    printer.line(time.monotonic(), "ready", {"profile": box.name, "inside": inside, "outside": outside})
    PLACES["middlebox"].ready.touch()
    try:
        await over
    except asyncio.CancelledError:
        pass
    finally:
        PLACES["middlebox"].ready.unlink(missing_ok=True)
        aging.close()
        observer.close()
        os.close(namespace)


class _Printer:
    """Prints events, for people or as JSON lines."""

    def __init__(self, *, json: bool) -> None:
        self._json = json
        self._began = time.monotonic()

    def event(self, at: float, event: Event) -> None:
        """Print an event that happened at ``at`` (CLOCK_MONOTONIC)."""
        fields = json_text.loads(codec.to_json(event))
        self.line(at, fields.pop("ev"), fields)

    def line(self, at: float, name: str, fields: dict[str, Any]) -> None:
        """Print a line of this name."""
        if self._json:
            line = json_text.dumps({"at": at, "ev": name, **fields})
        else:
            there = (f"{key}={value}" for key, value in fields.items() if value not in ("", None))
            line = f"{max(at - self._began, 0.0):9.3f} s  {name:<20} " + " ".join(there)
        sys.stdout.write(visible(line.rstrip()) + "\n")
        sys.stdout.flush()
