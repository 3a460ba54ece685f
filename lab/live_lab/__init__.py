"""Keeps labs up to look around in (``lab up``): who is up, and how to reach their cells and nodes.

A lab that is up is one cell in a world of its own, in real time. A keeper, a process in the background, holds the
world; when it ends, for whatever reason, the kernel ends everything in the world. An entry in the registry says where
the keeper and the cell's control socket are.
"""
