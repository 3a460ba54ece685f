"""The command ``lab``. Commands import what they need when they run: ``lab --help`` must not wait for heavy modules."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from lab import __version__
from lab.backends.base import BackendKind
from lab.cli.actor_commands import actor_app
from lab.cli.choices import DEFAULT_SERVER, ClockChoice, PlaceChoice, ServerChoice
from lab.errors import EXIT_INTERRUPTED, LabError, no_room
from lab.model.twin import Wanted
from lab.visible_text import visible
from lab.worlds.clock import GUEST_MEMORY_MB

Memory = Annotated[int, typer.Option(metavar="MiB", min=128, help="Memory of a virtual-time guest.")]

app = typer.Typer(
    name="lab",
    help="Run a real pjsip client behind an emulated NAT, let it fall silent, and see which keep-alive strategy keeps"
    " it reachable, what it costs, and why the others fail.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _lab(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False
) -> None:
    if version:
        typer.echo(f"lab {__version__}")
        raise typer.Exit


@app.command("run", short_help="Run scenarios and report which strategies keep the client reachable.")
def run_command(
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Scenario files.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where run folders go.")] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print report.json on standard output.")] = False,
    clock: Annotated[
        ClockChoice,
        typer.Option(help="virtual: skip idle time in a guest kernel; real: wait; auto: virtual where it can be had."),
    ] = ClockChoice.AUTO,
    backend: Annotated[
        BackendKind,
        typer.Option(
            help="netns: nodes are network namespaces; docker: containers, in real time, as root (docs/containers.md)."
        ),
    ] = BackendKind.NETNS,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            show_default=False,
            help="Cells side by side at most [default: 32 in real time, 8 in containers, one per processor in virtual"
            " time].",
        ),
    ] = None,
    memory: Annotated[
        int, typer.Option(metavar="MiB", min=128, help="Memory of a virtual-time guest.")
    ] = GUEST_MEMORY_MB,
    only: Annotated[
        list[str], typer.Option(metavar="AXIS=VALUE", help="Run only these cells, as in strategy=none; repeatable.")
    ] = [],  # noqa: B006  (typer copies it)
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Replace the scenario's seed.")] = None,
    server: Annotated[
        ServerChoice, typer.Option(help="The SIP server of cells whose scenario does not say which.")
    ] = DEFAULT_SERVER,
    moments: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Probe a client that passes again, at so many of its weakest moments; 0: do not."
        ),
    ] = 1,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Run each cell with so many seeds; a verdict must not depend on it.")
    ] = 1,
    costs: Annotated[
        bool,
        typer.Option(
            help="Measure costs per hour in a silent hour of virtual time; else, and in real time, estimate them."
        ),
    ] = True,
    causes: Annotated[
        bool,
        typer.Option(help="Where a lost probe has several suspects, run the cell again without each, in virtual time."),
    ] = True,
) -> None:
    """Run scenarios and report which strategies keep the client reachable.

    Exit status: 0 all claims hold; 1 some do not; 2 a scenario is wrong; 3 this machine cannot do it; 4 the lab failed;
    5 something was left behind; 130 interrupted.
    """
    from lab.cli.run import Options, run_files

    if backend is BackendKind.DOCKER and clock is ClockChoice.VIRTUAL:
        raise typer.BadParameter(
            "containers run on this machine's kernel, in real time; leave out --clock, or --backend docker",
            param_hint="--clock",
        )
    options = Options(
        out=out,
        json=json,
        jobs=jobs,
        memory_mb=memory,
        only=tuple(only),
        seed=seed,
        clock=clock.value,
        backend=backend,
        server=server.value,
        twins=Wanted(moments=moments, causes=causes, costs=costs, seeds=seeds),
    )
    raise typer.Exit(run_files(files, options))


@app.command("why", short_help="Explain a finished run: from each cause to the lost probe.")
def why_command(
    *,
    cells: Annotated[
        list[str], typer.Argument(metavar="CELL", help="Cells by name; all that did not pass, if none is given.")
    ] = [],  # noqa: B006  (typer copies it)
    run: Annotated[Path, typer.Option(metavar="DIR", help="The run's folder.")] = Path("runs/latest"),
) -> None:
    """Explain a finished run: from each cell's cause to the probe it cost, with the record lines that show it.

    Exit status 0; 2 if there is no such run or cell.
    """
    from lab.cli.why import why

    raise typer.Exit(why(cells, run))


@app.command("curve", short_help="Show when each client can be reached, and when not.")
def curve_command(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario file.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where run folders go.")] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print curve.json on standard output.")] = False,
    only: Annotated[list[str], typer.Option(metavar="AXIS=VALUE", help="Look at these cells only; repeatable.")] = [],  # noqa: B006  (typer copies it)
    start: Annotated[
        float | None,
        typer.Option(
            "--from", metavar="SECONDS", min=0.0, help="First moment [default: one step].", show_default=False
        ),
    ] = None,
    until: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.0, help="Last moment [default: the scenario's end].", show_default=False),
    ] = None,
    every: Annotated[float, typer.Option(metavar="SECONDS", min=0.001, help="From one moment to the next.")] = 10.0,
) -> None:
    """Show when each client can be reached: one probe at each moment, each in a cell of its own.

    Probes within one cell would restart the very timers they ask about. The probe is the scenario's first, at other
    times; its claims do not matter. In virtual time, where that can be had.

    Exit status: 0 it was done; 2 the scenario is wrong; 3 this machine cannot do it; 4 the lab failed; 130 interrupted.
    """
    from lab.cli.curve import draw

    raise typer.Exit(draw(file, out=out, only=tuple(only), grid=(start, until, every), json=json))


@app.command("reference", short_help="Print what a scenario can say.")
def reference_command(
    *,
    names: Annotated[
        list[str], typer.Argument(metavar="NAME", help="Faults, mitigations, strategies, keys; all, if none is given.")
    ] = [],  # noqa: B006  (typer copies it)
    record: Annotated[
        bool, typer.Option("--record", help="Print what a record consists of instead: every event and its fields.")
    ] = False,
    json_schema: Annotated[
        bool,
        typer.Option(
            "--json-schema", help="Print the JSON schema instead: of scenario files, for editors; of records' lines."
        ),
    ] = False,
) -> None:
    """Print what a scenario can say: every key, fault, mitigation and strategy, with defaults and sources (Markdown).

    Exit status 0; 2 if there is no such thing.
    """
    from lab.cli.reference import print_reference

    raise typer.Exit(print_reference(names, json_schema=json_schema, record=record))


@app.command("report", short_help="Judge a finished run again and write its reports anew.")
def report_command(
    *,
    run: Annotated[Path, typer.Option(metavar="DIR", help="The run's folder.")] = Path("runs/latest"),
    json: Annotated[bool, typer.Option("--json", help="Print the report on standard output.")] = False,
) -> None:
    """Judge the records of a finished run again and write its reports anew: report.html, junit.xml, report.json.

    Exit status 0; 2 if there is no such run.
    """
    from lab.cli.report import report_again

    raise typer.Exit(report_again(run, json=json))


@app.command("fidelity", short_help="Run the same cells in several ways and print what differs.")
def fidelity_command(
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Scenario files.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where run folders go.")] = Path("runs"),
    only: Annotated[list[str], typer.Option(metavar="AXIS=VALUE", help="Compare only these cells; repeatable.")] = [],  # noqa: B006  (typer copies it)
    within: Annotated[float, typer.Option(metavar="SECONDS", min=0.0, help="How far apart an event may lie.")] = 0.5,
    memory: Annotated[
        int, typer.Option(metavar="MiB", min=128, help="Memory of a virtual-time guest.")
    ] = GUEST_MEMORY_MB,
    places: Annotated[
        list[PlaceChoice], typer.Option("--in", help="Where to run them; repeatable [default: real and virtual].")
    ] = [],  # noqa: B006  (typer copies it)
    servers: Annotated[
        list[ServerChoice],
        typer.Option(
            "--server", help="The SIP server, where the scenario does not say; repeatable [default: scripted]."
        ),
    ] = [],  # noqa: B006  (typer copies it)
) -> None:
    """Run the same cells in several ways and print what differs: verdicts, causes, times of events.

    Namespaces in real time, containers, and a guest in virtual time, each with the lab's own SIP server or with
    Kamailio: `lab fidelity FILE --in real --in docker --in virtual --server scripted --server kamailio`.

    Exit status 0 if they agree, 1 if not.
    """
    from lab.cli.fidelity import compare_files
    from lab.fidelity.compare import Place

    raise typer.Exit(
        compare_files(
            files,
            out=out,
            only=tuple(only),
            within=within,
            memory_mb=memory,
            places=[Place(choice.value) for choice in dict.fromkeys(places)] or [Place.REAL, Place.VIRTUAL],
            servers=[choice.value for choice in dict.fromkeys(servers)] or [DEFAULT_SERVER.value],
        )
    )


@app.command("doctor", short_help="Try what this machine can do, and say how to mend the rest.")
def doctor_command(
    *, json: Annotated[bool, typer.Option("--json", help="Print the findings on standard output.")] = False
) -> None:
    """Try what this machine can do: both kinds of time, containers, servers; and say how to mend what it cannot.

    Exit status 0 if `lab run` works in some way, 3 if not.
    """
    from lab.cli.doctor import examine

    raise typer.Exit(examine(as_json=json))


kernel_app = typer.Typer(
    help="The guest kernel of virtual time: build it once, lab run finds it.", no_args_is_help=True
)
app.add_typer(kernel_app, name="kernel", short_help="The guest kernel of virtual time.")


@kernel_app.command("build", short_help="Build the kernel unless it is there.")
def kernel_build_command(
    *,
    source: Annotated[
        Path | None,
        typer.Option(help="A kernel source tarball or unpacked tree instead of Debian's.", show_default=False),
    ] = None,
) -> None:
    """Build the virtual-time kernel unless it is there; takes two or three minutes on two processors."""
    from lab.cli import kernel

    kernel.build(source)


@kernel_app.command("list")
def kernel_list_command() -> None:
    """List the kernels in the cache; `*` marks the one that is used."""
    from lab.cli import kernel

    kernel.show()


@kernel_app.command("prune")
def kernel_prune_command() -> None:
    """Remove all kernels but the one that is used."""
    from lab.cli import kernel

    kernel.prune()


app.add_typer(actor_app, name="actor", short_help="Test your own client, or be one of the lab's actors.")


middlebox_app = typer.Typer(
    help="The catalogue of middleboxes: what they are said to do, and whether they do it here.", no_args_is_help=True
)
app.add_typer(middlebox_app, name="middlebox", short_help="NATs and firewalls by name: list and test them.")


@middlebox_app.command("list")
def middlebox_list_command(
    *, json: Annotated[bool, typer.Option("--json", help="Print all values on standard output.")] = False
) -> None:
    """List the profiles a scenario can name, and how well they are known."""
    from lab.cli.middlebox import list_middleboxes

    raise typer.Exit(list_middleboxes(json=json))


@middlebox_app.command("test", short_help="Measure profiles in the lab and compare with what they say.")
def middlebox_test_command(
    *,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Profiles.", show_default=False)] = [],  # noqa: B006  (typer copies it)
    all_of_them: Annotated[bool, typer.Option("--all", help="All profiles.")] = False,
    against: Annotated[
        str, typer.Option(metavar="NAME", help="Compare with what this profile says instead.", show_default=False)
    ] = "",
    clock: Annotated[
        ClockChoice,
        typer.Option(
            help="virtual: any timer, in seconds; real: timers up to a minute; auto: virtual where it can be had."
        ),
    ] = ClockChoice.AUTO,
    json: Annotated[bool, typer.Option("--json", help="Print the result on standard output.")] = False,
    memory: Annotated[
        int, typer.Option(metavar="MiB", min=128, help="Memory of a virtual-time guest.")
    ] = GUEST_MEMORY_MB,
) -> None:
    """Measure what profiles do in the lab, from both sides, and compare with what they say.

    Exit status: 0 all agree; 1 some do not; 2 no such profile; 3 this machine cannot do it; 4 the lab failed.
    """
    from lab.cli.middlebox import test_middleboxes

    raise typer.Exit(
        test_middleboxes(
            names, all_of_them=all_of_them, against=against, clock=clock.value, json=json, memory_mb=memory
        )
    )


images_app = typer.Typer(
    help="The container images. `lab images build` makes what is missing: a minute or two the first time, seconds after"
    " a change of the sources, nothing otherwise. Each tag carries a digest of what is in it, so that an image older"
    " than the sources is never used.",
    no_args_is_help=True,
)
app.add_typer(images_app, name="images")


@images_app.command("build")
def images_build_command(
    *,
    kinds: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND", help="client, server, kamailio, middlebox, lab [default: all].", show_default=False
        ),
    ] = [],  # noqa: B006  (typer copies it)
) -> None:
    """Build the images that are missing.

    client: the real pjsip. server: the scripted SIP server. kamailio: Debian's, with the server's part of the lab.
    middlebox: Linux as a NAT, with nft, conntrack and ip. lab: the whole lab, virtual time inside. All run as an
    ordinary user and need no writable root file system.

    Needs Docker (root, or the group `docker`), a Python package index and Debian's mirrors the first time, and an image
    debian:bookworm-slim: `scripts/base-image` pulls it, or makes it where there is no registry.
    """
    from lab.cli import images

    images.build(kinds)


@images_app.command("list")
def images_list_command() -> None:
    """List the lab's images; `*` marks those that are used."""
    from lab.cli import images

    images.show()


