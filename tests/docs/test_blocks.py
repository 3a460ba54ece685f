"""All blocks of the documents, as far as nothing must run: reasons, options of commands, YAML, scenarios."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator

import pytest
import typer
from ruamel.yaml import YAML

import lab
from lab.cli.main import app
from tests.docs import blocks, documents
from tests.docs.blocks import Block
from tests.docs.execution import SHELL
from tests.docs.shown import differences

INLINE = re.compile(r"`(lab [a-z][^`\n]*)`")
PLACEHOLDER = re.compile(r"…|\.\.\.|[A-Z]{2,}|<")
"""What stands for something in a command within a sentence."""


def _blocks() -> Iterator[tuple[str, Block]]:
    for document in documents.every():
        for block in blocks.read(documents.ROOT / document):
            yield f"{document}:{block.line}", block


def test_what_is_not_run_has_a_reason() -> None:
    skips = [(place, skip) for place, block in _blocks() for skip in block.skips]
    assert skips
    for place, skip in skips:
        print(f"{place}: not run: {skip.start or 'the block'}: {skip.reason}")
    assert not [place for place, skip in skips if len(skip.reason.split()) < 2]


def test_each_comment_speaks_of_a_command_that_is_there() -> None:
    """Else the command was changed and the comment forgotten."""
    lost = []
    for place, block in _blocks():
        there = list(blocks.commands(block)) if block.language in SHELL else []
        starts = [skip.start for skip in block.skips if skip.start] + [command for command, _ in block.instead]
        starts += [command for command, _ in block.statuses]
        lost += [f"{place}: {start}" for start in starts if not any(each.startswith(start) for each in there)]
    assert not lost


def test_the_command_line_takes_each_command() -> None:
    """Also those that are not executed, and those within sentences: names of commands and options are right."""
    whole = [
        (place, part.strip(), _refused(part.strip()))
        for place, block in _blocks()
        for command in (blocks.commands(block) if block.language in SHELL else ())
        for part in re.split(r"\|\||&&|[|;\n]", command)
        if part.strip().startswith("lab ")
    ]
    inline = [
        (document, command, _refused(command, whole=False))
        for document in documents.every()
        for command in INLINE.findall((documents.ROOT / document).read_text(encoding="utf-8"))
        if not PLACEHOLDER.search(command)
    ]
    assert len(whole) > 40  # else this reads no document
    assert len(inline) > 40
    assert not [each for each in whole + inline if each[-1]]


def _refused(command: str, *, whole: bool = True) -> str | None:
    """Return what the command line has against a command; ``whole``: also against what it lacks."""
    words = shlex.split(re.split(r"[<>]", command)[0])[1:]
    group = typer.main.get_command(app)
    try:
        context = typer.Context(group, info_name="lab")
        while hasattr(group, "resolve_command"):
            name, found, words = group.resolve_command(context, words)
            assert found is not None
            if hasattr(found, "resolve_command") and words and not words[0].startswith("-"):
                context, group = typer.Context(found, parent=context, info_name=name), found
                continue
            with found.make_context(name, words, parent=context):
                return None
    except Exception as problem:  # noqa: BLE001  (of click; it has no one class for all)
        text = getattr(problem, "message", None) or str(problem)
        return (
            None if not whole and any(lack in text for lack in ("Missing", "requires an argument", "Usage:")) else text
        )
    return None


def test_yaml_is_yaml_and_whole_scenarios_are_valid() -> None:
    wrong = []
    for place, block in _blocks():
        if block.language != "yaml" or block.why_not("") is not None:
            continue
        yaml = YAML(typ="safe")
        yaml.allow_duplicate_keys = True  # a block may show several ways
        try:
            content = yaml.load(io.StringIO(block.text))
            if {"title", "topology", "matrix"} <= set(content):
                lab.build(block.text)
        except Exception as problem:  # noqa: BLE001  (whatever it is, the document is wrong)
            wrong.append(f"{place}: {problem}")
    assert not wrong, "\n".join(wrong)


TABLE = """\
strategy  pkt/h  why
────────────────────
none        477  gone
long-one  1,419  at 33.0 s
"""


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        (TABLE, TABLE),
        (TABLE, "before\n" + TABLE.replace("477", "480").replace("1,419", "1,401") + "after\n"),
        ("a 20261129-004715 b", "a 20270101-115959 b"),
        ("10.0.0.2:45678 ended", "10.0.0.2:60223 ended"),
        ("first\n…\nlast", "first\nin\nbetween\nlast"),
        ("middlebox forgot the fl…", "middlebox forgot the flow at 60 s"),
    ],
)
def test_output_as_shown(shown: str, real: str) -> None:
    assert differences(shown, real) == []


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        (TABLE, TABLE.replace("gone", "lost")),
        (TABLE, TABLE.replace("477", "577")),
        (TABLE, TABLE.replace("none        477", "none  477      ")),
        (TABLE, TABLE.replace("none        477  gone\n", "")),
        (TABLE, TABLE[: TABLE.index("long-one")]),
        ("a\nb", "a\nx\nb"),
        ("first\n…\nlast", "first\nin between"),
        ("middlebox forgot the fl…", "middlebox was rebooted"),
        ("pass 2/2", "fail 2/2"),
        ("10.0.0.2:45678", "10.0.0.9:45678"),
    ],
)
def test_other_output(shown: str, real: str) -> None:
    assert differences(shown, real)


def test_a_comment_without_a_reason() -> None:
    with pytest.raises(AssertionError, match="REASON"):
        list(blocks.parse("<!-- not run -->\n```sh\nlab list\n```\n"))


def test_comments_belong_to_the_block_below() -> None:
    text = "<!-- not run: far away -->\nA sentence.\n"
    text += "```sh\nlab run x \\\n  --list   # a comment\ncat <<E\nlab\nE\n```\n\n```text\no\n```\n"
    first, second = blocks.parse(text)
    assert first.why_not("lab run") is None
    assert list(blocks.commands(first)) == ["lab run x \\\n  --list   # a comment", "cat <<E\nlab\nE"]
    assert (first.follows, second.follows) == (False, True)
