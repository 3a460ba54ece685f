"""Logs as programs write them in the field: the first lines of a phone that subscribes or registers, and its end."""

from __future__ import annotations

MESSAGE = """\
{first}
Via: SIP/2.0/{transport} 10.0.0.2:53887;rport;branch=z9hG4bKPj{branch}
Max-Forwards: 70
From: <sip:alice@example.com>;tag=O5AQ6MYuPhznU8Uo
To: <sip:{to}@example.com>{tag}
Call-ID: Bzp6yhIZQG-du1TsYkW1MPmX6L5Vz0KD{call}
CSeq: {cseq}
Contact: <sip:alice@10.0.0.2:53887;transport=tls>
{more}Content-Length: 0
"""


def request(method: str, *, number: int, to: str = "alice", transport: str = "TLS", more: str = "") -> str:
    """Return a request of alice's."""
    first = f"{method} sip:example.com SIP/2.0"
    values = {"branch": f"{method}{number}", "tag": "", "call": method, "cseq": f"{number} {method}"}
    return MESSAGE.format(first=first, to=to, transport=transport, more=more, **values)


def response(code: int, method: str, *, number: int, to: str = "alice", transport: str = "TLS", more: str = "") -> str:
    """Return the answer to it."""
    first = f"SIP/2.0 {code} whatever"
    values = {"branch": f"{method}{number}", "tag": ";tag=t1", "call": method, "cseq": f"{number} {method}"}
    return MESSAGE.format(first=first, to=to, transport=transport, more=more, **values)


REGISTER = request("REGISTER", number=1, more="Expires: 600\n")
REGISTERED = response(200, "REGISTER", number=1, more="Expires: 600\n")


def pjsip(*entries: tuple[str, str]) -> str:
    """Return a log of pjsip: times of day, and what its lines say."""
    return "".join(f"{t} {text}\n" for t, text in entries)


def shown(way: str, text: str) -> str:
    """Return pjsip's entry about a message, over TLS."""
    kind = "Response msg 200/REGISTER/cseq=1" if text.startswith("SIP/") else "Request msg REGISTER/cseq=1"
    word = "to" if way == "TX" else "from"
    head = f"          pjsua_core.c  .{way} {len(text)} bytes {kind} (tdta0x7f) {word} TLS 203.0.113.10:5061:"
    return f"{head}\n{text}\n--end msg--"


CONNECTED = "      tlsc0x552b111b88  TLS transport 10.0.0.2:53887 is connected to 203.0.113.10:5061"
PJSIP = pjsip(
    ("23:59:58.100", '        sip_endpoint.c  .Module "mod-pjsua-log" registered'),
    ("23:59:58.200", "      tlsc0x552b111b88  ...TLS transport 10.0.0.2:53887 is connecting to 203.0.113.10:5061..."),
    ("23:59:58.210", shown("TX", REGISTER)),
    ("23:59:58.300", CONNECTED),
    ("23:59:58.400", shown("RX", REGISTERED)),
    ("00:01:28.400", "      tlsc0x552b111b88  Sending 4 byte(s) keep-alive to 203.0.113.10:5061"),
    ("00:02:00.000", "      tlsc0x552b111b88  TLS connection closed"),
    ("00:02:00.010", "       sip_transport.c  .Transport tlsc0x552b111b88 shutting down, force=0"),
    (
        "00:02:00.020",
        "       sip_transport.c  Transport tlsc0x552b111b88 is being destroyed due to timeout in idle timer",
    ),
    ("00:02:00.030", "      tlsc0x552b111b88  TLS transport destroyed with reason 70016: End of file"),
    ("00:05:00.000", "           pjsua_acc.c  something else"),
)
BARESIP = f"""\
baresip v3.5.0 Copyright (C) 2010 - 2023 Alfred E. Heggestad et al.
baresip is ready.
\x1b[36;1m12:00:00.000#
TLS 10.0.0.2:53887 -> 203.0.113.10:5061
{REGISTER}
\x1b[;m
\x1b[36;1m12:00:00.100#
TLS 203.0.113.10:5061 -> 10.0.0.2:53887
{REGISTERED}
\x1b[;m
12:05:00.000 ua: something else
"""


def _belle_sip(way: str, text: str) -> str:
    size = len(text) + text.count("\n")
    if way == "sent":
        return f"belle-sip: channel [0x55]: message sent to [TLS://203.0.113.10:5061], size: [{size}] bytes\n{text}"
    return f"belle-sip: channel [0x55]: received [{size}] new bytes from [TLS://203.0.113.10:5061]:\n{text}"


LINPHONE = f"""\
2026-11-29 12:00:00:000 liblinphone-message-Initializing LinphoneCore 5.1.65
2026-11-29 12:00:00:100 belle-sip: channel[0x55]: entering state READY
2026-11-29 12:00:00:200 {_belle_sip("sent", REGISTER)}
2026-11-29 12:00:00:300 {_belle_sip("received", REGISTERED)}
2026-11-29 12:00:30:300 belle-sip: channel [0x55]: keep alive sent to [TLS://203.0.113.10:5061]
2026-11-29 12:01:00:300 belle-sip: Channel [0x55]: inactivity timeout reached.
2026-11-29 12:01:00:301 belle-sip: channel[0x55]: entering state DISCONNECTED
2026-11-29 12:05:00:000 liblinphone: something else
"""


def dumped(t: float, tag: str, text: str, *, proto: str = "tls") -> str:
    """Return what Kamailio's module sipdump writes of a message."""
    ends = ("198.51.100.2", 53887, "203.0.113.10", 5061)
    source, port, destination, other = ends if tag == "rcv" else (*ends[2:], *ends[:2])
    return (
        f"{'=' * 20}\ntag: {tag}\npid: 4711\nprocess: 7\ntime: {t:.6f}\ndate: Sun Nov 29 12:00:00 2026\n"
        f"proto: {proto} ipv4\nsrcip: {source}\nsrcport: {port}\ndstip: {destination}\ndstport: {other}\n"
        f"{'~' * 20}\n{text}{'|' * 20}\n"
    )


KAMAILIO = dumped(1795928441.5, "rcv", REGISTER) + dumped(1795928441.6, "snd", REGISTERED)

LOGS = {"pjsip_log": PJSIP, "baresip_log": BARESIP, "linphone_log": LINPHONE, "kamailio_log": KAMAILIO}
"""By the module that reads them."""
