"""Implements the scripted SIP server: a presence notifier and registrar that can misbehave on command.

``actor`` is the process, ``server`` what becomes of commands and requests, the rest one part of that each.

It takes every subscription and registration, after digest authentication if the scenario asks for it, and when ordered
tries to reach the client and says what became of it. Idle, it does nothing: the only timers are the ends of
subscriptions and bindings, retransmissions over UDP, the time a probe has, the keep-alives of its mitigations,
and its idle timeout.

Commands: ``start`` (``settings.Settings``); ``notify``, ``options``, ``message`` {probe, within}, ``invite`` {probe,
within, hold, ring}; ``stop``. A NOTIFY goes within the newest subscription, the others fork to all bindings, or go to
the newest subscriber if there are none. And misbehavior, each answered by ``obeyed`` with its ``do``::

    close {}                      ends the newest subscription's flow in order; ``flow`` in ``obeyed`` names it
    go-down {keeps_state}         listens no more and drops every flow, as if killed
    come-up {}                    the end of that; then ``ready``
    certificate {expired}         new TLS connections meet the expired certificate, or the valid one again
    names {mode}                  the name server answers: true, servfail, silent (not at all)
    revocation {listed}           new TLS connections of the client are refused: its certificate is on the list, or not
    answer {mode, by}             to requests and pings: at-once, late (by so many seconds), mute

Its events are the server's in ``lab.record.events``.

Does not model: IPv6, calls from the client, and what ``lab.sip.subscription`` leaves out.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from lab.backends.base import Main
from lab.servers.base import ServerProgram

_ACTOR = "lab.servers.scripted.actor"


class Scripted(ServerProgram):
    """The lab's own server."""

    name = "scripted"
    what = "the lab's own, which can be told to misbehave and costs nothing while idle"
    modules = (_ACTOR,)
    image = "server"

    def program(self) -> Main:
        """See `ServerProgram`."""
        main: Main = import_module(_ACTOR).main
        return main

    def identity(self) -> str:
        """See `ServerProgram`: it is part of the lab."""
        return ""

    def writes(self, folder: Path) -> tuple[Path, ...]:
        """See `ServerProgram`."""
        return (folder / "tls.keys",)


SERVER = Scripted()
