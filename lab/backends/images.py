"""Names and builds the container images.

An image's tag carries a digest of everything of ours that decides what is in it, so an image that is older than the
sources is never used by mistake: it has another name. Debian's packages are not part of the digest; ``prune`` and
``build`` fetch newer ones.

Python packages are unpacked outside (``lab.backends.image_packages``); modules are compiled inside, by the
image's own Python.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lab import ledger, library
from lab.backends import daemon, image_packages
from lab.errors import HostNotCapable, LabFault

if TYPE_CHECKING:
    from docker import DockerClient

_ALL_USERS = "0 0 4294967295"  # user_namespaces(7): the uid_map of the initial user namespace
MIDDLEBOX = "middlebox"
"""Also of every node that has no actor."""
NODES = ("client", "server", "kamailio", MIDDLEBOX)
"""What a node's container is made of."""
LAB = "lab"
"""The whole lab, virtual time inside."""
PHONES = ("baresip", "linphone", "sipjs")
"""Clients with an image of their own; built when they are named (`lab images build baresip`)."""
USUAL = (*NODES, LAB)
"""The kinds that are built unless others are named."""
KINDS = (*USUAL, *PHONES)
BASES = ("debian:bookworm-slim", "lab-base:bookworm-slim")
"""What images are built on: Debian's own, or what the script makes of Debian's packages where no registry answers."""
BASE_IMAGE = "scripts/base-image"
"""The script that pulls the one or makes the other."""
LABEL = "lab.image"
"""Carried by every image, with its kind."""


_DOCKERFILE = "docker/Dockerfile"
_LOCK = "docker/requirements.lock"
_FOLDERS = ("scenarios", "topologies")
"""In the image of the whole lab, besides the package."""
_ONLY_TO_BUILD = "lab/report/page_source/"
"""What ``page.js`` is built from: an installed lab does not have it, and no image uses it."""
_OF_CLIENTS = frozenset({"node_modules"})
"""Folders of the build context that images of clients are made of."""
_SCRIPT = "#!/usr/bin/python3\nfrom lab.cli.start import run\n\nrun()\n"
_SILENCE_S = 600
"""A build says nothing while apt works."""
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Docker keeps these build arguments out of the image (reference/dockerfile, "Predefined ARGs")."""

_STEP = re.compile(r"Step (?P<number>\d+)/(?P<total>\d+) : (?P<what>\S+ \S+)")


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a build.

    Attributes:
        kind: of the image.
        step: what is being done.
        done: how many steps of it are over.
        total: how many there are; 0: not known yet.
    """

    kind: str
    step: str
    done: int = 0
    total: int = 0


