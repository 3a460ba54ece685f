"""Contains the client programs, a folder each; ``lab.clients.catalog`` finds them.

All of them speak the public actor protocol (docs/actor-protocol.md), and what they write is checked (``protocol``).
"""
