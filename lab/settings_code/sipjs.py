"""Writes settings for SIP.js: options of ``UserAgent`` and ``Registerer``, and what follows a lost connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.clients.sipjs import CLIENT
from lab.model.scenario import Strategy
from lab.settings_code._offered import lacking, offered
from lab.settings_code.languages import Snippet

LANGUAGE = "sipjs"


def snippet(strategy: Strategy) -> Snippet | None:
    """See `Language`."""
    ours = offered(strategy, CLIENT.offers)
    if not ours:
        return None
    note = lacking(strategy, CLIENT.offers, "SIP.js")
    return Snippet(language=LANGUAGE, title="SIP.js", code="\n".join(_lines(ours)) + "\n", note=note)


def _lines(ours: dict[str, Any]) -> Iterator[str]:
    interval = f", keepAliveInterval: {float(ours['crlf-keepalive'].interval):g}" if "crlf-keepalive" in ours else ""
    yield "const userAgent = new UserAgent({"
    yield '  uri: UserAgent.makeURI("sip:me@example.com"),'
    yield f'  transportOptions: {{ server: "wss://example.com"{interval} }},'
    yield "});"
    expires = f"{{ expires: {int(ours['register'].expiry)} }}" if "register" in ours else "{}"
    yield f"const registerer = new Registerer(userAgent, {expires});"
    if "reconnect" in ours:
        yield from _reconnecting(float(ours["reconnect"].first), float(ours["reconnect"].longest))
    if "options-ping" in ours:
        yield from _pinging(float(ours["options-ping"].interval))


def _reconnecting(first: float, longest: float) -> Iterator[str]:
    yield "let attempts = 0;"
    yield "function again() {"
    yield f"  const pause = Math.min({longest:g}, {first:g} * 2 ** attempts++) * (0.5 + Math.random() / 2);"
    yield "  const attempt = () => userAgent.reconnect().then(() => registerer.register());"
    yield "  setTimeout(() => attempt().then(() => { attempts = 0; }, again), pause * 1000);"
    yield "}"
    yield "userAgent.delegate = { onDisconnect: (error) => { if (error) again(); } };"


def _pinging(interval: float) -> Iterator[str]:
    yield "setInterval(() => {"
    yield '  const core = userAgent.userAgentCore, peer = UserAgent.makeURI("sip:example.com");'
    yield '  core.request(core.makeOutgoingRequestMessage("OPTIONS", peer, userAgent.configuration.uri, peer, {}));'
    yield f"}}, {interval * 1000:g});"
