"""When a cell is over with all of its twins."""

from __future__ import annotations

from pathlib import Path

from lab.engine.twins.families import Families

CELL, OTHER, TWIN, TWIN_OF_TWIN, HOUR = (Path(name) for name in ("cell", "other", "twin", "twin-of-twin", "hour"))


def test_a_cell_waits_for_the_twins_of_its_twins() -> None:
    families = Families()
    families.found(CELL)
    families.add(TWIN, like=CELL)
    families.over(CELL)
    families.add(TWIN_OF_TWIN, like=TWIN)
    families.over(TWIN)
    assert list(families.complete()) == []
    families.over(TWIN_OF_TWIN)
    assert list(families.complete()) == [CELL]
    assert list(families.complete()) == []


def test_cells_with_the_same_twin() -> None:
    """Both wait for it; one that gets it when it is over does not."""
    families = Families()
    for cell in (CELL, OTHER):
        families.found(cell)
        families.add(HOUR, like=cell)
        families.over(cell)
    assert list(families.complete()) == []
    families.over(HOUR)
    assert set(families.complete()) == {CELL, OTHER}
    late = Path("late")
    families.found(late)
    families.add(HOUR, like=late)
    families.over(late)
    assert list(families.complete()) == [late]
