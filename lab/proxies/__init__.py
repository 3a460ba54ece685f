"""Contains the proxies of cells, a folder each; ``lab.proxies.catalog`` finds them.

What they share is beside their folders: the actor process, the life of the program. None takes anything from another's
folder.
"""
