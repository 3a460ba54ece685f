"""Compares two runs, cell by cell, and says whether the second is worse.

::

    side       one of the two: a run folder, a report.json, or a run in memory, as typed values
    matching   which cell of A is compared with which of B, by their axes
    figures    the outages and costs that are compared, and how large a difference is none
    changes    what changed between two cells
    compare    two runs
    gate       which changes make the comparison fail
    wording    the sentences that all formats share
    terminal   the comparison on the terminal
    formats    one module per other format

It reads reports, because a baseline is kept for months, without its records. A run folder is judged again, as ``lab
report`` does.
"""
