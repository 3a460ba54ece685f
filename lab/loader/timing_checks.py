"""Checks that probes and claims fit into the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

from lab.errors import Problem
from lab.loader.conversion import build, choice
from lab.loader.one_key_mappings import causes
from lab.loader.yaml_lines import Node
from lab.model.scenario import Account, Claim, Probe, ProbeKind
from lab.model.verdict import Verdict
from lab.units import Seconds

_WITHOUT_SUBSCRIPTION = "`kind: invite` (the default here), `message` or `options`"
_WITHOUT_CAUSE = [verdict.value for verdict in Verdict if verdict is not Verdict.FAIL]


def probes_of(nodes: Sequence[Node], probes: Sequence[Probe], account: Account) -> tuple[Probe, ...]:
    """Return the probes of a cell; where none is written, the account says of which kind a probe is."""
    if account.subscribes:
        return tuple(probes)
    return tuple(
        probe if node.get("kind") else dataclasses.replace(probe, kind_=ProbeKind.INVITE)
        for node, probe in zip(nodes, probes, strict=True)
    )


def check_probes(
    nodes: Sequence[Node],
    probes: Sequence[Probe | None],
    ends: Seconds | None,
    accounts: Collection[Account],
    problems: list[Problem],
) -> None:
    """Check that probes are in order, can be answered before the end, and fit every account."""
    latest: Probe | None = None
    only_registers = any(not account.subscribes for account in accounts)
    for node, probe in zip(nodes, probes, strict=True):
        if probe is None:
            continue
        kind = node.get("kind")
        if only_registers and kind is not None and probe.kind_ is ProbeKind.NOTIFY:
            what = f"the account `{Account.REGISTER.value}` has no subscription for a NOTIFY"
            problems.append(kind.problem(what, allowed=_WITHOUT_SUBSCRIPTION))
        if only_registers and kind is None:
            probe = dataclasses.replace(probe, kind_=ProbeKind.INVITE)  # noqa: PLW2901  (the longest that it can be)
        at = node.get("at") or node
        if latest is not None and probe.at <= latest.at:
            problems.append(at.problem("not after the probe before it", allowed=f"a time later than {latest.at}"))
        elif ends is not None and probe.known_at > ends:
            whole = Seconds(probe.known_at - probe.at)
            problems.append(
                at.problem(
                    f"cannot be answered within {whole} before the end at {ends}",
                    allowed="use an earlier probe, or a later end",
                )
            )
        if (hold := node.get("hold")) is not None and probe.kind_ is not ProbeKind.INVITE:
            problems.append(hold.problem("only an `invite` is held", allowed="leave it out"))
        if (ring := node.get("ring")) is not None and probe.kind_ is not ProbeKind.INVITE:
            problems.append(ring.problem("only an `invite` rings", allowed="leave it out"))
        latest = probe if latest is None or probe.at > latest.at else latest


def read_claim(node: Node, problems: list[Problem]) -> Claim | None:
    """Read a claim, whose cause must be known to the judge or a fault; None, with problems added, if it is none."""
    claim, cause = build(Claim, node, problems), node.get("cause")
    if cause is None or not isinstance(cause.value, str) or cause.value in causes():
        return claim
    problems.append(cause.problem("unknown word", allowed=choice(cause.value, causes())))
    return None


def check_claims(
    nodes: Sequence[Node], claims: Sequence[Claim | None], ends: Seconds | None, problems: list[Problem]
) -> None:
    """Check that a cause belongs to a failure, its time to the run, and a tolerance to a time."""
    for node, claim in zip(nodes, claims, strict=True):
        verdict = node.get("verdict")
        for key in ("cause", "at"):
            written = node.get(key)
            if written is not None and verdict is not None and verdict.value in _WITHOUT_CAUSE:
                problems.append(written.problem("only a `fail` has one", allowed="leave it out"))
        within, at = node.get("within"), node.get("at")
        if within is not None and at is None:
            problems.append(within.problem("without `at` it means nothing", allowed="the tolerance of `at`"))
        if at is not None and claim is not None and claim.at is not None and ends is not None and claim.at > ends:
            problems.append(at.problem("after the end of the run", allowed=f"at most {ends}"))
