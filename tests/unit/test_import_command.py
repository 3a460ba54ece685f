"""``lab import``: the files that it writes, its JSON, its refusals."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from lab.cli.main import app
from lab.loader.load import load
from tests.unit.field_captures import ok, register, registered


def lab(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def _black_hole(path: Path) -> Path:
    """A refresh that is sent again and never answered."""
    capture = registered(expires=60)
    capture.send(50.0, register(3), up=True)
    capture.send(50.1, ok("REGISTER", 3, "Contact: <sip:a@b>;expires=60"), up=False)
    for after in (0.0, 0.5, 1.5, 3.5, 7.5):
        capture.send(100.0 + after, register(4), up=True)
    return capture.save(path)


def test_further_explanations_are_written_beside(tmp_path: Path) -> None:
    """Each is a scenario that loads; the JSON names them in the order of the ranking; nothing is overwritten."""
    field = _black_hole(tmp_path / "field.pcap")
    ended = lab("import", str(field), "-o", str(tmp_path / "s.yaml"), "--json")
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    files = [Path(each["file"]) for each in told["explanations"]]
    assert files[0] == tmp_path / "s.yaml"
    assert len(files) > 1
    assert sorted(files) == sorted(tmp_path.glob("*.yaml"))
    for file in files:
        load(file)
    assert told["measured_in"][0].startswith("the file with SHA-256 ")
    scores = [each["score"] for each in told["explanations"]]
    assert scores == sorted(scores, reverse=True)
    before = {file: file.read_bytes() for file in files}
    again = lab("import", str(field), "-o", str(tmp_path / "s.yaml"))
    assert "the file is there" in str(again.exception)
    assert {file: file.read_bytes() for file in files} == before


def test_accounts_can_be_chosen(tmp_path: Path) -> None:
    """Another account of the same file is another import; one that is not there is refused."""
    capture = registered()
    others = registered()
    others.port = 6000
    capture.frames += [
        (t + 1, data.replace(b"\xc0\xa8\xb2\x17", b"\xc0\xa8\xb2\x99").replace(b"+4915112345678", b"+4915112345999"))
        for t, data in registered().frames[:2]
    ]
    capture.frames.sort(key=lambda frame: frame[0])
    field = capture.save(tmp_path / "two.pcap")
    first = lab("import", str(field), "-o", str(tmp_path / "1.yaml"))
    assert "2 accounts; --account N takes another one" in first.output
    assert "The client registered for 3600 s" in first.output
    second = lab("import", str(field), "-o", str(tmp_path / "2.yaml"), "--account", "2")
    assert "REGISTER (sent 1 time" in second.output
    third = lab("import", str(field), "-o", str(tmp_path / "3.yaml"), "--account", "3")
    assert "no such account, got `3`; expected 1 to 2" in str(third.exception)
