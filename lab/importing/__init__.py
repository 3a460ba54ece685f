"""Makes a scenario of a capture or a log of the field: reads facts, explains them, writes scenarios, compares runs.

::

    formats       one file for each format that can be read; found by being there
    facts         what a format yields: a stream of small typed facts, without names, numbers or tokens
    source        a file that is read: its number, its keys, its remarks, its pseudonyms
    accounts      first pass: whose messages there are; one account is chosen
    flows         facts of several viewpoints as what was sent, and whether it arrived
    story         the account's set-up, expiries, periods, probes
    silences, brackets, endings, breaks    what was survived and what was not
    case          all this together
    hypotheses    one file for each kind of explanation; found by being there
    strategy, middlebox, scenario, reading     what goes into a scenario's file
    importing     from files to ranked scenarios
    rerun         runs them, and compares with the field

**A format** is a module in ``lab/importing/formats`` with three names:

``NAME``
    what it is called in messages, such as ``pcap``.
``recognises(head: bytes) -> bool``
    whether a file that begins with these bytes (`source.HEAD` of them at most) is one; at most one format says so.
``read(source: Source) -> Iterator[Fact]``
    yields the facts of the file in the order in which they stand there. It reads `source.path` as a stream, so that a
    file of any size takes little memory. What is damaged or cut off is a remark (`source.remark`), and reading ends or
    goes on behind it; a file of which nothing can be read raises `ScenarioError` by `source.problem`. Nothing else is
    raised, whatever the file holds.

**A fact** says what was seen, when (`t`, in seconds: Unix time if the file has it, else from any origin), where in the
file (frame or line number), and by which viewpoint. A viewpoint is one interface of a capture, or one log; its side is
`Side.CLIENT` or `Side.SERVER` where the format knows it (a phone's log), else `Side.UNKNOWN`; then TTLs tell it.
``source`` and ``destination`` are endpoints; a log that does not say its own address uses `facts.HERE`. A log
yields `Message`, `KeepAlive`, `Opened` and `Ended`; a capture also yields `Segment`, `Datagram`, `Record` and
`Unreachable`, from which the rest of the package finds silences and losses.

**Personal data** ends at the format: a user, an address of record, a Call-ID, a branch or a realm becomes a pseudonym
(`source.pseudonym`), which is another one in each import. Addresses of hosts stay in `Endpoint` for the
analysis; they are never written to a scenario.
"""
