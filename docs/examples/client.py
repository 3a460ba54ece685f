#!/usr/bin/env python3
"""A client for the lab in plain Python: subscribes to presence over TCP or TLS, and answers what it is asked.

Commands come on standard input, events go to standard output, one JSON object per line: docs/actor-protocol.md.
"""

import json
import select
import socket
import ssl
import sys

COPIED = ("via:", "from:", "to:", "call-id:", "cseq:")  # from a request into its response, RFC 3261 §8.2.6.2


def say(ev, **fields):
    """Tell the runner."""
    print(json.dumps({"ev": ev, **fields}), flush=True)


start = json.loads(sys.stdin.buffer.raw.readline())
say("ready")
stream = socket.create_connection((start["server"], start["port"]))
local = "{}:{}".format(*stream.getsockname())
if start["transport"] == "tls":
    context = ssl.create_default_context(cafile=start["ca"])
    stream = context.wrap_socket(stream, server_hostname=start["server"])
say("transport", id="1", state="connected", local=local)
transport, me, peer = start["transport"], *(f"sip:{start[user]}@{start['domain']}" for user in ("user", "peer"))
stream.sendall(
    f"SUBSCRIBE {peer} SIP/2.0\r\nVia: SIP/2.0/{transport.upper()} {local};branch=z9hG4bK1;rport\r\n"
    f"Max-Forwards: 70\r\nFrom: <{me}>;tag=1\r\nTo: <{peer}>\r\nCall-ID: {local}\r\nCSeq: 1 SUBSCRIBE\r\n"
    f"Event: presence\r\nExpires: 600\r\nContact: <sip:{local};transport={transport}>\r\n"
    "Content-Length: 0\r\n\r\n".encode()
)
received, subscribed = b"", False
while True:
    if not (isinstance(stream, ssl.SSLSocket) and stream.pending()):
        readable, _, _ = select.select([stream, sys.stdin], [], [])
        if sys.stdin in readable and sys.stdin.buffer.raw.readline() in (b"", b'{"do": "stop"}\n'):
            break  # the runner is gone, or does not need this client any more
        if stream not in readable:
            continue
    data = stream.recv(65536)
    if not data:
        sys.exit("the server has closed the connection")
    received = (received + data).lstrip(b"\r\n")  # line ends between messages are keep-alives
    while b"\r\n\r\n" in received:
        head, _, body = received.partition(b"\r\n\r\n")
        first, *headers = head.decode().split("\r\n")
        length = next((int(line[15:]) for line in headers if line.lower().startswith("content-length:")), 0)
        if len(body) < length:
            break
        received, method = body[length:], first.split(" ")[0]
        if method == "NOTIFY" and not subscribed:
            subscribed = True
            say("subscribed")
        if method not in ("SIP/2.0", "ACK"):
            status = "200 OK" if method in ("NOTIFY", "OPTIONS", "MESSAGE") else "501 Not Implemented"
            copied = [line for line in headers if line.lower().startswith(COPIED)]
            tagged = [line + ";tag=1" * (line[:3].lower() == "to:" and ";tag=" not in line) for line in copied]
            stream.sendall("\r\n".join([f"SIP/2.0 {status}", *tagged, "Content-Length: 0\r\n\r\n"]).encode())
