"""Explains requests that arrived and were not answered, or were refused: the program at that end did not work."""

from __future__ import annotations

from collections.abc import Iterator

from lab.importing.breaks import Kind
from lab.importing.case import Case
from lab.importing.hypothesis import Hypothesis


def explain(case: Case) -> Iterator[Hypothesis]:
    """Yield the explanations of an end that was silent or refused."""
    main = case.main
    if main is None or main.request is None:
        return
    story = case.story
    at = story.at(main.bad) - min(1.0, (main.bad - main.good) / 2)
    lasts = {} if main.again is None else {"lasts": max(1.0, main.again - main.bad)}
    method = main.request.method
    until = "" if main.again is None else f" until {story.at(main.again):.1f} s"
    if main.kind is Kind.REFUSED:
        code = main.request.code
        yield Hypothesis(
            name="refused",
            cause="server-refused",
            score=0.9,
            at=main.bad,
            within=max(1.0, main.bad - main.good),
            text=f"The server answered the client's {method} with {code}{until}.",
            faults=({"server-refuses": {"at": at, "method": method, "code": code, **lasts}},),
        )
        return
    if main.kind is Kind.SERVER_SILENT:
        text = f"The client's {method} reached the server, which did not answer{until}."
        yield Hypothesis(
            name="server-mute",
            cause="server-mute",
            score=0.7,
            at=main.bad,
            within=main.bad - main.good + 1,
            text=text,
            faults=({"server-mute": {"at": at, **lasts}},),
            decide="the server's log: whether it saw the request",
        )
        if lasts:
            yield Hypothesis(
                name="server-freeze",
                cause="server-froze",
                score=0.5,
                at=main.bad,
                within=main.bad - main.good + 1,
                text=text,
                faults=({"server-freeze": {"at": at, **lasts}},),
                decide="the server's log: whether it did anything meanwhile",
            )
        return
    text = f"The server's {method} reached the client's network, and the client did not answer{until}."
    yield Hypothesis(
        name="client-suspended",
        cause="client-suspended",
        score=0.8,
        at=main.bad,
        within=main.bad - main.good + 1,
        text=text,
        faults=({"client-suspend": {"at": at, **lasts}},),
        decide="the client's log: whether its program ran",
    )
