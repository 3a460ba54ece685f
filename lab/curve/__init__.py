"""Finds when a client is reachable: one twin cell per moment, and the outages between the moments.

::

    measure    runs the twins (``lab.engine.twins``), whose outcomes are outages (``lab.judge.reachability``)
    chart      a strip of marks on a terminal, and ``curve.json``
"""
