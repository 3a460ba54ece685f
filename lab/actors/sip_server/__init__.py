"""The scripted SIP server: presence notifier and registrar that does what it is told, when it is told.

``actor`` is the process, ``server`` what becomes of commands and requests, the rest one part of that each.

It takes every subscription and registration without authentication, and when ordered tries to reach the client and
says what became of it. Idle, it does nothing: the only timers are the ends of subscriptions and bindings,
retransmissions over UDP, the time a probe has, and the keep-alives of its mitigations.

Commands: ``start`` (``settings.Settings``); ``notify``, ``options``, ``message`` {probe, within}, ``invite`` {probe,
within, hold, ring}; ``stop``. A NOTIFY goes within the newest subscription, the others to the binding that was
registered last, or else to the newest subscriber. And misbehaviour, each answered by ``obeyed`` with its ``do``::

    close {}                      ends the newest subscription's flow in order; ``flow`` in ``obeyed`` names it
    go-down {keeps_state}         listens no more and drops every flow, as if killed
    come-up {}                    the end of that; then ``ready``
    certificate {expired}         new TLS connections meet the expired certificate, or the valid one again
    names {mode}                  the name server answers: true, servfail, silent (not at all)
    revocation {listed}           new TLS connections of the client are refused: its certificate is on the list, or not
    answer {mode, by}             to requests and pings: at-once, late (by so many seconds), mute

Events::

    ready {ports}
    flow {id, state, transport, peer, reason}  accepted, connected, secured (TLS handshake done), closed, reset, failed
    request {method, flow, peer, call_id, cseq, via, contact}, malformed {flow, reason}
    response-sent {method, code, flow}, response-lost {…, reason}
    subscription {id, state, expires, flow, contact}   active, refreshed, terminated, expired
    binding {id, state, expires, flow, contact, aor}   active, refreshed, removed, expired
    probe {probe, kind, state, code, flow, peer, reason}   see ``probes``
    keep-alive {kind, state, flow, code, reason}  options or crlf of a mitigation: sent, answered, failed
    crlf-ping {flow, answered}                    a double CRLF came
    query {name, type, answer, peer}              the name server was asked; see ``names``
    held, ignored {what, flow}                    what came while answers were late or mute
    obeyed {do, …}                                to misbehave

Does not model: IPv6, forking, calls from the client, authentication, and what ``lab.sip.subscription`` leaves out.
"""
