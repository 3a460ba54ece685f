"""What docs/record.md says of records is read off the types of events."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lab.record.events import CLIENT_EVENTS, EVENTS, LAB_EVENTS, PROXY_EVENTS, SERVER_EVENTS, Event, name_of
from lab.reference import record_page

PAGE = Path(__file__).parents[2] / "docs" / "record.md"


def test_the_copy_in_docs_is_current() -> None:
    """`lab reference --record > docs/record.md` writes it."""
    assert PAGE.read_text("utf-8") == record_page.markdown()


@pytest.mark.parametrize("kind", EVENTS, ids=name_of)
def test_every_event_has_a_meaning_and_a_name_of_its_own(kind: type[Event]) -> None:
    assert kind.__doc__
    assert [name_of(other) for other in EVENTS].count(name_of(kind)) == 1
    assert f"### {name_of(kind)}\n" in record_page.markdown()


def test_no_event_is_left_out() -> None:
    """Every type derived from `Event` is in one of the lists, but for the bases."""

    def below(kind: type[Event]) -> set[type[Event]]:
        return {kind} | {each for child in kind.__subclasses__() for each in below(child)}

    defined = {kind for kind in below(Event) if kind.__module__.startswith("lab.record.")}
    bases = {kind for kind in defined if kind.__subclasses__()}
    assert defined - bases == set(EVENTS) == {*CLIENT_EVENTS, *SERVER_EVENTS, *PROXY_EVENTS, *LAB_EVENTS}


def test_the_schema_has_every_event_and_demands_every_field_without_a_default() -> None:
    schema = record_page.schema()
    for kind in EVENTS:
        about = schema["$defs"][kind.__name__]
        assert about["properties"]["ev"] == {"enum": [name_of(kind)]}
        demanded = {field.encode_name for field in msgspec.structs.fields(kind) if field.required}
        assert set(about["required"]) == {"ev", *demanded}
