"""Finds the longest interval that is safe: the longest value of a parameter with which a client stays reachable.

::

    parameters     which parameters a strategy has, and a cell with other values
    starting_cells the cells from which the searches start: each combination of the other axes with each strategy
    trials         the cell that tries one value, and what came of it
    scale          the values that are tried: on a grid, between a shortest and a longest one
    bisection      one search: bisects, and checks that a shorter value is never worse
    measure        runs the searches of all combinations side by side
    answer         what they found, and the one number if there must be one
    document       the same as JSON (``tune.json``)
"""
