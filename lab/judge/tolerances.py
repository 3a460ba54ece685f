"""Lists the tolerances of the judge, each with its reason; no other module of ``lab.judge`` has one."""

from __future__ import annotations

CLOCKS_S = 0.1
"""Two processes that see one instant may note it this far apart: each reads the clock when the kernel wakes it."""

TICKS_S = 0.5
"""A mapping that ends this much before its time ended too early: conntrack counts in ticks of at most 10 ms. What lasts
for less has no duration."""

AT_ONCE_S = 1.0
"""What follows from an event without a timer in between follows within this time: a round trip on any path of the lab
with its delayed ACK, an answer to the lab, the end of a process after that of its connections. Traffic this soon after
a probe or the set-up is theirs; packets of the client that are closer together are one transmission."""

AIM_S = 1.0
"""A probe is aimed this long after an end, or after an eighth of what is lacking if that is sooner; its deadline this
long before a transmission. Two runs of a cell differ: pjsip polls its timers, so that each CRLF of its own may come
0.1 s later than in another run; in real time everything does by tens of milliseconds."""

SOON_S = 0.1
"""A probe over UDP is aimed this long after an end. The server sends it again 0.5 s later (T1, RFC 3261 §17.1.1.1),
then after 1 s, 2 s and 4 s; the earlier the first was sent, the fewer of these find the client back. Two runs of a cell
differ by less in when a mapping ends (ticks of 10 ms)."""

LEAST_LACK_S = 0.1
"""What was missing for less cannot be aimed at."""

BACK_WITHIN_S = 5.0
"""A client that is back sooner has not lost its connection, it has changed it: reconnecting takes some round trips, and
a TLS handshake two more."""

LATE_S = 2.0
"""What comes later than this after its time is something else. On a busy machine some tens of milliseconds are usual;
Kamailio needs a round trip more. A middlebox that the lab ages itself counts whole seconds, as conntrack does."""

TIMER_F_S = 33.0
"""What a transaction holds is given back within this time: Timer B and F last 32 s (RFC 3261 §17.1)."""
