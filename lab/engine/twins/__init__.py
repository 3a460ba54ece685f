"""Makes and runs twins: copies of a cell that differ in one thing, each to answer one question about the cell.

::

    cells      the twins' own cells
    plan       which twins a cell is to have, once it has run
    folder     where they are in a run folder
    family     makes them while a run goes on

What they are for is data (``lab.model.twin``); what follows from their outcomes is judged (``lab.judge.twin_results``).
"""
