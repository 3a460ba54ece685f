"""Makes runs out of outcomes for tests of the page, and a timeline in the shape of ``lab.timeline``."""

from __future__ import annotations

import dataclasses
from typing import Any

from lab.engine.run import Run
from lab.errors import HostNotCapable, LabError
from lab.model.outcome import Cause, ChainStep, CostUntilLoss, Outage, Outcome, ProbeFate, ProbeTrial
from lab.model.scenario import Cell, Claim, Scenario, Strategy
from lab.model.verdict import CLIENT_IDLE_TIMER, MIDDLEBOX_FORGOT, CauseKind, Verdict
from tests.records import cell as a_cell
from tests.records import judged
from tests.runs import run_of

STRATEGIES = ("none", "crlf-30s", "options-25s", "hold-transport", "adaptive")
FAILURES = ("idle", "reboot", "mute")

V = Verdict
TABLE = {
    "none": (V.FAIL, V.FAIL, V.FAIL),
    "crlf-30s": (V.PASS, V.FAIL, V.INCONCLUSIVE),
    "options-25s": (V.PASS, V.PASS, V.FAIL),
    "hold-transport": (V.FAIL, V.UNSUPPORTED, V.FAIL),
    "adaptive": (V.PASS, V.PASS, None),
}
"""None: the cell could not run."""
WAKEUPS = {"none": 12.0, "crlf-30s": 120.0, "options-25s": 144.0, "hold-transport": 42.0, "adaptive": 23.0}


def cause(kind: CauseKind, at_s: float, text: str) -> Cause:
    steps = ((at_s, text), (at_s + 0.02, "the server's connection ended"), (45.0, "NOTIFY p1 at 45.0 s failed"))
    chain = tuple(ChainStep(at_s=at, text=said, evidence=(7, 9)) for at, said in steps)
    return Cause(kind=kind, at_s=at_s, text=text, evidence=(7,), chain=chain)


def outcome(verdict: Verdict, strategy: str, *, holds: bool | None = True) -> Outcome:
    """An outcome whose costs tell the strategy."""
    own = judged(a_cell())
    failed = verdict is V.FAIL
    forgot = strategy == "crlf-30s"
    why = (
        cause(MIDDLEBOX_FORGOT, 40.0, "home-nat forgot the flow at 40.0 s")
        if forgot
        else cause(CLIENT_IDLE_TIMER, 33.0, "client idle timer closed the transport at 33.0 s")
    )
    wakeups = WAKEUPS[strategy]
    metrics = dataclasses.replace(
        own.metrics,
        probes=2,
        delivered=0 if failed else 2,
        outages=(Outage(from_s=why.at_s or 0.0, to_s=None if strategy == "none" else 50.0),) if failed else (),
        packets_per_hour=wakeups * 3,
        bytes_per_hour=wakeups * 1000,
        radio_wakeups_per_hour=wakeups,
        radio_active_s_per_hour=wakeups * 10,
        measured=True,
        lost=CostUntilLoss(at_s=33.0, packets=1, bytes=2, wakeups=1) if strategy == "none" else None,
    )
    probes = tuple(
        ProbeFate(at_s=at, kind_="notify", answered=not failed, cause=why if failed else None) for at in (45.0, 100.0)
    )
    tried = ProbeTrial(at_s=19.0, why="just before it sent something", reached=True, gap_s=None, folder="twins/x")
    return dataclasses.replace(
        own,
        verdict=verdict,
        cause=why if failed else None,
        doubt={V.INCONCLUSIVE: "no sentinel", V.UNSUPPORTED: "needs TLS"}.get(verdict, ""),
        metrics=metrics,
        probes=probes,
        tried=(tried,) if verdict is V.PASS else (),
        kept_by=(ChainStep(at_s=25.0, text="OPTIONS crossed on f1", evidence=(3,)),) if verdict is V.PASS else (),
        claim_holds=holds,
        claim_text="" if holds is not False else "claimed pass, seen fail",
    )


