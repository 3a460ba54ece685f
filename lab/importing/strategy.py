"""Finds the strategy that an account showed, as mitigations that make pjsip and the lab's server send the same. Pure.

What pjsip does unasked is left out: CRLF after 90 s over TCP and TLS, CRLF every 12 s to 14 s over UDP once it has
registered, a refresh 5 s before an expiry.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.importing.case import Case
from lab.importing.endings import By, Ending
from lab.importing.facts import Kept
from lab.importing.silences import SHORTEST_S
from lab.importing.story import FEWEST, Period, Story

PJSIP_IDLE_S = 33.0
"""PJSIP_TRANSPORT_IDLE_TIME, sip_config.h."""
IDLE_SPREAD_S = 1.5
"""An end within this time of 33 s after the last SIP message is pjsip's idle timer."""
PJSIP_CRLF_S = (89.0, 92.0)
"""PJSIP_TCP_KEEP_ALIVE_INTERVAL, 90 s, to a second more, and a bit for the network."""
PJSIP_UDP_S = (11.5, 15.5)
"""PJSUA's udpKaIntervalSec, 15 s, as pjsua draws it: 12 s to 14 s; other programs send every 15 s."""
PJSIP_REFRESH_S = 5.0
"""PJSIP_REGISTER_CLIENT_DELAY_BEFORE_REFRESH."""
PJSIP_REGISTERS_FOR_S = 300
"""PJSUA_REG_INTERVAL."""
PJSIP_SUBSCRIBES_FOR_S = 600
"""PJSIP_PRES_DEFAULT_EXPIRES."""
FRAMED = ("ws", "wss")
SIPJS = frozenset({"crlf-keepalive", "options-ping", "reconnect", "server-ws-ping", "server-options", "server-crlf"})
"""Mitigations that SIP.js and the server have; SIP.js plays the client over WebSocket, which pjsip does not speak."""
COMES_BACK_S = 120.0
"""A client that comes back within this time does so by itself, and not because a refresh was due."""
_WHOLE_S = 0.35
Mitigation = dict[str, Any] | str


def seconds(value: float) -> str:
    """Return a time as a scenario has it: whole seconds where it is nearly that."""
    near = round(value)
    return f"{near if abs(value - near) <= _WHOLE_S and near else round(value, 1):g} s"


def mitigations(case: Case) -> list[Mitigation]:
    """Return the mitigations that an account showed."""
    found = [*_sent(case.story), *_held(case), *_recovery(case)]
    if case.story.transport in FRAMED:
        asked = next((each.message.expires for each in case.story.asked("REGISTER") if each.message.expires), None)
        known = [each for each in found if set(each) & SIPJS] if found else []
        return [*([{"register": {"expiry": f"{asked} s"}}] if asked else []), *known]
    watches = any("pong-watchdog" in each for each in found)
    return [each for each in found if not (watches and "crlf-keepalive" in each)]


def _sent(story: Story) -> Iterator[Mitigation]:
    stream = story.transport != "udp"
    periods = {(each.what, each.up): each for each in story.periods}
    flow_timer = next((m.flow_timer for each in story.asked("REGISTER") if (m := each.granted) and m.flow_timer), None)
    if flow_timer:
        yield {"flow-timer": {"time": seconds(flow_timer)}}
    if one := periods.get(("OPTIONS", True)):
        yield {"options-ping": {"interval": seconds(one.interval_s)}}
    if one := periods.get(("OPTIONS", False)):
        yield {"server-options": {"interval": seconds(one.interval_s)}}
    if one := periods.get((Kept.PING.value, False)):
        yield {"server-crlf": {"interval": seconds(one.interval_s)}}
    if (one := periods.get((Kept.WS_PING.value, False))) and story.transport in ("ws", "wss"):
        yield {"server-ws-ping": {"interval": seconds(one.interval_s)}}
    if one := periods.get(("TCP keep-alive", True)):
        yield {"tcp-keepalive": {"idle": f"{max(1, int(one.shortest_s + _WHOLE_S))} s", "interval": "10 s"}}
    if flow_timer is None and stream:
        yield from _crlf(periods, drawn=story.transport in FRAMED)
    if not stream and story.registers:
        yield from _over_udp(periods)
    if (one := periods.get(("SUBSCRIBE", True))) and (grants := story.grants("SUBSCRIBE")):
        yield from _resubscribes(story, one, max(grants))


def _crlf(periods: dict[tuple[str, bool], Period], *, drawn: bool) -> Iterator[Mitigation]:
    one = periods.get((Kept.PING.value, True)) or periods.get((Kept.PONG.value, True))
    if one and drawn:
        yield {"crlf-keepalive": {"interval": f"{max(1, round(one.interval_s / 0.9))} s"}}  # SIP.js: 80 % to 100 %
    elif one and not PJSIP_CRLF_S[0] <= one.interval_s <= PJSIP_CRLF_S[1]:
        yield {"crlf-keepalive": {"interval": f"{max(1, int(one.shortest_s + _WHOLE_S))} s"}}


