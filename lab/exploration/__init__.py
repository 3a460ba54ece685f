"""Searches for fault timelines that break a strategy, and shrinks them to the least that still do.

::

    timeline     what happens to a client: faults with their moments, and link impairments; the cell that it makes
    starts       the cells of a scenario from which a search begins: a strategy, and nothing goes wrong
    menu         the faults and impairments that can happen to such a cell
    generation   draws timelines and shrinks them (Hypothesis)
    invariant    what must hold once the last fault is over, checked on a record
    bounds       when a search ends: after a time, or a number of timelines
    search       draws, judges, shrinks and confirms, until a bound
    finding      a timeline that breaks the invariant
    kept         the timelines that were found on this machine, below the cache folder
    found_file   a finding as a scenario file
    explore      the whole, on the engine
    document     the result as JSON
"""
