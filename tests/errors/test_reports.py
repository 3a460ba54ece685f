"""Wrong files and the exact reports they get: each ``cases/NAME.yaml`` stands beside its ``NAME.txt``."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.loader.load import load
from lab.loader.text_file import LARGEST_FILE
from tests.errors.expected import CASES, LISTS, report

NAMES = sorted(path.stem for path in CASES.glob("*.yaml"))
JARGON = re.compile(r"pydantic|validat|input should|\b(instance|dict|tuple|enum|NoneType|str|int|bool|kwarg)s?\b")


@pytest.mark.parametrize("name", NAMES)
def test_report(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong file gets exactly the report beside it: every problem, by line, in plain words."""
    monkeypatch.chdir(CASES)
    with pytest.raises(ScenarioError) as caught:
        load(Path(f"{name}.yaml"))
    assert str(caught.value) + "\n" == report(name)


@pytest.mark.parametrize("name", NAMES)
def test_plain_words(name: str) -> None:
    """A report speaks of the file, not of the program, one line for each problem."""
    text = report(name)
    assert JARGON.search(text) is None
    lines = text.splitlines()
    assert lines
    assert all(".yaml" in line and line.isprintable() for line in lines)
    assert len(set(lines)) == len(lines)


def test_lists_that_grow_are_not_written_out() -> None:
    """A fault added to the lab changes no report."""
    texts = [path.read_text(encoding="utf-8") for path in CASES.glob("*.txt")]
    for word, names in LISTS.items():
        assert any(word in text for text in texts)
        assert not any(", ".join([*names()][:3]) in text for text in texts)


def test_each_report_has_its_file() -> None:
    """No report is left over from a case that is gone."""
    assert sorted(path.stem for path in CASES.glob("*.txt")) == NAMES


def test_paths_are_shown_as_the_user_would_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The topology's file is named relative to where the scenario was named from."""
    monkeypatch.chdir(CASES.parent)
    with pytest.raises(ScenarioError) as caught:
        load(Path("cases/network-loop.yaml"))
    assert {problem.file for problem in caught.value.problems} == {"cases/nets/loop.yaml"}


def problems_of(path: Path) -> list[str]:
    """What is wrong with a file, without its name."""
    with pytest.raises(ScenarioError) as caught:
        load(path)
    return [str(problem).removeprefix(str(path)) for problem in caught.value.problems]


def test_ten_megabytes(tmp_path: Path) -> None:
    """A file that is too large is refused by its size, unread."""
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(10_000_000)  # all zeros: reading it would complain of those
    assert problems_of(path) == [f": too large, got 10000000 bytes; expected at most {LARGEST_FILE} bytes"]


def test_one_megabyte_is_read(tmp_path: Path) -> None:
    """The limit is inclusive: this file is read, and found wrong for what is in it."""
    path = tmp_path / "large.yaml"
    path.write_bytes(b"[]\n" + b"#\n" * (LARGEST_FILE // 2 - 2) + b"\n")
    assert problems_of(path) == [":1: not a mapping, got an empty list; expected `key: value` lines"]


def test_long_line(tmp_path: Path) -> None:
    """A line no one writes is refused before the parser sees it."""
    path = tmp_path / "long.yaml"
    path.write_text("title: t\n" + "!" * 900_000)
    assert problems_of(path) == [":2: a line that is too long, got 900000 characters; expected at most 10000"]


def test_many_values(tmp_path: Path) -> None:
    """A file of countless values is given up on, not read to its end."""
    path = tmp_path / "many.yaml"
    path.write_text("probes:\n" + "- a\n" * 200_000)
    assert problems_of(path) == [":19999: too many keys and values; expected at most 20000"]


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there is said not to be, and the nearest name of the library is offered."""
    allowed = "expected a file, or the name of a scenario that comes with the lab, such as `article/idle-subscription`"
    assert problems_of(tmp_path / "none.yaml") == [f": no such file or scenario; {allowed}"]
    for near in ("article/silent-cal", "scenarios/article/silent-calls.yaml"):
        with pytest.raises(ScenarioError, match=r"did you mean `article/silent-call`\?"):
            load(Path("/nowhere") / near)


def test_folder(tmp_path: Path) -> None:
    """A folder is not a file."""
    assert problems_of(tmp_path) == [": not a file"]


def test_pipe(tmp_path: Path) -> None:
    """A pipe is refused, not waited for."""
    path = tmp_path / "pipe.yaml"
    os.mkfifo(path)
    assert problems_of(path) == [": not a file"]


def test_name_no_file_can_have() -> None:
    """A NUL in a name is a problem like any other."""
    assert problems_of(Path("a\0b.yaml")) == [": cannot be read: embedded null byte"]


def test_loop_of_links(tmp_path: Path) -> None:
    """Links that lead to each other end in a report."""
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    assert problems_of(tmp_path / "a.yaml") == [": cannot be read: too many levels of symbolic links"]


MINIMAL = "title: t\ntopology: {topology}\nmiddlebox: never-forgets\nprobes: [{{at: 1 s}}]\nends: 9 s\n"


def test_no_project(tmp_path: Path) -> None:
    """Without a ``topologies`` folder above there are the networks that come with the lab."""
    path = tmp_path / "a.yaml"
    path.write_text(MINIMAL.format(topology="home-net"))
    allowed = "did you mean `home-nat`? one of cgn, home-and-vpn, home-nat, home-nat-proxy, wifi-and-cellular"
    expected = f":2 topology: unknown topology, got `home-net`; {allowed}"
    assert problems_of(path) == [expected]


def test_without_a_project_nothing_beside_the_folder_is_read(tmp_path: Path) -> None:
    """A scenario outside any project may name files below its folder only."""
    (tmp_path / "net.yaml").write_text("nodes: {}\nlinks: {}\n")
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "a.yaml"
    path.write_text(MINIMAL.format(topology="../net.yaml"))
    expected = (
        ":2 topology: a path that leaves the scenario's folder, got `../net.yaml`; expected "
        "the name of a file in `topologies`, or a path below"
    )
    assert problems_of(path) == [expected]


def test_link_out_of_the_project(tmp_path: Path) -> None:
    """A link that leads out of the project leaves it as much as a path does."""
    (tmp_path / "net.yaml").write_text("secret: {}\n")
    project = tmp_path / "project"
    (project / "topologies").mkdir(parents=True)
    (project / "topologies" / "net.yaml").symlink_to(tmp_path / "net.yaml")
    for topology in ("net", "topologies/net.yaml"):
        path = project / "a.yaml"
        path.write_text(MINIMAL.format(topology=topology))
        (problem,) = problems_of(path)
        assert problem.startswith(":2 topology: a path that leaves the project")
