"""Runs each distinct world once: cells that differ only in what they cannot see share one record.

::

    world     what of a cell its run can depend on
    course    what a record shows of the middleboxes: whether other timers would have changed anything
    sharing   which cells of a run wait for which, and the files that they then have in common

"Cannot see" is never guessed. Names are not part of a world. A middlebox's timers, and what it does to flows that it
has forgotten, are left out of the comparison at first; when the first cell has run, its record must show that no timer
ended and that none of the other cell's would have ended, else the other cell runs as well. Every cell is judged by
itself, with its own middlebox, and its outcome says whose record it shares.
"""
