"""Writes settings for Kamailio's configuration, for what a strategy asks of the server."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from lab.model.scenario import Strategy
from lab.settings_code.languages import Snippet
from lab.settings_code.noted import ServerSettings, server_settings

LANGUAGE = "kamailio"


def snippet(strategy: Strategy) -> Snippet | None:
    """See `Language`."""
    settings = server_settings(strategy)
    if settings is None:
        return None
    code = "\n".join(_lines(settings))
    note = " ".join(_notes(settings))
    return Snippet(language=LANGUAGE, title="Kamailio, kamailio.cfg", code=code and f"{code}\n", note=note)


def _lines(settings: ServerSettings) -> Iterator[str]:
    if settings.subscription_s is not None:
        yield f'modparam("presence", "max_expires", {settings.subscription_s})'
    if settings.outbound:
        yield from ('loadmodule "outbound.so"', 'modparam("registrar", "outbound_mode", 1)')
    if settings.flow_timer_s is not None:
        yield f'modparam("registrar", "flow_timer", {settings.flow_timer_s})'
    for interval, what in settings.keep_alives:
        if what == "ws-ping":
            yield 'modparam("websocket", "keepalive_mechanism", 1)'
            yield f'modparam("websocket", "keepalive_timeout", {ceil(interval)})'
            continue
        yield 'loadmodule "nathelper.so"'
        yield f'modparam("nathelper", "natping_interval", {ceil(interval)})'
        if what == "options":
            yield from _options()
    for interval, what, giving_up in settings.deaths:
        if what == "options":
            yield 'loadmodule "nathelper.so"'
            yield f'modparam("nathelper", "natping_interval", {ceil(interval)})'
            yield from _options()
            yield f'modparam("nathelper", "keepalive_timeout", {ceil(interval) * giving_up.after})'

    if settings.push_wait_s is not None:
        yield from (
            'loadmodule "tsilo.so"',
            "# INVITE: t_newtran(); ts_store(); t_suspend(); ask for a push, as the contact's pn- parameters say",
            '# REGISTER, after save(): ts_append("location", "$tu"), which forks what is stored to the new contact',
            f"# after {settings.push_wait_s:g} s without a REGISTER: 480",
        )


def _options() -> Iterator[str]:
    yield 'modparam("nathelper", "sipping_bflag", 7)    # and setbflag(7) before save()'
    yield 'modparam("nathelper", "sipping_from", "sip:example.com")'
    yield 'modparam("nathelper", "sipping_method", "OPTIONS")'


def _notes(settings: ServerSettings) -> Iterator[str]:
    whats = {what for _, what in settings.keep_alives} | {what for _, what, _ in settings.deaths}
    if whats - {"ws-ping"}:
        yield "nathelper pings registered contacts over UDP; not over TCP and TLS, and not clients that only subscribe."
    if any(what == "crlf" for _, what, _ in settings.deaths):
        yield "Kamailio has no function that waits for the pong of a CRLF."
    if any(what == "ws-ping" for _, what, _ in settings.deaths):
        yield "Kamailio ends a WebSocket whose ping has no pong; that it gives the client up is not configured here."
