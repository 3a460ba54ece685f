"""Handles the record of a cell: typed events, their reading and writing, and views for the judge.

::

    events     every event there is, one frozen type each
    codec      events as lines of JSON
    writer     the record while its cell runs: append-only, watched by whoever waits for an event
    reader     the record afterwards: entries in time order
    version_1  lines of records from before events had types
    flows      which flow the server uses to reach the client, live and afterwards
    evidence   a cell and its record in one object, indexed
    mapping_lives   each mapping of the middleboxes, with the packets that mattered to its timer
    message_texts   the text of a SIP message, once
"""
