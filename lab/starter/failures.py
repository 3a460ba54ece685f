"""What can go wrong in a scenario to begin with: one fault each, in the words of the question and of the file."""

from __future__ import annotations

from dataclasses import dataclass

AT_S = 60
"""When it goes wrong: after the first probe, between the pings of the usual strategies."""
SILENCE = "silence"


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One thing that goes wrong.

    Attributes:
        name: as `--failure` takes it.
        what: a clause for the question.
        comment: what the file says of it.
        faults: as they are written there, a line each; none: nothing but silence.
        streams_only: it needs a connection, so TCP or TLS.
        moves: it takes the client to a second network.
    """

    name: str
    what: str
    comment: str
    faults: tuple[str, ...] = ()
    streams_only: bool = False
    moves: bool = False


FAILURES = (
    Failure(
        name=SILENCE,
        what="nothing but silence: timers of the client and of the middlebox",
        comment="Nothing is broken on purpose; `lab list faults` has what could be.",
    ),
    Failure(
        name="nat-reboot",
        what="the middlebox reboots and loses its table",
        comment="The middlebox reboots and has forgotten every flow.",
        faults=(f"reboot: {{ at: {AT_S} s, node: home-nat }}",),
    ),
    Failure(
        name="nat-new-address",
        what="the middlebox reboots and comes back with another address",
        comment="The middlebox comes back with another address outside.",
        faults=(f"reboot: {{ at: {AT_S} s, node: home-nat, address: 198.51.100.99 }}",),
    ),
    Failure(
        name="link-down",
        what="the line is dead for a minute",
        comment="For a minute the link behind the NAT carries nothing, and nobody is told.",
        faults=(f"link-down: {{ at: {AT_S} s, link: access, lasts: 60 s }}",),
    ),
    Failure(
        name="rst",
        what="somebody resets the connection (TCP, TLS)",
        comment="A forged RST ends the connection at both ends.",
        faults=(f"forged-segment: {{ at: {AT_S} s, node: home-nat, flag: rst, to: both }}",),
        streams_only=True,
    ),
    Failure(
        name="server-restart",
        what="the server restarts and loses its state",
        comment="The server ends as if killed, starts again, and knows nobody.",
        faults=(f"server-restart: {{ at: {AT_S} s, keeps-state: false }}",),
    ),
    Failure(
        name="server-mute",
        what="the server answers nothing for a minute",
        comment="For a minute the server reads and answers nothing.",
        faults=(f"server-mute: {{ at: {AT_S} s, lasts: 60 s }}",),
    ),
    Failure(
        name="client-move",
        what="the phone goes from Wi-Fi to cellular",
        comment="The phone leaves the Wi-Fi and has another address in the cellular network.",
        faults=(f"client-move: {{ at: {AT_S} s }}",),
        moves=True,
    ),
)


def failure(name: str) -> Failure:
    """Return the failure of that name (KeyError if there is none)."""
    return {each.name: each for each in FAILURES}[name]
