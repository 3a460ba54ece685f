"""``lab actor``: its commands, their options and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app
from lab.cli.choices import AccountChoice, AnyTransportChoice, ClockChoice, DigestChoice, ProbeChoice, TransportChoice

actor_app = typer.Typer(
    help="Programs that speak the actor protocol (docs/actor-protocol.md): check a client of your own, or be one of the"
    " lab's and watch it.",
    no_args_is_help=True,
)
actor_run_app = typer.Typer(
    help="Be one of the lab's actors, print what happens, and end at Ctrl-C.", no_args_is_help=True
)
actor_app.add_typer(actor_run_app, name="run")
app.add_typer(actor_app, name="actor", short_help="Test your own client, or be one of the lab's actors.")

JsonLines = Annotated[bool, typer.Option("--json", envvar="LAB_JSON", help="Print events as JSON lines.")]
Share = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        envvar="LAB_SHARE",
        exists=True,
        file_okay=False,
        show_default=False,
        help="Where the server leaves its CA's certificate, and the client finds it.",
    ),
]


Digest = Annotated[
    DigestChoice,
    typer.Option(
        envvar="LAB_AUTHENTICATION",
        help="Digest authentication of REGISTER and SUBSCRIBE, by this hash; none: no authentication.",
    ),
]


@actor_app.command("check", short_help="Try a client of your own against all a scenario can ask of it.")
def actor_check_command(
    *,
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND", help="The program and its arguments, after `--`.", show_default=False),
    ] = [],  # noqa: B006  (typer copies it)
    image: Annotated[
        str,
        typer.Option(help="A container image it runs in; without a command, its own.", show_default=False),
    ] = "",
    client: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="In place of a command: a client that the lab has (`lab list clients`).",
            show_default=False,
            autocompletion=completion.clients,
        ),
    ] = "",
    transport: Annotated[AnyTransportChoice, typer.Option(help="Its SIP transport.")] = AnyTransportChoice.TLS,
    account: Annotated[
        AccountChoice, typer.Option(help="What it is told to set up; a client need not do all three.")
    ] = AccountChoice.SUBSCRIBE,
    authentication: Annotated[
        bool, typer.Option("--authentication", help="Challenge its requests (401, digest); see docs/authentication.md.")
    ] = False,
    clock: Annotated[
        ClockChoice, typer.Option(help="virtual: in a guest kernel, as scenarios run it by default.")
    ] = ClockChoice.REAL,
    json: Annotated[bool, typer.Option("--json", help="Print the result on standard output.")] = False,
) -> None:
    """Take a client through all a scenario can ask of it, and say what it does and what not.

    It is started in a network of its own with a SIP server, sets its account up, is sent NOTIFY (if it subscribes),
    OPTIONS, MESSAGE and a call, and is told to end; nothing of the host is touched, and root is not needed.

    Exit status: 0 a scenario can use it; 1 it cannot; 2 no such program; 3 this machine cannot do it; 4 the lab failed.
    """
    from lab.cli.actor import check

    status = check(
        command,
        name=client,
        image=image,
        transport=transport.value,
        account=account.value,
        authentication=authentication,
        clock=clock.value,
        json=json,
    )
    raise typer.Exit(status)


@actor_run_app.command("server", short_help="The scripted SIP server.")
def actor_run_server_command(
    *,
    address: Annotated[str, typer.Option(metavar="IP", envvar="LAB_SERVER", help="Where it listens.")],
    strategy: Annotated[
        str, typer.Option(metavar="NAME", envvar="LAB_STRATEGY", help="Its mitigations are the server's part of this.")
    ] = "none",
    account: Annotated[
        AccountChoice,
        typer.Option(
            envvar="LAB_ACCOUNT",
            help="What its clients set up. If they register, it calls who has registered; else who has subscribed.",
        ),
    ] = AccountChoice.SUBSCRIBE,
    authentication: Digest = DigestChoice.NONE,
    share: Share = None,
    json: JsonLines = False,
) -> None:
    """Run the scripted SIP server: presence and registrar for anybody, on UDP and TCP 5060 and TLS 5061.

    With --authentication it is so for alice alone, whose password is wonderland. `lab actor tell` has it reach for the
    client.
    """
    from lab.cli.standalone import run_server

    raise typer.Exit(
        run_server(
            address=address,
            account=account.value,
            authentication=authentication.algorithm,
            strategy=strategy,
            share=share,
            json=json,
        )
    )


@actor_run_app.command("client", short_help="The real pjsip.")
def actor_run_client_command(
    *,
    server: Annotated[str, typer.Option(metavar="IP", envvar="LAB_SERVER", help="Its server.")],
    transport: Annotated[TransportChoice, typer.Option(envvar="LAB_TRANSPORT")] = TransportChoice.TLS,
    account: Annotated[
        AccountChoice,
        typer.Option(
            envvar="LAB_ACCOUNT", help="What it sets up: a subscription to presence, a registration, or both."
        ),
    ] = AccountChoice.SUBSCRIBE,
    authentication: Digest = DigestChoice.NONE,
    strategy: Annotated[
        str, typer.Option(metavar="NAME", envvar="LAB_STRATEGY", help="What keeps it reachable, by its catalog name.")
    ] = "none",
    gateway: Annotated[
        str,
        typer.Option(
            metavar="IP",
            envvar="LAB_GATEWAY",
            show_default=False,
            help="Make this the default route first; needs root and NET_ADMIN, which are then given up.",
        ),
    ] = "",
    share: Share = None,
    json: JsonLines = False,
) -> None:
    """Run the real pjsip: it registers, subscribes to presence, or both, and falls silent.

    It is alice; with --authentication it has her password, and answers challenges by either hash.
    """
    from lab.cli.standalone import run_client

    raise typer.Exit(
        run_client(
            server=server,
            transport=transport.value,
            account=account.value,
            authentication=authentication.algorithm,
            strategy=strategy,
            gateway=gateway,
            share=share,
            json=json,
        )
    )


@actor_run_app.command("middlebox", short_help="A NAT between two networks.")
def actor_run_middlebox_command(
    *,
    inside: Annotated[str, typer.Option(metavar="IP", envvar="LAB_INSIDE", help="Its address towards the client.")],
    outside: Annotated[str, typer.Option(metavar="IP", envvar="LAB_OUTSIDE", help="Its address towards the server.")],
    profile: Annotated[
        str, typer.Option(metavar="NAME", envvar="LAB_MIDDLEBOX", help="What it does; see lab list middleboxes.")
    ] = "silent-60s",
    forgets_after: Annotated[
        str,
        typer.Option(
            metavar="SECONDS",
            envvar="LAB_FORGETS_AFTER",
            show_default=False,
            help="Idle time after which it forgets, instead of the profile's, TCP and UDP.",
        ),
    ] = "",
    json: JsonLines = False,
) -> None:
    """Run a NAT between two networks of this machine or container; print each mapping when it begins and ends.

    Needs NET_ADMIN and NET_RAW, and conntrack's settings as docker-compose.yml gives them.
    """
    from lab.cli.standalone import run_middlebox

    raise typer.Exit(
        run_middlebox(profile=profile, inside=inside, outside=outside, forgets_after=forgets_after, json=json)
    )


@actor_app.command("tell", short_help="Have the server here send a probe, and say what comes of it.")
def actor_tell_command(
    *,
    what: Annotated[ProbeChoice, typer.Argument(metavar="notify|message|options|invite", show_default=False)],
    within: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="Time for the client to answer.")] = 5.0,
    hold: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="Length of the call an INVITE makes.")] = 5.0,
    json: JsonLines = False,
) -> None:
    """Make the server started by `lab actor run server` send a probe to the client.

    notify goes within the newest subscription; the others to whoever registered last, or else to the newest subscriber.

    Exit status: 0 the client accepts; 1 it does not, or is not reached; 3 there is no server here.
    """
    from lab.cli.standalone import tell_server

    raise typer.Exit(tell_server(what.value, within=within, hold=hold, json=json))
