"""Controls Kamailio: turns the runner's commands into requests to it, and its log into events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

from lab.actors.channel import Channel
from lab.errors import LabFault
from lab.model.endpoint import Endpoint
from lab.record import events
from lab.record.events import Obeyed, ServerReady, Statistics
from lab.servers.kamailio import CONFIGURATION, LOG, TLS_CONFIGURATION, log
from lab.servers.kamailio.child import Child
from lab.servers.kamailio.client_requests import ClientRequests
from lab.servers.kamailio.clients import REMOVES, Clients, StoredContact
from lab.servers.kamailio.config import Certificates, itself, render, render_tls
from lab.servers.kamailio.flows import ENDS, Flow, Flows
from lab.servers.kamailio.idle_watch import IdleWatch
from lab.servers.kamailio.log import Handshakes, LogLine
from lab.servers.kamailio.messages import Messages
from lab.servers.kamailio.mitigated import Mitigated
from lab.servers.kamailio.probes import Probes
from lab.servers.kamailio.rpc import Rpc
from lab.servers.kamailio.server_context import NO_VALUE
from lab.servers.keepalives import KeepAlives
from lab.servers.mitigation_hooks import attach_all
from lab.servers.pushes import Pushes
from lab.servers.refusal import Refusal
from lab.servers.settings import Settings
from lab.sip.ports import FRAMED

READY_WITHIN_S = 30.0
"""Kamailio starts in less than a second on an idle machine."""

LOGGED_LATE_S = 60.0
"""A line that seems older than this was written by another clock; then the moment of reading counts."""

STATISTICS = ("core.version", "core.uptime", "core.tcp_list", "tls.list", "tm.stats", "ul.dump")


class KamailioServer(Mitigated):
    """The server, from ``start`` on. Runs in an event loop; all methods are called from it.

    Args:
        settings: as for the scripted server.
        folder: the cell's, where configuration and log go.
        channel: takes events.
        fail: takes an exception that ends the actor.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        channel: Channel,
        loop: asyncio.AbstractEventLoop,
        fail: Callable[[BaseException], None],
    ) -> None:
        if "udp" not in settings.ports:
            raise LabFault("starting Kamailio", detail="it needs UDP, over which it publishes to itself")
        self.address = settings.address
        self.by_flow = settings.notify_route == "flow"
        self.bindings_only = settings.bindings_only
        self.connects = settings.with_gone_connection == "connect"
        self.channel = channel
        self.rpc: Rpc
        self._settings = settings
        self._folder = folder
        self._loop = loop
        self._fail = fail
        super().__init__(round(settings.subscription_expires), KeepAlives(loop))
        attach_all(self, settings.mitigations)
        self.flows = Flows(channel, self._flow_ended, self._watch_idle)
        self.clients = Clients(
            channel,
            registration_expires=round(settings.registration_expires),
            by_device=self._wanted.outbound or settings.matches_by == "instance",
            only_one=settings.removes_oldest and settings.at_most == 1,
            on_change=self._in_use,
            on_registered=self._registered,
            gives_up_after=self._wanted.pings.misses if self._wanted.pings else None,
        )
        self.wait = settings.wait if settings.with_gone_connection == "wait" else 0.0
        self.pushes = Pushes(self._wanted.push, channel, loop, heard_at=lambda _: None)  # it is not told
        self._probes = Probes(self)
        self._certificates = Certificates()
        self._refusal = Refusal()
        self._handshakes = Handshakes()
        self._child: Child | None = None
        self._began: asyncio.Future[None] = loop.create_future()
        self._requests = ClientRequests(channel, self.flows, self.clients)
        self._messages = Messages(channel, self.flows)
        self._closing: set[str] = set()  # ids of flows that Kamailio has been told to end
        self._working: set[asyncio.Task[None]] = set()
        self._count = 0

    def _in_use(self) -> None:
        """Tell the keep-alives which flows are in use."""
        self._keepalives.in_use({flow for flow in self.clients.flows() if self.flows.get(flow) is not None})

    # Commands

    async def listen(self) -> None:
        """Start Kamailio and say that the server is ready.

        Raises:
            LabFault: it does not start.
        """
        await self._start()

    async def _start(self) -> None:
        configuration = self._folder / CONFIGURATION
        configuration.write_text(render(self._settings, self._wanted, self._folder), encoding="utf-8")
        self._write_tls()
        self._began = self._loop.create_future()
        self._child = Child(configuration, self._folder / LOG, self._loop, on_line=self._line, on_end=self._died)
        try:
            await asyncio.wait_for(self._began, READY_WITHIN_S)
        except asyncio.TimeoutError:
            raise LabFault("starting Kamailio", detail=self._child.last_lines()) from None
        self.rpc = Rpc(self._loop)
        await self.rpc.call("core.version")
        if self._refusal.method:
            await self._tell_refusal()
        self.channel.emit(ServerReady(ports=self._settings.ports))

    def close(self) -> None:
        """End everything in order."""
        for task in self._working:
            task.cancel()
        if self._child is not None:
            self._child.end()
            self._child = None

    def kill(self) -> None:
        """End everything at once."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def notify(self, probe: str, within: float) -> None:
        """Send a NOTIFY with ``probe`` as its note in the newest subscription."""
        self._probes.notify(probe, within)

    def probe(self, kind: Literal["options", "message"], probe: str, within: float) -> None:
        """Send OPTIONS or MESSAGE outside any dialog."""
        self._probes.single(kind, probe, within)

    def invite(self, probe: str, within: float, hold: float, *, ring: float = 0.0) -> None:
        """Make a call: it rings, and is held."""
        self._probes.invite(probe, within, hold, ring)

    def close_flow(self, name: str | None) -> None:
        """End a flow in order, if it exists."""
        flow = None if name is None else self.flows.get(name)
        if flow is not None and flow.transport != "udp":  # which has no end
            self._closing.add(flow.id)
            self.do(self._close(flow))
        self.channel.emit(Obeyed(do="close", flow=None if flow is None else flow.id))

    async def _close(self, flow: Flow) -> None:
        headers = f"From: <sip:{self.address}>\r\nTo: <sip:{self.address}>\r\nContent-Type: text/plain\r\n"
        uri = f"sip:lab-close{'-ws' if flow.transport in FRAMED else ''}@{self.address}"
        way = (self.own("udp"), self.socket("udp"))
        await self.rpc.call("tm.t_uac_start", "MESSAGE", uri, *way, headers, str(flow.connection))
        self.flows.ended(flow.name, "closed", "by server", at=None)

    async def refuse(self, refusal: Refusal) -> None:
        """Refuse these requests from now on.

        Raises:
            LabFault: Kamailio does not take it.
        """
        self._refusal = refusal
        if self._child is not None:  # else it is told when it comes up
            await self._tell_refusal()
        self.channel.emit(Obeyed(do="refuse", mode=str(refusal)))

    async def _tell_refusal(self) -> None:
        after = "" if self._refusal.retry_after is None else str(self._refusal.retry_after)
        for name, value in (
            ("refuse_retry_after", after),
            ("refuse_code", str(self._refusal.code)),
            ("refuse", self._refusal.method),
        ):
            await self.rpc.call("pv.shvSet", name, "str", value)

    def go_down(self) -> None:
        """Kill Kamailio; what it knew is lost."""
        self.kill()
        self.rpc.close()
        self.flows.all_ended("server gone")
        self._probes.forget()
        self.clients.forget()
        self.pushes.forget()
        self._requests.forget()
        self._messages.forget()
        self.channel.emit(Obeyed(do="go-down", forgot=True))

    async def come_up(self) -> None:
        """Start it again.

        Raises:
            LabFault: it does not start.
        """
        self.channel.emit(Obeyed(do="come-up"))
        await self._start()

    async def serve_certificate(self, *, expired: bool) -> None:
        """Use the expired certificate, or the valid one again, for new TLS connections.

        Raises:
            LabFault: Kamailio does not take it.
        """
        await self._change(self._certificates._replace(expired=expired))
        self.channel.emit(Obeyed(do="certificate"))

    async def heed_revocation(self, *, listed: bool) -> None:
        """Refuse new TLS connections of revoked certificates, or stop refusing them.

        Raises:
            LabFault: Kamailio does not take it.
        """
        await self._change(self._certificates._replace(listed=listed))
        self.channel.emit(Obeyed(do="revocation"))

    async def _change(self, certificates: Certificates) -> None:
        self._certificates = certificates
        self._write_tls()
        if self._child is not None:  # else it reads the file when it comes up
            await self.rpc.call("tls.reload")

    def _write_tls(self) -> None:
        text = render_tls(self._settings, self._certificates)
        (self._folder / TLS_CONFIGURATION).write_text(text, encoding="utf-8")

    async def statistics(self, file: str) -> None:
        """Write counters and connections to a file of the cell's folder, and say so."""
        told: dict[str, Any] = {}
        if self._child is not None:
            for method in STATISTICS:
                try:
                    told[method] = await self.rpc.call(method)
                except LabFault as problem:  # noqa: PERF203  (what a module that is not loaded would have said)
                    told[method] = str(problem)
            counters = await self.rpc.call("stats.get_statistics", "all")
            told["statistics"] = {name: int(value) for name, _, value in (line.partition(" = ") for line in counters)}
        (self._folder / file).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        some = told.get("statistics", {})
        self.channel.emit(
            Statistics(
                file=file,
                connections=len(told.get("core.tcp_list") or ()),
                requests=some.get("core:rcv_requests", 0),
                replies=some.get("core:rcv_replies", 0),
            )
        )

    # What the log says

    def _line(self, line: bytes) -> None:  # noqa: C901  (one case per word)
        told = log.parse(line)
        if told is None:
            refused = self._handshakes.read(line)
            if refused is not None:
                self.flows.refused(refused.flow, refused.reason)
            return
        at = _moment(told)
        match told.what:
            case "ready":
                if not self._began.done():
                    self._began.set_result(None)
            case "upgraded" | "ws-closed":
                self.flows.websocket(told.what, told.get("flow"), told.number("connection"), at=at)
            case "message":
                self._messages.passed(told, at=at)
            case "request":
                self._probes.request(self._requests.request(told, at=at), told)
                self._messages.flow_seen(told.get("flow"), at=at)
            case "response":
                self._requests.response(told, at=at)
            case "registered":
                self._requests.registered(told)
            case "branch":
                self._probes.branch(told, at=at)
            case "stored":
                self._probes.stored(told)
            case "sending":
                self._probes.sending(told, at=at)
                if told.get("method") == "NOTIFY":
                    self._requests.notify(told, at=at)
            case "reply":
                self._reply(told, at)
            case "notified":
                if told.number("code") in REMOVES:
                    self.clients.unsubscribed(told.get("call_id"), "terminated", at=at)
            case "closed" | "reset" | "gone" as state:
                self._ended(told, state, at)
            case "expired":
                self.clients.unregistered(told.get("aor"), told.get("contact"), at=at)

    def _reply(self, told: LogLine, at: float) -> None:
        name = told.get("flow")
        if name == itself(self._settings):
            self._probes.own_reply(told)
        else:
            flow = self.flows.seen(name, told.number("connection"), at=at, answered=True)
            self._messages.flow_seen(name, at=at)
            if not self._probes.reply(flow, told, at=at) and self._wanted.pings is not None:
                answered = events.KeepAlive(
                    kind="options", state="answered", flow=flow.id, code=told.number("code"), reason=""
                )
                self.channel.emit(answered, at=at)

    def _ended(self, told: LogLine, state: str, at: float) -> None:
        flow = self.flows.named(told.get("flow"))
        if flow is not None:
            by_us = flow.id in self._closing
            reason = "by server" if by_us else ENDS[state]
            self.flows.ended(told.get("flow"), "reset" if state == "reset" and not by_us else "closed", reason, at=at)

    def _watch_idle(self, flow: Flow) -> None:
        if self._settings.idle_after is not None:
            self.do(IdleWatch(self._settings.idle_after, self.flows, self.rpc.call).watch(flow))

    def _registered(self, binding: StoredContact) -> None:
        self.pushes.registered(binding)
        self._probes.registered(binding)

    def _flow_ended(self, flow: Flow) -> None:
        self._probes.flow_ended(flow)
        self._in_use()

    def _died(self, how: str) -> None:
        self._child = None
        self._fail(LabFault("running Kamailio", detail=how))

    # What its parts need: see `origin.Origin`

    def own(self, transport: str, flow: str = "") -> str:  # noqa: D102
        parameter = "" if transport == "udp" else f";transport={transport}"
        return f"sip:{self._end(transport, flow)}{parameter}"

    def socket(self, transport: str, flow: str = "") -> str:  # noqa: D102
        return f"udp:{self._end(transport, flow)}" if transport == "udp" else NO_VALUE

    def _end(self, transport: str, flow: str) -> Endpoint:
        known = self.flows.get(flow)
        return Endpoint(self.address if known is None else known.own.host, self._settings.ports[transport])

    def new(self, prefix: str) -> str:  # noqa: D102
        self._count += 1
        return f"{prefix}{self._settings.seed:x}-{self._count}"

    def do(self, work: Coroutine[Any, Any, None]) -> None:  # noqa: D102
        task = self._loop.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and self._child is not None:
            self._fail(error)


def _moment(told: LogLine) -> float:
    """Return when a line was written, on CLOCK_MONOTONIC."""
    now = time.monotonic()
    moment = told.at + now - time.time()
    return moment if now - LOGGED_LATE_S <= moment <= now else now
