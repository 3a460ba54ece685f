"""Makes the page of a cell as data: lanes over time and the SIP ladder, from the cell and its record. Pure.

::

    build            the whole of a cell
    shapes           what it consists of
    document         the same as JSON values
    rows             spans of which no two of a row overlap
    client_lane      connections, account, calls and timers of the client
    link_lanes       packets, in bursts
    middlebox_lanes  mappings
    proxy_lanes      pairs of connections of a proxy
    server_lane      flows, subscriptions and bindings of the server
    fault_lane       faults
    probe_lane       probes of the cell and of its twins
    ladder           messages between client and server
"""
