"""A client that keeps the nonce it was given, and refreshes its subscription every 20 s with it. Over TCP."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
import sys
import threading
import time
from typing import Any

EVERY_S = 20.0

start: dict[str, Any] = json.loads(sys.stdin.readline())
print('{"ev": "ready"}', flush=True)
stream = socket.create_connection((start["server"], start["port"]))
local = "{}:{}".format(*stream.getsockname())
to = f"<sip:bob@{start['domain']}>"
cseq = count = 0
challenge: dict[str, str] = {}


def hashed(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode()).hexdigest()


def authorization() -> str:
    global count
    count += 1
    uri, user, realm, nonce = f"sip:bob@{start['domain']}", start["user"], challenge["realm"], challenge["nonce"]
    secret = hashed(user, realm, start["password"])
    response = hashed(secret, nonce, f"{count:08x}", "c", "auth", hashed("SUBSCRIBE", uri))
    return (
        f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", cnonce="c", '
        f'nc={count:08x}, qop=auth, response="{response}", algorithm=MD5'
    )


def subscribe() -> None:
    global cseq
    cseq += 1
    lines = [
        f"SUBSCRIBE sip:bob@{start['domain']} SIP/2.0",
        f"Via: SIP/2.0/TCP {local};branch=z9hG4bK{cseq};rport",
        "Max-Forwards: 70",
        f"From: <sip:alice@{start['domain']}>;tag=1",
        f"To: {to}",
        f"Call-ID: {local}",
        f"CSeq: {cseq} SUBSCRIBE",
        f"Contact: <sip:{local};transport=tcp>",
        "Event: presence",
        "Expires: 600",
        "Content-Length: 0",
    ]
    if challenge:
        lines.insert(-1, authorization())
    stream.sendall("\r\n".join([*lines, "", ""]).encode())


def answer_everything() -> None:
    global to, count, challenge
    subscribed = False
    for line in filter(bytes.strip, file := stream.makefile("rb")):
        first, headers = line.decode().split(), http.client.parse_headers(file)
        file.read(int(headers["Content-Length"]))
        if first[0] != "SIP/2.0":
            copied = "".join(
                f"{k}: {v}\r\n" for k, v in headers.items() if k in ("Via", "From", "To", "Call-ID", "CSeq")
            )
            stream.sendall(f"SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n".encode())
        elif first[1] == "401":
            challenge = dict(re.findall(r'(\w+)="([^"]*)"', headers["WWW-Authenticate"]))
            count = 0
            subscribe()
        else:
            to = headers["To"]
        if first[0] == "NOTIFY" and not subscribed:
            print('{"ev": "subscribed"}', flush=True)
            subscribed = True


def refresh_now_and_then() -> None:
    while True:
        time.sleep(EVERY_S)
        subscribe()


subscribe()
for each in (answer_everything, refresh_now_and_then):
    threading.Thread(target=each, daemon=True).start()
any(json.loads(command)["do"] == "stop" for command in sys.stdin)
