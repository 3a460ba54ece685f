"""A capture that is read while it grows: keys stand before the frames that need them, and no frame comes twice."""

from __future__ import annotations

import io
from pathlib import Path

from lab.live_lab.tap import LiveFile
from lab.pcapng import Frame, Interface, PcapNg, frames

HERE = Interface(link="lan", here="client", there="home-nat")


def frame(at: int) -> Frame:
    return Frame(interface=0, at=at, data=f"frame {at:03d}".encode(), outgoing=True)


def test_keys_come_as_they_are_written(tmp_path: Path) -> None:
    """A line that is not complete waits."""
    keys, file = tmp_path / "keys", io.BytesIO()
    live = LiveFile(file, HERE, keys)
    live.write(frame(1))
    keys.write_bytes(b"KEY one\nKEY t")
    live.write(frame(2))
    with keys.open("ab") as more:
        more.write(b"wo\n")
    live.write(frame(3))
    live.write(frame(4))
    live.flush()
    written = file.getvalue()
    order = [written.index(text) for text in (b"frame 001", b"KEY one\n", b"frame 002", b"KEY two\n", b"frame 003")]
    assert order == sorted(order)
    assert (written.count(b"KEY one"), written.count(b"KEY t")) == (1, 1)


def test_what_passed_before_comes_once(tmp_path: Path) -> None:
    """A frame that the earlier capture has, too, is left out."""
    earlier = PcapNg(tmp_path / "earlier", [HERE])
    for at in (1, 2, 3):
        earlier.write(frame(at))
    earlier.close()
    path = tmp_path / "live"
    live = LiveFile(path.open("wb"), HERE, tmp_path / "none")
    live.begin_with(list(frames(tmp_path / "earlier")))
    for at in (2, 3, 4):
        live.write(frame(at))
    live.close()
    assert [each.at for each in frames(path)] == [1, 2, 3, 4]
