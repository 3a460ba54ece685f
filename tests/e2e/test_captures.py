"""The capture of a cell, read by tshark without settings: in the clear, with comments."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from lab.cell_capture.comments import SENTINEL
from lab.cell_capture.write import FILE_NAME
from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Seen, Virtually

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

ALL = ROOT / "scenarios" / "article" / "all.yaml"
FORGED = Cells(ALL, only=("strategy=none", "strategy=hold-transport", "failure=rst"))
FORGETS = Cells(ALL, only=("strategy=idle-600s", "failure=nat-silent"))
WSS = Cells(ROOT / "scenarios" / "websocket" / "server-closes.yaml", only=("transport=wss", "strategy=reconnect"))
HIDDEN = f'!(frame.comment contains "{SENTINEL}")'


def _read(file: Path, show: str, *fields: str) -> list[tuple[str, ...]]:
    """Fields of the packets that a filter shows."""
    wanted = [argument for field in fields for argument in ("-e", field)]
    command = ["tshark", "-r", str(file), "-Y", show, "-T", "fields", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


def _zero(seen: Seen, name: str) -> float:
    """The time zero of a cell, as its capture counts."""
    first = next(line for line in seen.record(name) if line["ev"] == "packet")
    ((at,),) = _read(seen.folder(name) / FILE_NAME, "frame.number == 1", "frame.time_epoch")
    return float(at) - float(first["t"])


@pytest.mark.cells(FORGED)
def test_sip_is_in_the_clear(virtually: Virtually) -> None:
    """The whole set-up of the account is seen within TLS, on the client's link, in its order."""
    seen = virtually(FORGED)
    file = seen.folder("none,rst") / FILE_NAME
    shown = _read(file, 'sip && frame.interface_name == "client/lan"', "sip.Method", "sip.Status-Code")
    assert shown[:3] == [("SUBSCRIBE", ""), ("", "200"), ("NOTIFY", "")]
    assert not _read(file, "frame.number == 1 && !frame.interface_name", "frame.number")


@pytest.mark.cells(WSS)
def test_sip_in_websocket_in_tls_is_in_the_clear(virtually: Virtually) -> None:
    """Upgrade, SIP in frames, and the Close frame with its code, on the client's link, in their order."""
    file = virtually(WSS).folder("wss,reconnect") / FILE_NAME
    on_lan = 'frame.interface_name == "client/lan"'
    shown = _read(file, f"sip && websocket && tls && {on_lan}", "sip.Method", "sip.Status-Code")
    assert shown[:2] == [("REGISTER", ""), ("", "200")]
    assert ("INVITE", "") in shown
    (upgraded, *_) = _read(file, f"http.response.code == 101 && {on_lan}", "http.sec_websocket_protocol")
    assert upgraded == ("sip",)
    codes = _read(file, f"websocket.opcode == 8 && {on_lan}", "websocket.payload.close.status_code")
    assert codes == [("1001",), ("1001",)]


@pytest.mark.cells(FORGED)
def test_a_forged_segment_says_who_made_it(virtually: Virtually) -> None:
    """On the links where it was put in, and not where it was passed on; next to the fault that began."""
    seen = virtually(FORGED)
    file = seen.folder("hold-transport,rst") / FILE_NAME
    made = _read(file, 'frame.comment contains "made this packet itself"', "frame.interface_name", "tcp.flags.str")
    assert made
    assert all("R" in flags for _, flags in made)
    assert _read(file, 'frame.comment contains "in the name of 203.0.113.10: forged"', "frame.number")
    (fault,) = seen.lines("hold-transport,rst", "runner", "fault")
    (told,) = _read(file, 'frame.comment contains "began at"', "frame.comment", "tcp.flags.reset")
    assert f"fault 1, {fault['fault']}, began at {fault['t']:.3f} s" in told[0]
    assert told[1] in ("1", "True")


@pytest.mark.cells(FORGETS)
def test_a_mapping_that_ended(virtually: Virtually) -> None:
    """The packet that made it, the one that met its end, and the probe that was lost."""
    seen = virtually(FORGETS)
    name = "idle-600s,nat-silent"
    file = seen.folder(name) / FILE_NAME
    gone = [line for line in seen.lines(name, "home-nat", "mapping") if line["state"] == "destroyed"]
    told = [comment for (comment,) in _read(file, f"{HIDDEN} && frame.comment", "frame.comment")]
    created = [text for text in told if "mapping" in text and "created" in text]
    assert created
    flow = next(line for line in gone if ":5061" in line["remote"])
    assert any(f"mapping {flow['inside']} - " in text and f"ended at {flow['t']:.3f} s" in text for text in told)
    assert any(text.startswith("probe p2, NOTIFY") and "not answered" in text for text in told)


@pytest.mark.cells(FORGETS)
def test_the_packet_that_refreshed_a_mapping_last(virtually: Virtually) -> None:
    """On the middlebox's own side of a link, as long before the end of the mapping as it says."""
    seen = virtually(FORGETS)
    name = "idle-600s,nat-silent"
    show = f'{HIDDEN} && frame.comment contains "refreshed for the last time"'
    rows = _read(seen.folder(name) / FILE_NAME, show, "frame.comment", "frame.time_epoch")
    zero = _zero(seen, name)
    ended = [line for line in seen.lines(name, "home-nat", "mapping") if line["state"] == "destroyed"]
    ended = [line for line in ended if ":5099" not in line["remote"]]
    assert len(rows) == len(ended) > 0
    for comment, at in rows:
        (gone,) = [line for line in ended if f"mapping {line['inside']} - {line['outside']} to" in comment]
        before = float(comment.split("for the last time, ")[1].split(" s ")[0])
        assert float(at) - zero + before == pytest.approx(gone["t"], abs=0.01)


@pytest.mark.cells(FORGED)
def test_one_filter_hides_the_sentinel(virtually: Virtually) -> None:
    file = virtually(FORGED).folder("none,rst") / FILE_NAME
    assert _read(file, "tcp.port == 5099", "frame.number")
    assert not _read(file, f"tcp.port == 5099 && {HIDDEN}", "frame.number")
    assert _read(file, HIDDEN, "frame.number")


@pytest.mark.cells(FORGETS)
def test_every_packet_of_the_record_is_in_it(virtually: Virtually) -> None:
    """As many IPv4 packets of each link as the record has, and time never goes back."""
    seen = virtually(FORGETS)
    name = "idle-600s,nat-silent"
    rows = _read(seen.folder(name) / FILE_NAME, "ip", "frame.interface_name", "frame.time_epoch")
    count = Counter(interface.split("/")[1] for interface, _ in rows)
    assert count == Counter(line["link"] for line in seen.record(name) if line["ev"] == "packet")
    times = [float(at) for _, at in rows]
    assert times == sorted(times)
