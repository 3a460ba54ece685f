"""A client for the lab, in plain Python: subscribes over TCP or TLS, answers requests. See docs/actor-protocol.md."""

import http.client
import json
import socket
import ssl
import sys
import threading


def _answer_requests() -> None:
    subscribed = False
    for line in filter(bytes.strip, stream := connection.makefile("rb")):  # empty lines are keep-alives
        method, headers = line.split()[0].decode(), http.client.parse_headers(stream)
        stream.read(int(headers["Content-Length"]))
        if method not in ("SIP/2.0", "ACK"):
            status = "200 OK" if method in ("NOTIFY", "OPTIONS", "MESSAGE") else "501 Not Implemented"
            copied = "".join(f"{k}: {v}\r\n" for k, v in headers.items() if k in ("Via", "From", "Call-ID", "CSeq"))
            to = headers["To"].partition(";tag=")[0] + ";tag=1"  # RFC 3261 §8.2.6.2; the tag is always ours
            connection.sendall(f"SIP/2.0 {status}\r\n{copied}To: {to}\r\nContent-Length: 0\r\n\r\n".encode())
        if method == "NOTIFY" and not subscribed:
            print('{"ev": "subscribed"}', flush=True)
            subscribed = True


SUBSCRIBE = (
    "SUBSCRIBE sip:{peer}@{domain} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
    "From: <sip:{user}@{domain}>;tag=1\r\nTo: <sip:{peer}@{domain}>\r\nCall-ID: {local}\r\nCSeq: 1 SUBSCRIBE\r\n"
    "Contact: <sip:{local};transport={transport}>\r\nEvent: presence\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
)
start = json.loads(sys.stdin.readline())
print('{"ev": "ready"}', flush=True)
connection = socket.create_connection((start["server"], start["port"]))
local = "{}:{}".format(*connection.getsockname())
if start["transport"] == "tls":
    connection = ssl.create_default_context(cafile=start["ca"]).wrap_socket(connection, server_hostname=start["server"])
print(json.dumps({"ev": "transport", "id": "1", "state": "connected", "local": local}), flush=True)
connection.sendall(SUBSCRIBE.format_map(start | {"local": local}).encode())
threading.Thread(target=_answer_requests, daemon=True).start()
any(json.loads(command)["do"] == "stop" for command in sys.stdin)  # else until the runner is gone
