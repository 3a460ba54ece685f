"""A client for the lab, in plain Python: registers, subscribes, answers all that comes. See docs/actor-protocol.md."""

import http.client
import json
import socket
import ssl
import sys
import threading


def _answer_requests() -> None:
    unsaid = {"REGISTER": "registered", "NOTIFY": "subscribed"}
    for line in filter(bytes.strip, stream := connection.makefile("rb")):  # empty lines are keep-alives
        (word, code, *_), headers = line.decode().split(), http.client.parse_headers(stream)
        body = stream.read(int(headers["Content-Length"]))
        method = headers["CSeq"].split()[1]
        if word not in ("SIP/2.0", "ACK"):
            status = "200 OK" if word in ("NOTIFY", "OPTIONS", "MESSAGE", "INVITE", "BYE") else "501 Not Implemented"
            copied = "".join(f"{k}: {v}\r\n" for k, v in headers.items() if k in ("Via", "From", "Call-ID", "CSeq"))
            to = headers["To"].partition(";tag=")[0] + ";tag=1"  # RFC 3261 §8.2.6.2; the tag is always ours
            own, body = (CALL.format_map(start), body) if word == "INVITE" else ("", b"")  # the offer is the answer
            head = f"SIP/2.0 {status}\r\n{copied}To: {to}\r\n{own}Content-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
        done = word == "NOTIFY" or (word == "SIP/2.0" and code.startswith("2"))
        if done and method in unsaid:
            print(json.dumps({"ev": unsaid.pop(method)}), flush=True)


REQUEST = (
    "{method} sip:{uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n"
    "From: <sip:{user}@{domain}>;tag=1\r\nTo: <sip:{to}@{domain}>\r\nCall-ID: {method}-{local}\r\nCSeq: 1 {method}\r\n"
    "Contact: <sip:{user}@{local};transport={transport}>\r\n{event}Expires: 600\r\nContent-Length: 0\r\n\r\n"
)
CALL = "Contact: <sip:{user}@{local};transport={transport}>\r\nContent-Type: application/sdp\r\n"
start = json.loads(sys.stdin.readline())
print('{"ev": "ready"}', flush=True)
connection = socket.create_connection((start["server"], start["port"]))
start["local"] = "{}:{}".format(*connection.getsockname())
if start["transport"] == "tls":
    connection = ssl.create_default_context(cafile=start["ca"]).wrap_socket(connection, server_hostname=start["server"])
print(json.dumps({"ev": "transport", "id": "1", "state": "connected", "local": start["local"]}), flush=True)
if "register" in start["account"]:
    register = {"method": "REGISTER", "uri": start["domain"], "to": start["user"], "event": ""}
    connection.sendall(REQUEST.format_map(start | register).encode())
if "subscribe" in start["account"]:
    subscribe = {"method": "SUBSCRIBE", "to": start["peer"], "event": "Event: presence\r\n"}
    connection.sendall(REQUEST.format_map(start | subscribe | {"uri": "{peer}@{domain}".format_map(start)}).encode())
threading.Thread(target=_answer_requests, daemon=True).start()
any(json.loads(command)["do"] == "stop" for command in sys.stdin)  # else until the runner is gone
