"""What of this machine a guest must see, so that a client of the author's runs there."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.prepare import visible_to
from lab.errors import HostNotCapable
from lab.loader.load import load
from lab.worlds import boot, uml

ROOT = Path(__file__).parents[2]


def visible(tmp_path: Path, client: str) -> tuple[str, ...]:
    (tmp_path / "net.yaml").write_bytes((ROOT / "topologies" / "home-nat.yaml").read_bytes())
    file = tmp_path / "a.yaml"
    text = "title: t\ntopology: net.yaml\nmiddlebox: never-forgets\nprobes: [{ at: 1 s }]\nends: 9 s\n"
    file.write_text(f"{text}client: {{ {client} }}\n")
    return visible_to(load(file))


def test_nothing_for_the_labs_own_client(tmp_path: Path) -> None:
    assert visible(tmp_path, "account: subscribe") == ()


def test_nothing_for_an_image(tmp_path: Path) -> None:
    """It brings everything along."""
    assert visible(tmp_path, "command: [./client], image: mine") == ()


def test_folders_of_scenario_and_program(tmp_path: Path) -> None:
    """Also where the program really is, if what is named is a link to it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "client").write_text("#!/bin/sh\n")
    (tmp_path / "real" / "client").chmod(0o755)
    (tmp_path / "bin" / "client").symlink_to("../real/client")
    folders = tuple(str(tmp_path / name) for name in ("", "bin", "real"))
    assert visible(tmp_path, "command: [bin/client]") == folders
    assert visible(tmp_path, f"command: [client], environment: {{ PATH: '{tmp_path / 'bin'}' }}") == folders


def test_guest_has_its_own_tmp(tmp_path: Path) -> None:
    """A folder that cannot be shown there without hiding the guest's own is refused, with the way out."""
    with pytest.raises(HostNotCapable, match="a guest has a /tmp of its own") as caught:
        uml.command(tmp_path, number=1, memory_mb=256, processor=0, visible=("/tmp",))
    assert "--clock real" in caught.value.fix


def test_what_tmp_would_hide_is_shown(tmp_path: Path) -> None:
    """Folders below the guest's own ones are asked for, others are there anyway."""
    boot.Request(entry="a:b", writable=tmp_path, path=(), visible=("/tmp/mine", "/opt/mine")).write(tmp_path)
    text = (tmp_path / boot.REQUEST_FILE).read_text()
    assert '"/tmp/mine"' in text
    assert '"/opt/mine"' not in text
