"""Compares the output that a document shows with the output of the command.

The rule: the output must have all lines that are shown, one after the other; it may begin earlier and go on. They must
be equal, except that

- a number may differ by a tenth, or by two: costs differ a little from run to run; one with `*`, the cost up to a loss,
  may differ by a third; time stamps of runs and ports
  of clients may be anything;
- a table's columns must begin or end where the document shows them, or stand as far apart;
- a line that is only ``…`` stands for any number of lines;
- a line that ends with ``…`` may go on.
"""

from __future__ import annotations

import re

STAMP = re.compile(r"\b20\d{6}-\d{6}\b")
PORT = re.compile(r"(?<=\d):[3-6]\d{4}\b")
RULE = re.compile(r"[─━]{3,}")
TOKEN = re.compile(r"\d+(?:\.\d+){2,}|\d[\d,]*(?:\.\d+)?|[^\s\d]+")
ANYTHING = "…"
SHARE, SHARE_OF_A_PART, ABSOLUTE = 0.1, 0.34, 2.0


def differences(shown: str, real: str) -> list[str]:
    """Return what differs, for people; nothing if the real output has the lines that are shown, one after the other."""
    want, have = (list(map(str.rstrip, text.strip("\n").splitlines())) for text in (shown, real))
    starts = [at for at, line in enumerate(have) if same_line(want[0], line)]
    if not starts:
        return [f"no such line in the output: {want[0]}"]
    return min((_compare(want, have[start:]) for start in starts), key=len)


def _compare(want: list[str], have: list[str]) -> list[str]:
    for at, line in enumerate(want):
        if line.strip() == ANYTHING:
            rest = want[at + 1 :]
            if any(not _compare(rest, have[start:]) for start in range(at, len(have) + 1)):
                return []
            return [f"nothing in the output goes on as the document does after its `{ANYTHING}`: {rest[:1]}"]
        if at >= len(have):
            return [f"the output ends before: {line}"]
        if not same_line(line, have[at]):
            return [f"shown: {line}", f"  real: {have[at]}"]
    return []


def same_line(shown: str, real: str) -> bool:
    """Return whether a line of output is as shown."""
    if cut := shown.endswith(ANYTHING) and not real.endswith(ANYTHING):
        shown = shown.removesuffix(ANYTHING)
    shown, real = (PORT.sub(":PORT", STAMP.sub("STAMP", line)) for line in (shown, real))
    want, have = (list(TOKEN.finditer(RULE.sub("───", line))) for line in (shown, real))
    if cut:
        have = have[: len(want)]
        if want and have and have[-1].group().startswith(want[-1].group()):
            want, have = want[:-1], have[:-1]
    if len(want) != len(have):
        return False
    before = (0, 0)
    for a, b in zip(want, have, strict=True):
        share = SHARE_OF_A_PART if shown[a.end() :].startswith("*") else SHARE
        if not _same_word(a.group(), b.group(), share):
            return False
        apart = (a.start() - before[0], b.start() - before[1])
        if a.start() != b.start() and a.end() != b.end() and apart[0] != apart[1]:
            return False
        before = (a.end(), b.end())
    return True


def _same_word(shown: str, real: str, share: float) -> bool:
    if shown == real:
        return True
    try:
        a, b = (float(text.replace(",", "")) for text in (shown, real))
    except ValueError:
        return False
    return abs(a - b) <= max(share * max(abs(a), abs(b)), ABSOLUTE)
