"""Keeps what cells have left, so that a cell whose world has run before need not run again.

::

    sources       the lab's own source files, of which the records depend on some and the outcomes on more
    surroundings  what of this machine, and of the run, decides what a cell does
    key           the digest of all that decides a cell
    pack          a cell's folder as bytes, and back
    store         entries on the disk: written whole, checked when read, the least recently used removed first
    cell_cache    what a run keeps and finds

A wrong hit would be a wrong verdict, so doubt is a miss: what the lab cannot know of a program (a command of the
scenario's author may read any file) is never kept, and more goes into the key than has been seen to matter.
"""
