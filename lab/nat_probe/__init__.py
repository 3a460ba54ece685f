"""Measures a real NAT from its two sides: a host behind it, and a helper outside.

Not to be confused with a scenario's ``probes``, which are what the SIP server sends to a client.

::

    responder    the helper outside: one file, standard library only, to be copied anywhere
    session      the way to it: authenticated requests over TCP and UDP
    stun         the way to any RFC 5780 server instead, for mapping and filtering
    translation  mapping, filtering, ports, hairpinning
    payload      what happens to SIP and to fragments
    bracket      the search for a timer (pure); timers: the flows that answer it
    forgotten    what a TCP flow meets after its timer
    refresh      whose packets refresh a mapping, and for how long at most
    hops         which hops hold state: how many NATs there are
    findings     what was seen, kept in a file, so that an interrupted measurement goes on
    profile      findings as a profile of the catalog, and what they mean for a keep-alive interval
    measure      all of it, in order
"""