def _over_udp(periods: dict[tuple[str, bool], Period]) -> Iterator[Mitigation]:
    kinds = (Kept.PONG, Kept.PING, Kept.EMPTY, Kept.STUN_REQUEST)
    one = min(
        (periods[each.value, True] for each in kinds if (each.value, True) in periods),
        key=lambda p: p.interval_s,
        default=None,
    )
    if one is None:
        yield {"udp-keepalive": {"interval": "never"}}
    elif not PJSIP_UDP_S[0] <= one.interval_s <= PJSIP_UDP_S[1]:
        yield {"udp-keepalive": {"interval": f"{max(2, round(one.interval_s / 0.9))} s"}}  # pjsua draws 80 % to 100 %


def _resubscribes(story: Story, one: Period, granted: int) -> Iterator[Mitigation]:
    if one.interval_s > granted * 0.75:
        return
    again = [each for each in story.asked("SUBSCRIBE") if each.t > story.zero]
    in_dialog = sum(each.message.in_dialog and each.message.expires != 0 for each in again) * 2 >= len(again)
    if in_dialog or one.count > FEWEST:  # a watchdog subscribes anew, too, now and then
        yield {"refresh-subscription" if in_dialog else "resubscribe": {"interval": seconds(one.interval_s)}}


def _held(case: Case) -> Iterator[Mitigation]:
    """Yield what keeps a connection that pjsip would have closed after 33 s."""
    story = case.story
    if story.transport == "udp" or story.registers or not story.subscribes:
        return
    quiet = max((gap for flow in story.flows for gap in _sip_gaps(case, flow)), default=0.0)
    if quiet <= PJSIP_IDLE_S + IDLE_SPREAD_S:
        return
    own = next((each.ending for each in case.breaks if _by_client(each.ending)), None)
    if (
        own is not None
        and own.since_sip_s > PJSIP_IDLE_S + IDLE_SPREAD_S
        and case.main is not None
        and case.main.ending is own
    ):
        yield {"idle-time": {"time": seconds(own.since_sip_s)}}
    else:
        yield "hold-transport"


def _by_client(over: Ending | None) -> bool:
    return over is not None and over.by is By.CLIENT


def _sip_gaps(case: Case, flow: Any) -> Iterator[float]:
    """Yield the pauses of a flow without any SIP message, as long as the flow was there."""
    from lab.importing.endings import ending
    from lab.importing.story import messages

    over = ending(flow)
    times = [event.t for event, _ in messages(flow) if event.arrived is not False]
    dead = min((each.bad for each in case.breaks if each.flow is flow and each.again is None), default=case.story.end)
    until = min(dead, case.story.end if over is None else over.t)
    times = [t for t in times if t <= until]
    yield from (b - a for a, b in zip(times, [*times[1:], until], strict=True) if b - a > SHORTEST_S)


def _recovery(case: Case) -> Iterator[Mitigation]:
    """Yield what notices a dead connection, and what comes back after a connection has ended."""
    story = case.story
    if story.transport == "udp":
        return
    dead = next((each for each in case.breaks if each.kind.name == "LOST" and each.again is None), None)
    after = (
        None
        if dead is None
        else next((each.ending for each in case.breaks if each.flow is dead.flow and _by_client(each.ending)), None)
    )
    if dead is not None and after is not None:
        took = after.t - dead.bad
        pings = next((each for each in story.periods if each.what == Kept.PING.value and each.up), None)
        asks = next((each for each in story.periods if each.what == "OPTIONS" and each.up), None)
        if asks is not None and 30 <= took <= 34:  # Timer F, 32 s (RFC 3261 §17.1.2.2)
            yield "drop-dead-flow"
        elif pings is not None and took < 30:
            yield {
                "pong-watchdog": {
                    "interval": seconds(int(pings.shortest_s + _WHOLE_S)),
                    "within": seconds(max(1, took)),
                }
            }
        elif took > 0:
            yield {"tcp-user-timeout": {"time": seconds(took)}}
    if story.subscribes and _comes_back(story):
        yield {"reconnect": {"first": "2 s", "longest": "60 s"}}


def _comes_back(story: Story) -> bool:
    """Return whether the client subscribed anew soon after a connection of its had ended."""
    from lab.importing.endings import ending

    asks = [each for each in story.asked("SUBSCRIBE") if each.t > story.zero and not each.message.in_dialog]
    ends = [over.t for flow in story.flows if (over := ending(flow)) is not None]
    return any(0 <= each.t - end <= COMES_BACK_S for each in asks for end in ends)
