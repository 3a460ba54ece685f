"""Implements a client in plain Python: registers, subscribes, answers all requests. See docs/actor-protocol.md."""

import hashlib
import http.client
import json
import re
import socket
import ssl
import sys
import threading


def _answer_requests() -> None:
    unsaid = {"REGISTER": "registered", "NOTIFY": "subscribed"}
    for line in filter(bytes.strip, stream := connection.makefile("rb")):  # empty lines are keep-alives
        (word, code, *_), headers = line.decode().split(), http.client.parse_headers(stream)
        body = stream.read(int(headers["Content-Length"]))
        number, method = headers["CSeq"].split()
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
        asked = headers["WWW-Authenticate"] or headers["Proxy-Authenticate"]
        if word == "SIP/2.0" and number == "1" and asked and start["password"]:
            _ask(method, asked, "Authorization" if code == "401" else "Proxy-Authorization")


def _digest(method: str, uri: str, challenge: str) -> str:
    """Answer a challenge (RFC 7616 §3.4): qop `auth`, by any hash; Python calls SHA-256 `SHA256`."""
    asked = {"algorithm": "MD5", "nc": "00000001", "cnonce": "1", "qop": "auth"}
    asked |= dict(re.findall(r'(realm|nonce|algorithm)="?([^",]+)', challenge)) | {
        "uri": uri,
        "username": start["user"],
    }

    def hashed(text: str) -> str:
        return hashlib.new(asked["algorithm"].replace("-", ""), text.encode()).hexdigest()

    who, what = hashed("{username}:{realm}:".format_map(asked) + start["password"]), hashed(f"{method}:{uri}")
    asked["response"] = hashed(f"{who}:{{nonce}}:{{nc}}:{{cnonce}}:{{qop}}:{what}".format_map(asked))
    bare = ("algorithm", "nc", "qop")
    return "Digest " + ", ".join(
        f"{name}={value}" if name in bare else f'{name}="{value}"' for name, value in asked.items()
    )


def _ask(method: str, challenge: str = "", header: str = "") -> None:
    registers, number = method == "REGISTER", 2 if challenge else 1
    uri = "sip:" + ("{domain}" if registers else "{peer}@{domain}").format_map(start)
    event = "" if registers else "Event: presence\r\n"
    event += f"{header}: {_digest(method, uri, challenge)}\r\n" if challenge else ""
    more = {"method": method, "number": number, "uri": uri, "to": start["user" if registers else "peer"], "more": event}
    connection.sendall(REQUEST.format_map(start | more).encode())


REQUEST = (
    "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bK{method}{number}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:{user}@{domain}>;tag=1\r\nTo: <sip:{to}@{domain}>\r\nCall-ID: {method}-{local}\r\n"
    "CSeq: {number} {method}\r\nContact: <sip:{user}@{local};transport={transport}>\r\n{more}"
    "Expires: 600\r\nContent-Length: 0\r\n\r\n"
)
CALL = "Contact: <sip:{user}@{local};transport={transport}>\r\nContent-Type: application/sdp\r\n"
start = json.loads(sys.stdin.readline())
print('{"ev": "ready"}', flush=True)
connection = socket.create_connection((start["server"], start["port"]))
start["local"] = "{}:{}".format(*connection.getsockname())
if start["transport"] == "tls":
    connection = ssl.create_default_context(cafile=start["ca"]).wrap_socket(connection, server_hostname=start["server"])
print(json.dumps({"ev": "transport", "id": "1", "state": "connected", "local": start["local"]}), flush=True)
for method in ("REGISTER", "SUBSCRIBE"):
    if method.lower() in start["account"]:
        _ask(method)
threading.Thread(target=_answer_requests, daemon=True).start()
any(json.loads(command)["do"] == "stop" for command in sys.stdin)  # else until the runner is gone
