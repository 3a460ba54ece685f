"""Implements ``lab doctor``: tries what this machine can do, and says how to fix what it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from lab import installation, ledger
from lab.backends import images
from lab.clients import catalog as clients
from lab.clients.installed_program import InstalledProgram
from lab.clients.pjsip import interpreters, wheels
from lab.clients.pjsip.interpreters import Interpreter
from lab.clients.pjsip.releases import DEFAULT, RELEASES
from lab.errors import EXIT_CLAIMS_HOLD, HostNotCapable, LabFault
from lab.interpreter import module_command
from lab.proxies import catalog as proxies
from lab.report import terminal
from lab.servers.kamailio import child as kamailio
from lab.worlds import boot, host, kernel

TRIES = "lab.network.capabilities:main"
EVERY_CELL, CLIENT = "every cell", "client: pjsip"
VIRTUAL, REAL, CONTAINERS = "--clock virtual", "--clock real", "--backend docker"
WITHIN_S = 60.0
"""Real time; a guest boots and tries everything in about a second on an idle machine."""


@dataclass(frozen=True)
class Finding:
    """One thing tried.

    Attributes:
        needed_for: by which option, or by every cell.
        what: what was tried.
        missing: what is missing; empty: it works.
        fix: what would mend it.
    """

    needed_for: str
    what: str
    missing: str = ""
    fix: str = ""


def examine(*, as_json: bool) -> int:
    """Try everything and say what came of it; 0 if ``lab run`` works here in some way, else 3."""
    console = terminal.console(stderr=False)
    with console.status("trying"):
        findings = list(_findings())
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))  # noqa: T201
    else:
        _show(console, findings)
    return EXIT_CLAIMS_HOLD if _works(findings) else HostNotCapable.exit_code


def _works(findings: list[Finding]) -> bool:
    """Return whether cells can run: there is a kind of time, and a client here or, in real time, in a container."""
    lacking = {finding.needed_for for finding in findings if finding.missing}
    here = CLIENT not in lacking and not {VIRTUAL, REAL} <= lacking
    contained = not {CONTAINERS, REAL} & lacking
    return EVERY_CELL not in lacking and (here or contained)


def _show(console: Console, findings: list[Finding]) -> None:
    wide = max(len(finding.needed_for) for finding in findings)
    for finding in findings:
        works = "[red]no [/red]" if finding.missing else "[green]yes[/green]"
        console.print(f"{works}  {finding.needed_for:{wide}}  {finding.what}", soft_wrap=True)
        for text in filter(None, (finding.missing, finding.fix and f"to mend it: {finding.fix}")):
            console.print(Padding(Text(text), (0, 0, 0, wide + 7)))


def _findings() -> Iterator[Finding]:
    yield _tried(EVERY_CELL, "the lab's own files", installation.check_all)
    yield _tried(CLIENT, *_pjsip())
    yield from _world(VIRTUAL, "a guest's kernel", _guest)
    yield from _world(REAL, "namespaces of the host's kernel", _host)
    yield _tried(CONTAINERS, "root, Docker, and images of these sources", _docker)
    yield _tried("server: kamailio", "Kamailio", _kamailio)
    for name in clients.names():
        program = clients.find(name)
        if isinstance(program, InstalledProgram):
            there = program.is_there()
            yield Finding(f"client: {name}", program.name, *(() if there else ("not installed", program.installing)))
    for name in proxies.names():
        yield _tried(f"proxy: {name}", name, proxies.find(name).check_host)


def _tried(needed_for: str, what: str, attempt: Callable[[], object]) -> Finding:
    try:
        attempt()
    except HostNotCapable as lack:
        return Finding(needed_for, what, lack.missing, lack.fix)
    except LabFault as fault:
        return Finding(needed_for, what, str(fault), "this is a defect of the lab; please report it")
    return Finding(needed_for, what)


def _world(needed_for: str, what: str, start: Callable[[Path], list[str]]) -> Iterator[Finding]:
    """Start a world that tries what networks need; first whether it starts at all."""
    try:
        with ledger.workplace("doctor") as (_, folder):
            tried = _spoken_in(start(folder))
    except HostNotCapable as lack:
        yield Finding(needed_for, what, lack.missing, lack.fix)
        return
    except LabFault as fault:
        yield Finding(needed_for, what, str(fault), "`lab run --clock …` with the other clock may work")
        return
    yield Finding(needed_for, what)
    for name, missing, fix in tried:
        netem = "netem" in name
        yield Finding(f"impairments, {needed_for}" if netem else needed_for, name, missing, fix)


def _spoken_in(argv: list[str]) -> list[tuple[str, str, str]]:
    """Return the results of the tries in a world: name, what is missing, how to fix it."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=host.environment(),
            timeout=WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as silence:
        raise LabFault(f"a world said nothing for {WITHIN_S:g} s", detail=str(silence.output or "")) from silence
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    messages = [json.loads(line) for line in lines if line.startswith('{"ev"')]
    for refused in (each for each in messages if each["ev"] == "refused"):
        raise HostNotCapable(refused["missing"], fix=refused["fix"])
    if not messages:
        raise LabFault("a world ended without having tried anything", detail="\n".join(lines[-10:]))
    return [(each["name"], each["missing"], each["fix"]) for each in messages]


def _guest(folder: Path) -> list[str]:
    boot.check_host()
    found = kernel.find()
    if found is None:
        raise HostNotCapable("no kernel for virtual time", fix="`lab kernel build` makes one")
    boot.Request(entry=TRIES, writable=folder, environment=host.environment()).write(folder)
    return boot.command(
        kernel=found,
        run_folder=folder,
        control=folder,
        name=f"lab-doctor-{os.getpid()}",
        start_ns=time.time_ns(),
        as_root=os.geteuid() == 0,
    )


def _host(_folder: Path) -> list[str]:
    return host.argv(TRIES)


def _pjsip() -> tuple[str, Callable[[], object]]:
    """Return what is tried, with the Python that runs it, and how."""
    try:
        interpreter = interpreters.find()
    except HostNotCapable as lack:
        return "pjsip", partial(_refuse, lack)
    return (
        f"pjsip, in {interpreter.path}" if interpreter.path else "pjsip",
        partial(_import_pjsip, interpreter),
    )


def _refuse(lack: HostNotCapable) -> None:
    raise lack


def _import_pjsip(interpreter: Interpreter) -> None:
    package = RELEASES[DEFAULT].package
    first = (str(wheels.find_or_fetch(package, interpreter, lambda _: None)),) if interpreter.path else ()
    done = subprocess.run(
        module_command("pjsua2.pjsua2", first=first, python=interpreter.path),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=WITHIN_S,
        check=False,
    )
    if done.returncode:
        raise HostNotCapable(
            f"pjsua2 cannot be imported ({done.stderr.strip().rpartition(chr(10))[2]})",
            fix=f"{interpreter.path or sys.executable} -m pip install pjsua2-python=={package}",
        )


def _docker() -> None:
    images.check(images.NODES)


def _kamailio() -> None:
    kamailio.check_host()
