"""Reads captures and logs of one failure, and returns what they mean: the account, its case, the ranked scenarios."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from lab.errors import Problem, ScenarioError
from lab.importing.accounts import Account, Survey
from lab.importing.case import Case, case_of
from lab.importing.facts import Fact, Unreachable
from lab.importing.flows import flows, sides
from lab.importing.formats import format_of
from lab.importing.hypotheses import hypotheses
from lab.importing.hypothesis import Hypothesis
from lab.importing.scenario import keys, name_of, text
from lab.importing.source import Pseudonyms, Source
from lab.importing.story import story
from lab.importing.tls_keys import Secrets, read_key_log
from lab.importing.undecrypted import guess
from lab.loader.load import load_text

MOST_FACTS = 400_000
"""Facts of one account that are kept; a hundred megabytes or so."""
LARGEST_KEY_LOG = 64 * 1024 * 1024
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Imported:
    """One explanation, with its scenario.

    Attributes:
        hypothesis: the explanation.
        content: the keys of the scenario.
        text: of the scenario's file.
    """

    hypothesis: Hypothesis
    content: dict[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class Import:
    """The meaning of captures and logs.

    Attributes:
        case: of the account.
        scenarios: the best first; one at least.
        accounts: how many accounts the files have.
        remarks: on what could not be read.
        names: of the files, as the scenario names them.
    """

    case: Case
    scenarios: tuple[Imported, ...]
    accounts: int
    remarks: tuple[str, ...] = field(default=())
    names: tuple[str, ...] = field(default=())


def import_files(files: Sequence[Path], *, key_log: Path | None = None, account: int = 1) -> Import:
    """Read files of one failure, in one pass that counts and one that keeps what matters.

    Args:
        files: captures and logs; of several sides, or one after the other.
        key_log: an NSS key log for TLS.
        account: which one of those that the files have, by number of messages, from 1.

    Raises:
        ScenarioError: a file cannot be read or is of no known format, or none has SIP.
    """
    pseudonyms, secrets = Pseudonyms(), _secrets(key_log)
    sources = [Source(path=path, number=n, pseudonym=pseudonyms, keys=secrets) for n, path in enumerate(files)]
    survey = Survey()
    for source in sources:
        survey.take(format_of(source).read(source))
    accounts = survey.accounts()
    if not accounts:
        raise ScenarioError([Problem(str(path), 0, "", _nothing(sources)) for path in files])
    if not 1 <= account <= len(accounts):
        raise ScenarioError(
            [Problem(str(files[0]), 0, "--account", "no such account", f"`{account}`", f"1 to {len(accounts)}")]
        )
    chosen = accounts[account - 1]
    facts = _facts(sources, chosen)
    seen = sides(facts, chosen.clients)
    all_flows = flows([fact for fact in facts if not isinstance(fact, Unreachable)], chosen.clients, seen)
    guessed = not chosen.readable and guess(all_flows)
    if not any(flow.carries_sip for flow in all_flows):
        raise ScenarioError([Problem(str(path), 0, "", _nothing(sources)) for path in files])
    errors = [fact for fact in facts if isinstance(fact, Unreachable)]
    until = max(source.until for source in sources)
    if seen.near is not None and seen.both:  # in its clock, which the other's need not be
        until = sources[seen.near.file].until
    case = case_of(story(all_flows, seen, errors, guessed=guessed, until=until))
    names = tuple(name_of(_digest(source.path)) for source in sources)
    found = []
    for hypothesis in hypotheses(case):
        content = keys(case, hypothesis, measured=" and ".join(names))
        found.append(Imported(hypothesis, content, text(content, case, hypothesis)))
    found, left_out = _that_load(found, str(files[0]))
    remarks = [f"{source.path.name}: {remark}" for source in sources for remark in source.remarks]
    return Import(case, tuple(found), len(accounts), (*remarks, *left_out), names)


def _that_load(found: Sequence[Imported], file: str) -> tuple[list[Imported], list[str]]:
    """Return the explanations that are scenarios, and a remark on each that cannot be one.

    Raises:
        ScenarioError: none is.
    """
    good, remarks = [], []
    for each in found:
        try:
            load_text(each.text, Path("imported.yaml"))
            good.append(each)
        except ScenarioError as error:  # noqa: PERF203  (of each its own)
            remarks.append(f"{each.hypothesis.name} fits, too, but the lab cannot run it: {error.problems[0].what}")
    if not good:
        raise ScenarioError([Problem(file, 0, "", f"no scenario can be made of it ({'; '.join(remarks)})")])
    return good, remarks


def _facts(sources: Sequence[Source], chosen: Account) -> list[Fact]:
    kept: list[Fact] = []
    for source in sources:
        source.wanted = chosen.concerns
        for fact in _of_account(source, chosen):
            if len(kept) >= MOST_FACTS:
                source.remark(
                    f"the account has more than {MOST_FACTS:,} facts; what comes after frame {fact.place.number}"
                    f" was left out"
                )
                break
            kept.append(fact)
    if len(sources) > 1:
        kept.sort(key=lambda fact: (fact.t, fact.place))
    return kept


def _of_account(source: Source, chosen: Account) -> Iterator[Fact]:
    for fact in chain(format_of(source).read(source)):
        if isinstance(fact, Unreachable) or chosen.concerns(fact.source.host, fact.destination.host):
            yield fact


def _nothing(sources: Sequence[Source]) -> str:
    remarks = "; ".join(remark for source in sources for remark in source.remarks)
    return "has no SIP that can be seen" + (f" ({remarks})" if remarks else "")


def _secrets(key_log: Path | None) -> Secrets:
    secrets: Secrets = {}
    if key_log is None:
        return secrets
    try:
        if key_log.stat().st_size > LARGEST_KEY_LOG:
            raise ScenarioError([Problem(str(key_log), 0, "--keys", "too large for a key log")])
        found = read_key_log(key_log.read_bytes(), secrets)
    except OSError as error:
        raise ScenarioError([Problem(str(key_log), 0, "--keys", f"cannot be read: {error.strerror}")]) from None
    if not found:
        raise ScenarioError(
            [Problem(str(key_log), 0, "--keys", "has no TLS secret", allowed="an NSS key log (SSLKEYLOGFILE)")]
        )
    return secrets


def _digest(path: Path) -> str:
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            whole.update(part)
    return whole.hexdigest()
