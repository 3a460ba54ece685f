"""How exactly the judge reads times, each tolerance with its reason; no other module of ``lab.judge`` has one."""

from __future__ import annotations

CLOCKS_S = 0.1
"""Two processes that see one instant may note it this far apart: each reads the clock when the kernel wakes it."""

TICKS_S = 0.5
"""A mapping that ends this much before its time ended too early: conntrack counts in ticks of at most 10 ms. What lasts
for less has no duration."""

AT_ONCE_S = 1.0
"""What follows from an event without a timer in between follows within this time: a round trip on any path of the lab
with its delayed ACK, an answer to the lab, the end of a process after that of its connections. Traffic this soon after
a probe or the set-up is theirs."""

LATE_S = 2.0
"""What comes later than this after its time is something else. On a busy machine some tens of milliseconds are usual;
Kamailio needs a round trip more. A middlebox that the lab ages itself counts whole seconds, as conntrack does."""

TIMER_F_S = 33.0
"""What a transaction holds is given back within this time: Timer B and F last 32 s (RFC 3261 §17.1)."""
