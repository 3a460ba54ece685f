"""Contains the SIP servers of cells, a folder each; ``lab.servers.catalog`` finds them.

What they share is beside their folders: the name server of their node, what they are told at the start, the loop of
commands. None takes anything from another's folder.
"""
