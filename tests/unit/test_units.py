"""Quantities: what is read, what is refused, and that each is written as it is read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from lab.units import BitsPerSecond, Percent, Quantity, Seconds

TYPES = (Seconds, Percent, BitsPerSecond)


@pytest.mark.parametrize(
    ("cls", "text", "value"),
    [
        (Seconds, "33 s", 33.0),
        (Seconds, "500 ms", 0.5),
        (Seconds, "1.5 min", 90.0),
        (Seconds, "2 h", 7200.0),
        (Seconds, "1 d", 86400.0),
        (Seconds, "0 s", 0.0),
        (Seconds, "33s", 33.0),
        (Seconds, "  33  s  ", 33.0),
        (Percent, "100 %", 100.0),
        (Percent, "0.5%", 0.5),
        (BitsPerSecond, "256 kbit/s", 256e3),
        (BitsPerSecond, "1 Mbit/s", 1e6),
        (BitsPerSecond, "9 bit/s", 9.0),
    ],
)
def test_read(cls: type[Quantity], text: str, value: float) -> None:
    """A number and a unit become the number of base units."""
    parsed = cls.parse(text)
    assert type(parsed) is cls
    assert float(parsed) == value


@pytest.mark.parametrize(
    ("cls", "given_text", "message"),
    [
        (Seconds, 33, "no unit; one of ms, s, min, h, d, such as `33 s`"),
        (Seconds, 33.5, "no unit; one of ms, s, min, h, d, such as `33 s`"),
        (Seconds, True, "not a quantity; a number from 0 and a unit (ms, s, min, h, d), such as `33 s`"),
        (Seconds, None, "not a quantity; a number from 0 and a unit (ms, s, min, h, d), such as `33 s`"),
        (Seconds, "33", "not a quantity; a number from 0 and a unit (ms, s, min, h, d), such as `33 s`"),
        (Seconds, "-1 s", "not a quantity; a number from 0 and a unit (ms, s, min, h, d), such as `33 s`"),
        (Seconds, "1e3 s", "not a quantity; a number from 0 and a unit (ms, s, min, h, d), such as `33 s`"),
        (Seconds, "nan s", "not a quantity; a number from 0 and a unit (ms, s, min, h, d), such as `33 s`"),
        (Seconds, "٣ s", "not a quantity; a number from 0 and a unit (ms, s, min, h, d), such as `33 s`"),
        (Seconds, "33 S", "unknown unit `S`; one of ms, s, min, h, d"),
        (Seconds, "33 %", "unknown unit `%`; one of ms, s, min, h, d"),
        (Seconds, "401 d", "too large; at most 34560000 s"),
        (Seconds, "9" * 400 + " s", "too large; at most 34560000 s"),
        (Percent, "100.1 %", "too large; at most 100 %"),
        (Percent, 1, "no unit; one of %, such as `1 %`"),
        (BitsPerSecond, "1 kb/s", "unknown unit `kb/s`; one of bit/s, kbit/s, Mbit/s"),
    ],
)
def test_refused(cls: type[Quantity], given_text: object, message: str) -> None:
    """Anything else is refused in words that say what is allowed."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        cls.parse(given_text)


def test_parsed_once() -> None:
    """A quantity of the right kind passes unchanged; one of another kind does not."""
    assert float(Seconds.parse(Seconds(5))) == 5
    with pytest.raises(ValueError, match="no unit"):
        Seconds.parse(Percent(5))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Seconds(0), "0 s"),
        (Seconds(0.5), "500 ms"),
        (Seconds(1), "1 s"),
        (Seconds(7440), "7440 s"),
        (Seconds(34560000), "34560000 s"),
        (Percent(99.5), "99.5 %"),
        (BitsPerSecond(256e3), "256000 bit/s"),
    ],
)
def test_written(value: Quantity, text: str) -> None:
    """Quantities are written in the unit people use, without an exponent."""
    assert str(value) == text


@settings(deadline=None, database=None)
@given(some.data(), some.sampled_from(TYPES))
def test_written_as_read(data: some.DataObject, cls: type[Quantity]) -> None:
    """What is written can be read again, to a relative error of 10^-11."""
    thousandths = data.draw(some.integers(0, int(cls.largest * 1000)))
    value = cls(thousandths / 1000)
    assert float(cls.parse(str(value))) == pytest.approx(float(value), rel=1e-11)


@settings(deadline=None, database=None)
@given(some.data(), some.sampled_from(TYPES))
def test_json_schema(data: some.DataObject, cls: type[Quantity]) -> None:
    """What the JSON schema's pattern allows is read, unless it is too large."""
    pattern = cls.__get_pydantic_json_schema__(None, None)["pattern"]
    text = data.draw(some.from_regex(pattern, fullmatch=True, alphabet=some.characters(max_codepoint=127)))
    try:
        assert cls.parse(text) >= 0
    except ValueError as error:
        assert str(error).startswith("too large")  # noqa: PT017  (both ends are right)
