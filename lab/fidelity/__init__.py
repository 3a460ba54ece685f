"""Checks that the same cells give the same results in different places and with different servers.

::

    comparable_events  what of a record two runs of a cell must share
    compare            runs cells in several ways and compares what they show
"""