def sample_run() -> Run:
    """A run of five strategies and three failures, with every verdict, an error and a broken claim."""
    results: list[tuple[Cell, Outcome | LabError]] = []
    for strategy in STRATEGIES:
        for failure, verdict in zip(FAILURES, TABLE[strategy], strict=True):
            cell = dataclasses.replace(
                a_cell(claim=Claim(verdict=V.PASS)),
                name=f"{strategy},{failure}",
                axes=(("strategy", strategy), ("failure", failure)),
                strategy=Strategy(name=strategy),
            )
            broken = (strategy, failure) == ("hold-transport", "idle")
            result = (
                HostNotCapable("no netem", fix="modprobe")
                if verdict is None
                else outcome(verdict, strategy, holds=not broken)
            )
            results.append((cell, result))
    scenario = Scenario(
        name="sample",
        file="sample.yaml",
        text="",
        title="A sample <run>",
        why="One & only.\n\nTwo.",
        source="https://example.net/1; RFC 3261",
        cells=tuple(cell for cell, _ in results),
    )
    return run_of(scenario, results)


def message(at: float, first: str, *, back: bool = False, kind: str = "sip", **other: Any) -> dict[str, Any]:
    ends = ("server", "client") if back else ("client", "server")
    usual = {
        "at_s": at,
        "arrived_s": at + 0.015,
        "from": ends[0],
        "to": ends[1],
        "flow": "f1",
        "kind": kind,
        "first": first,
        "text": f"{first}\r\nCall-ID: c1\r\n\r\n" if kind == "sip" else "",
        "cseq": "1 SUBSCRIBE" if kind == "sip" else "",
        "call_id": "c1" if kind == "sip" else "",
        "repeats": None,
        "lost": False,
        "evidence": [4],
    }
    return {**usual, **other}


def sample_timeline() -> dict[str, Any]:
    """A timeline of 106 s: a handshake, a subscription, keep-alives, two lost NOTIFYs, one of them sent again."""
    messages = [
        message(-0.30, "TCP connection opened", kind="tcp"),
        message(-0.28, "TLS handshake", kind="tls"),
        message(-0.10, "SUBSCRIBE sip:alice@example.org SIP/2.0"),
        message(-0.08, "SIP/2.0 200 OK", back=True),
        *(message(10.0 + 2 * number, "CRLF", kind="keep-alive") for number in range(10)),
        message(45.0, "NOTIFY sip:alice@10.0.0.2 SIP/2.0", back=True, cseq="2 NOTIFY", arrived_s=None, lost=True),
        message(
            45.5, "NOTIFY sip:alice@10.0.0.2 SIP/2.0", back=True, cseq="2 NOTIFY", arrived_s=None, lost=True, repeats=14
        ),
    ]

    def lane(name: str, kind: str, spans: list[Any] = [], marks: list[Any] = []) -> dict[str, Any]:  # noqa: B006
        return {
            "id": name,
            "kind": kind,
            "title": name,
            "spans": [
                {"from_s": since, "to_s": to, "row": row, "kind": what, "text": text, "evidence": [5]}
                for since, to, row, what, text in spans
            ],
            "marks": [{"at_s": at, "kind": what, "text": text, "evidence": [6]} for at, what, text in marks],
        }

    lanes = [
        lane(
            "client",
            "client",
            [
                (0.0, 33.033, "flow f1", "connected", "TLS connected"),
                (0.0, None, "subscription", "active", "subscribed"),
            ],
            [(33.033, "ended", "idle timer destroyed the connection"), (33.033004, "ended", "four microseconds later")],
        ),
        lane("link lan", "link", marks=[(float(at), "packets", f"burst {at}") for at in range(0, 100, 5)]),
        lane(
            "home-nat",
            "middlebox",
            [(0.0, 43.0, "m1", "mapping", "mapping"), (0.0, None, "s1", "sentinel", "lab's own")],
        ),
        lane("server", "server", [(0.0, 33.05, "flow f1", "open", "flow f1 open")]),
        lane("faults", "faults", [(50.0, 60.0, "1", "BlackHole", "black hole")]),
        lane(
            "probes",
            "probes",
            marks=[
                (19.0, "tried-answered", "probed again"),
                (45.0, "lost", "p1 lost"),
                (100.0, "answered", "p2 answered"),
            ],
        ),
    ]
    return {"starts_s": -0.31, "ends_s": 106.0, "lanes": lanes, "messages": messages}