@images_app.command("prune", short_help="Remove images that older sources made.")
def images_prune_command(
    *, all_of_them: Annotated[bool, typer.Option("--all", help="Remove those that are used, too.")] = False
) -> None:
    """Remove images that older sources made, unless a container uses them."""
    from lab.cli import images

    images.prune(all_of_them=all_of_them)


@app.command("clean", short_help="Undo what killed runs have left.")
def clean_command() -> None:
    """Undo what killed runs have left on this machine; touches only what their ledgers name."""
    from lab import ledger
    from lab.backends import daemon

    undone = ledger.clean(daemon.remove_containers)
    for sentence in undone:
        typer.echo(visible(sentence))
    if not undone:
        typer.echo("nothing to clean")


def _end(error: LabError) -> NoReturn:
    text = f"{error.side} error: {error}" if error.side != "scenario" else str(error)
    print(visible(text, lines=True), file=sys.stderr)  # noqa: T201
    sys.exit(error.exit_code)


def run() -> None:
    """Console entry point: errors become one clear report and an exit status."""
    try:
        app()
    except LabError as error:
        _end(error)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001  (the last frame: a bug must end as the lab's fault, not the scenario's)
        if (lack := no_room(error)) is not None:
            _end(lack)
        import traceback

        text = f"lab error: this is a bug in the lab\n{traceback.format_exc()}"
        print(visible(text, lines=True), file=sys.stderr)  # noqa: T201
        sys.exit(LabError.exit_code)
