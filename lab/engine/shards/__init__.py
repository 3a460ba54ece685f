"""Splits a scenario's cells over several runs, on several machines, and makes one run of what came of them.

::

    shard    which cells a run has, and what it notes of the others
    check    whether runs are shards of one and the same whole
    merge    one run folder of several
"""
