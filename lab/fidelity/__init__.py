"""Whether the same cells show the same in different places and with different servers.

::

    comparable_events  what of a record two runs of a cell must share
    compare            runs cells in several ways and compares what they show
"""
