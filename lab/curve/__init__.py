"""When a client can be reached: one twin cell for each moment, and the outages between the moments.

::

    twins      a cell with one probe at a moment of its own
    measure    runs the twins
    outages    from what the twins show to outages
    chart      a strip of marks on a terminal, and ``curve.json``
"""
