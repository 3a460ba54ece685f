"""Implements the registrar: contacts, their flows, and their expiry (RFC 3261 §10.3, RFC 5626)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.actors.channel import Channel
from lab.record import events
from lab.record.events import BindingState
from lab.servers.scripted.flows import Flow
from lab.servers.scripted.server_context import ServerContext
from lab.sip.message import Headers, Request
from lab.sip.push import PushTarget
from lab.sip.registrar import OUTBOUND, Binding, Change, Key, Policy, Registrar, address_of_record, contacts


class Bindings:
    """All bindings.

    Args:
        expires: seconds granted at most.
        policy: how bindings are told apart, and how many there may be.
        removes_closed: whether a binding ends with its flow.
        outbound: whether SIP outbound is supported.
        flow_timer: seconds to advertise with it (RFC 5626 §5.4), if any.
        pushes: whether clients are woken by push messages (RFC 8599), and told so.
        on_change: called when other flows are in use than before.
        on_registered: called with each binding that has been made or refreshed, after the answer.
    """

    def __init__(
        self,
        origin: ServerContext,
        channel: Channel,
        loop: asyncio.AbstractEventLoop,
        *,
        expires: float,
        outbound: bool,
        flow_timer: float | None,
        pushes: bool,
        on_change: Callable[[], None],
        on_registered: Callable[[Binding], None],
        policy: Policy,
        removes_closed: bool,
    ) -> None:
        self._origin = origin
        self._channel = channel
        self._loop = loop
        self._expires = expires
        self._outbound = outbound
        self._flow_timer = flow_timer
        self._pushes = pushes
        self._on_change = on_change
        self._ends: dict[Key, asyncio.TimerHandle] = {}
        self._on_registered = on_registered
        self._policy = policy
        self._removes_closed = removes_closed
        self._registrar = Registrar(expires, outbound=outbound, policy=policy)

    def all(self) -> list[Binding]:
        """Return those that have not ended, the newest last."""
        return list(self._registrar.all())

    def forget(self) -> None:
        """Forget all bindings."""
        for timer in self._ends.values():
            timer.cancel()
        self._ends.clear()
        self._registrar = Registrar(self._expires, outbound=self._outbound, policy=self._policy)

    def register(self, flow: Flow, request: Request) -> None:
        """Take a REGISTER.

        Raises:
            Refused, MalformedMessage: it cannot be taken.
        """
        now = self._loop.time()
        changes = self._registrar.register(request, now=now, flow=flow.id)
        current = self._registrar.bindings(address_of_record(request))
        self._origin.respond(
            flow, request, 200, *contacts(current, now=now), *self._about_outbound(changes), *self._about_push(changes)
        )
        for binding, state in changes:
            if (timer := self._ends.pop(binding.key, None)) is not None:
                timer.cancel()
            if state != "removed":
                self._ends[binding.key] = self._loop.call_at(binding.expires_at, self._over, binding.key)
            self._emit(binding, state, 0 if state == "removed" else round(binding.expires_at - now))
        self._on_change()
        for binding, state in changes:
            if state != "removed":
                self._on_registered(binding)

    def flow_ended(self, flow: str) -> None:
        """Remove the bindings that came on a flow, which has ended, if that is how they are kept."""
        gone = self._registrar.of_flow(flow) if self._removes_closed else []
        for binding in gone:
            self._registrar.remove(binding.key)
            self._ends.pop(binding.key).cancel()
            self._emit(binding, "removed", 0)

    def give_up(self, flow: str) -> None:
        """Remove the bindings that came on a flow."""
        for binding in self._registrar.of_flow(flow):
            self._registrar.remove(binding.key)
            self._ends.pop(binding.key).cancel()
            self._emit(binding, "removed", 0)

    def _about_outbound(self, changes: list[tuple[Binding, Change]]) -> Headers:
        """Return the headers of RFC 5626 §6 and §5.4 for the 200 that binds a flow."""
        if not any(binding.device is not None and state != "removed" for binding, state in changes):
            return ()
        timer = () if self._flow_timer is None else (("Flow-Timer", str(round(self._flow_timer))),)
        return (("Require", OUTBOUND), *timer)

    def _about_push(self, changes: list[tuple[Binding, Change]]) -> Headers:
        """Return the header that says that the client's push service is used (RFC 8599 §8.2, RFC 6809)."""
        if not self._pushes:
            return ()
        asked = (PushTarget.of(binding.contact) for binding, state in changes if state != "removed")
        return tuple(("Feature-Caps", f'*;+sip.pns="{push.provider}"') for push in asked if push is not None)

    def _over(self, key: Key) -> None:
        end = self._ends.pop(key).when()
        if (binding := self._registrar.expire(key, now=max(self._loop.time(), end))) is not None:
            self._emit(binding, "expired", 0)
            self._on_change()

    def _emit(self, binding: Binding, state: BindingState, expires: int) -> None:
        self._channel.emit(
            events.Binding(
                id=binding.id,
                state=state,
                expires=expires,
                flow=binding.flow,
                contact=binding.contact,
                aor=binding.aor,
            )
        )
