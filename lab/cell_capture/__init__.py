"""Makes one capture of a cell: the frames of all links in one order, with TLS secrets and comments.

::

    write       the file of a cell, from its folder
    travel      the order of frames that passed several links at the same instant
    comments    what the record says about packets
"""