Callback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the lab's that Docker has.

    Attributes:
        kind: one of ``KINDS``.
        tag: its name.
        size: bytes, with the layers it shares with others.
        created: as Docker says it, ISO 8601.
        current: whether it is what ``tag`` names now.
    """

    kind: str
    tag: str
    size: int
    created: str
    current: bool


def tag(kind: str) -> str:
    """Return the name of the image made from these sources.

    Raises:
        HostNotCapable: this lab is in an image itself, and has not got what images are built from.
    """
    assert kind in KINDS
    total = hashlib.sha256(kind.encode())
    for name, path in _ingredients(kind).items():
        total.update(f"\0{name}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{_name(kind)}:{total.hexdigest()[: image_packages.DIGEST_DIGITS]}"


def latest(kind: str) -> str:
    """Return the name of the image built last, for people and for ``docker-compose.yml``; the lab does not use it."""
    return f"{_name(kind)}:latest"


def _name(kind: str) -> str:
    return kind if kind == LAB else f"lab-{kind}"


def missing(kinds: Iterable[str] = NODES) -> list[str]:
    """Return the kinds whose image is missing or outdated.

    Raises:
        HostNotCapable: Docker does not answer.
    """
    with docker_client() as client:
        return [kind for kind in kinds if not _exists(client, tag(kind))]


def build(
    kinds: Sequence[str] = NODES,
    progress: Callback | None = None,
    *,
    kernel: Path | None = None,
    files: Mapping[str, Path] = MappingProxyType({}),
) -> list[str]:
    """Build what is missing; returns the kinds that were built. Needs Docker and, for what is not cached, networks.

    Args:
        kinds: in this order.
        progress: told of each step.
        kernel: the folder of the kernel that ``LAB`` gets; needed for it only.
        files: folders that images of clients are made of, by their names in the build context.

    Raises:
        HostNotCapable: Docker does not answer, there is no base image, or packages cannot be had.
        LabFault: a build failed, with Docker's last words.
    """
    report = progress or _silent
    if wanted := missing(kinds):
        _build_all(wanted, report, kernel, files)
    with docker_client() as client:
        for kind in kinds:
            name, _, word = latest(kind).partition(":")
            client.images.get(tag(kind)).tag(name, word)
    return wanted


def _build_all(wanted: Sequence[str], report: Callback, kernel: Path | None, files: Mapping[str, Path]) -> None:
    with docker_client() as client, ledger.workplace("images") as (_, folder):
        base = next((each for each in BASES if _exists(client, each)), None)
        if base is None:
            raise HostNotCapable(
                f"Docker has no image {BASES[0]}",
                fix=f"`docker pull {BASES[0]}`; where no registry answers, run {library.root() / BASE_IMAGE}",
            )
        report(Progress(wanted[0], "gathering what goes into it"))
        context = _context(folder, kernel)
        for name, path in files.items():
            (context / name).symlink_to(path)
        for name in _OF_CLIENTS - files.keys():  # Docker also makes the stages above the one that is wanted
            (context / name).mkdir()
        for kind in wanted:
            _build(client, kind, base, context, report)


def images() -> list[Image]:
    """Return the lab's images in Docker, by kind, newest first.

    Raises:
        HostNotCapable: Docker does not answer.
    """
    current = {tag(kind) for kind in KINDS}
    with docker_client() as client:
        found = [
            Image(
                kind=image.labels[LABEL],
                tag=name,
                size=int(image.attrs["Size"]),
                created=str(image.attrs["Created"]),
                current=name in current,
            )
            for image in client.images.list(filters={"label": LABEL})
            for name in image.tags
            if name != latest(image.labels[LABEL])
        ]
    found.sort(key=lambda image: image.created, reverse=True)
    return sorted(found, key=lambda image: image.kind)


def remove(unwanted: Iterable[Image]) -> list[Image]:
    """Take these images' names away; returns those that could be, for a container may be using one.

    Raises:
        HostNotCapable: Docker does not answer.
    """
    with docker_client() as client:
        removed = [image for image in unwanted if _removed(client, image.tag)]
        for kind in {image.kind for image in removed if image.current}:
            _removed(client, latest(kind))
    return removed


@contextmanager
def docker_client() -> Iterator[DockerClient]:
    """Connect to Docker for the length of a ``with`` block.

    Raises:
        HostNotCapable: it does not answer.
    """
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=_SILENCE_S)
    except DockerException as problem:
        raise daemon.nobody_answers(problem) from problem
    try:
        with daemon.answering("working on images"):
            yield client
    finally:
        client.close()


def _ingredients(kind: str) -> dict[str, Path]:
    """Return each file that decides what is in an image, by its name in a checkout."""
    if not (library.root() / _DOCKERFILE).is_file():
        raise HostNotCapable(
            f"there is no {_DOCKERFILE} in {library.root()}",
            fix="build images outside of containers, with a lab that has it",
        )
    found = library.files(_DOCKERFILE, _LOCK, "lab", *(_FOLDERS if kind == LAB else ()))
    return {name: path for name, path in found.items() if not name.startswith(_ONLY_TO_BUILD)}


def _exists(client: DockerClient, name: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def _removed(client: DockerClient, name: str) -> bool:
    from docker.errors import APIError

    try:
        client.images.remove(name)
    except APIError as error:
        if error.status_code not in (404, 409):  # gone already, in use
            raise LabFault(f"removing image {name}", detail=str(error)) from error
        return False
    return True


def _context(folder: Path, kernel: Path | None) -> Path:
    """Lay out what builds copy from; returns the folder."""
    (folder / "packages").symlink_to(image_packages.unpacked(library.root() / _LOCK))
    (folder / "kernel").mkdir()
    if kernel is not None:
        (folder / "kernel" / kernel.name).symlink_to(kernel)
    (folder / "bin").mkdir()
    (folder / "bin" / "lab").write_text(_SCRIPT)
    (folder / "bin" / "lab").chmod(0o755)
    for name, path in library.files("lab", *_FOLDERS).items():
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    shutil.copyfile(library.root() / _DOCKERFILE, folder / "Dockerfile")
    return folder


def _build(client: DockerClient, kind: str, base: str, context: Path, report: Callback) -> None:
    last: list[str] = []
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w", dereference=True) as tar:
            tar.add(context, arcname=".", filter=_plain)
        file.seek(0)
        output = client.api.build(
            fileobj=file,
            custom_context=True,
            tag=tag(kind),
            target=kind,
            labels={LABEL: kind},
            network_mode="host",  # apt reaches Debian's mirrors as the host does
            buildargs={"BASE": base, **{name: os.environ[name] for name in _PROXIES if name in os.environ}},
            rm=True,
            forcerm=True,
            decode=True,
        )
        for message in output:
            _follow(message, kind, last, report)


def _follow(message: dict[str, Any], kind: str, last: list[str], report: Callback) -> None:
    if "error" in message:
        raise LabFault(f"building the image {kind}", detail="".join([*last[-20:], message["error"]]))
    text = message.get("stream", "")
    if step := _STEP.match(text):
        report(Progress(kind, step["what"], int(step["number"]) - 1, int(step["total"])))
    if text.strip():
        last.append(text)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove owner and time from a tar entry, so that digests are repeatable."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = image_packages.TIME
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def _silent(_: Progress) -> None:
    """Ignore the progress."""


def check(wanted: Iterable[str]) -> None:
    """Look whether containers of these images can be started and wired.

    Args:
        wanted: kinds of the lab's own images, and names of others.

    Raises:
        HostNotCapable: not root, no daemon, or an image is missing; with what to do about it.
    """
    if os.geteuid() != 0 or Path("/proc/self/uid_map").read_text().split() != _ALL_USERS.split():
        raise HostNotCapable(
            "only root can enter the network namespaces of containers, and this is an ordinary user",
            fix="run it with sudo, or leave out `--backend docker`: the verdicts are the same",
        )
    api = daemon.connect()
    try:
        kinds = sorted(set(wanted) & {*NODES, *PHONES})
        if lacking := missing(kinds):
            named = "".join(f" {kind}" for kind in lacking) if {*lacking} & {*PHONES} else ""
            fix = f"`lab images build{named}` makes {'it' if len(lacking) == 1 else 'them'}"
            raise HostNotCapable(f"no container image for: {', '.join(lacking)}", fix=fix)
        for image in sorted(set(wanted) - set(kinds)):
            with daemon.answering("looking for images"):
                found = api.images(name=image)
            if not found:
                raise HostNotCapable(f"Docker has no image {image}", fix=f"`docker pull {image}`, or build it")
    finally:
        api.close()
