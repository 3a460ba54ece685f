"""Writes the text of a scenario to begin with, with a comment for every key."""

from __future__ import annotations

from dataclasses import dataclass

from lab import library
from lab.loader import catalog
from lab.model.scenario import Account, Transport
from lab.starter.failures import SILENCE, failures

FIRST_PROBE_S = 45
"""After pjsip's idle timer (33 s), before anything goes wrong."""
LAST_PROBE_S = 170
"""When a client that can recover has recovered."""
AFTER_TIMER_S = 40
"""The last probe comes so long after the middlebox has forgotten, where that is soon enough."""
LATEST_PROBE_S = 7200
AFTER_LAST_PROBE_S = 20
"""Room for the answer: a call is held for 7 s, and INVITE and BYE have 5 s each."""

TEMPLATE = "scenario.yaml.j2"
NONE = "none"
LONGEST_COMMENT = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """The answers to the questions.

    Attributes:
        strategies: by name; `none` is always one of them.
        failure: by name, of ``lab.starter.failures``.
    """

    transport: Transport = Transport.TLS
    account: Account = Account.SUBSCRIBE
    middlebox: str = "silent-60s"
    failure: str = SILENCE
    strategies: tuple[str, ...] = ()


def usual_strategies(transport: Transport, account: Account) -> tuple[str, ...]:
    """Return strategies worth comparing, which exist with this transport and this account."""
    if transport is Transport.UDP:
        silent = ("udp-silent",) if account.registers else ()
        return (NONE, *silent, "options-ping-25s", "server-options-25s")
    if account.subscribes:
        return (NONE, "crlf-30s", "hold-transport", "options-ping-25s")
    return (NONE, "crlf-30s", "options-ping-25s", "server-options-25s")


def text(answers: Answers) -> str:
    """Return the scenario as a file."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    wrong, box, account = failures()[answers.failure], catalog.middlebox(answers.middlebox), answers.account
    last = last_probe_s(answers)
    environment = Environment(  # noqa: S701  (it is YAML, and every value is a name of ours)
        loader=PackageLoader("lab.starter", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE).render(
        drawing=_drawing(wrong.topology),
        transport=answers.transport.value,
        account=account.value,
        middlebox=box,
        tcp="never" if box.established_idle_timeout is None else f"after {box.established_idle_timeout}",
        wrong=wrong,
        strategies=[(name, _what(name)) for name in dict.fromkeys((NONE, *answers.strategies))],
        pings_by_itself=answers.transport is Transport.UDP and account.registers,
        probe="NOTIFY" if account.subscribes else "call",
        kinds="message, options, or invite: a call" if account.subscribes else "message or options",
        first=FIRST_PROBE_S,
        last=last,
        ends=last + AFTER_LAST_PROBE_S,
    )


def last_probe_s(answers: Answers) -> int:
    """Return when the server probes for the last time: once the middlebox must have forgotten an idle flow."""
    box = catalog.middlebox(answers.middlebox)
    timer = box.udp_mapping_timer if answers.transport is Transport.UDP else box.established_idle_timeout
    forgotten = 0 if timer is None else int(timer) + AFTER_TIMER_S
    return forgotten if LAST_PROBE_S < forgotten <= LATEST_PROBE_S else LAST_PROBE_S


def _drawing(topology: str) -> str:
    """Return the drawing that a topology's file begins with."""
    return library.topologies()[topology].read_text("utf-8").partition("\n#\n")[0]


def _what(name: str) -> str:
    """Return what a strategy does, as short as a comment is."""
    what = catalog.strategy(name).what.partition(";")[0].partition(",")[0]
    return what if len(what) <= LONGEST_COMMENT else f"{what[: LONGEST_COMMENT - 1]}…"
