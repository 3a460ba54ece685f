"""Kamailio as the SIP server: a child process, what it logs, and its JSON-RPC interface.

``actor`` is the process the runner talks to, ``server`` turns commands into requests to Kamailio and its log into
events; ``config`` writes its configuration, ``log`` reads its log, ``rpc`` speaks to it, ``child`` starts and kills it.

Commands and events are those of ``lab.actors.sip_server``, but for what Kamailio cannot do or does not tell:

- ``answer`` and ``certificate`` do not exist, nor ``go-down`` with ``keeps_state``; see ``lab.judge.kamailio``.
- A flow is noticed by its first SIP message; one that carries none has no ``flow`` events. ``crlf-ping`` is not told:
  the pong is sent by Kamailio's core.
- ``statistics`` {file} is a command of its own: counters and open connections, into a file of the cell's folder.

Times are Kamailio's own, taken where it logs.
"""
