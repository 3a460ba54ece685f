"""Writes settings for pjsua2; its languages differ in how a statement is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.model.scenario import Strategy
from lab.settings_code._pjsip import account, build_lines, notes
from lab.settings_code.languages import Snippet
from lab.settings_code.noted import ClientSettings, client_settings


@dataclass(frozen=True)
class Syntax:
    """The syntax of a language, as far as pjsua2 needs it.

    Attributes:
        comment: what begins a comment.
        account: writes the statement that sets a field of an ``AccountConfig`` named ``account``.
        options: writes the statements that set socket options of a ``TransportConfig`` named ``transport``.
        ping: writes a sketch that sends OPTIONS at an interval in seconds.
    """

    comment: str
    account: Callable[[str, int | str], str]
    options: Callable[[ClientSettings], list[str]]
    ping: Callable[[float], list[str]]


def write(strategy: Strategy, language: str, title: str, syntax: Syntax) -> Snippet | None:
    """Return the settings of a strategy; None: it has none in a client."""
    settings = client_settings(strategy)
    if settings is None:
        return None
    parts = []
    if build := build_lines(settings, at_run_time=False):
        head = f"{syntax.comment} config_site.h; then build pjproject again (pjsua2 does not reach these at run time):"
        parts.append([head, *(f"{syntax.comment}   {line}" for line in build)])
    if settings.socket_options:
        parts.append(syntax.options(settings))
    if fields := account(settings):
        parts.append([syntax.account(path, value) for path, value in fields.items()])
    parts += [syntax.ping(interval) for interval, method in settings.periodic if method == "send_options"]
    code = "\n\n".join("\n".join(part) for part in parts)
    said = list(notes(settings, written=frozenset({"send_options"})))
    if any(each.kind == "hold-transport" for each in settings.ported):
        said.append("pjsua2 has no call for this: write it in C (`--code c`), beside pjsua2 in the same process.")
    return Snippet(language=language, title=title, code=code and f"{code}\n", note=" ".join(said))
