"""A client of many faults: the one argument says which. Over TCP, as docs/examples/client.py does it."""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from typing import Any

FAULT = sys.argv[1]


def say(ev: str, **fields: Any) -> None:
    print(json.dumps({"ev": ev, **fields}), flush=True)


def subscribe(start: dict[str, Any]) -> socket.socket:
    stream = socket.create_connection((start["server"], start["port"]))
    local = "{}:{}".format(*stream.getsockname())
    lines = (
        f"SUBSCRIBE sip:bob@{start['domain']} SIP/2.0",
        f"Via: SIP/2.0/TCP {local};branch=z9hG4bK1;rport",
        "Max-Forwards: 70",
        f"From: <sip:alice@{start['domain']}>;tag=1",
        f"To: <sip:bob@{start['domain']}>",
        f"Call-ID: {local}",
        "CSeq: 1 SUBSCRIBE",
        f"Contact: <sip:{local};transport=tcp>",
        "Event: presence",
        "Expires: 600",
        "Content-Length: 0",
    )
    stream.sendall("\r\n".join([*lines, "", ""]).encode())
    return stream


def answer_everything(stream: socket.socket) -> None:
    for request in stream.recv(65536).decode().split("\r\n\r\n"):
        if request.lstrip().startswith("NOTIFY"):
            copied = [
                line for line in request.split("\r\n") if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))
            ]
            stream.sendall("\r\n".join(["SIP/2.0 200 OK", *copied, "Content-Length: 0", "", ""]).encode())


def wait(seconds: float, stream: socket.socket | None = None) -> None:
    """Answer what comes, for so long."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        readable, _, _ = select.select([stream] if stream else [], [], [], left)
        if readable and stream:
            answer_everything(stream)


if FAULT == "dies-at-once":
    sys.exit(2)
command = json.loads(sys.stdin.readline())
if FAULT == "says-nothing":
    wait(1000)
if FAULT == "offers":
    say("ready", mitigations=["options-ping"])
    say("asked", of=command["mitigations"])
else:
    say("ready", at=time.time() if FAULT == "wall-clock" else None)
if FAULT == "never-subscribes":
    wait(1000)
if FAULT == "lies":
    say("subscribed")
    wait(1000)
connection = subscribe(command)
wait(1, connection)
say("registered" if FAULT == "subscribes" else "subscribed")
if FAULT == "prints":
    print("Hello, I am the client", flush=True)
elif FAULT == "dies":
    wait(10, connection)
    print("I have had enough", file=sys.stderr)
    sys.exit(3)
elif FAULT == "closes":
    wait(10, connection)
    connection.close()
    wait(1000)
elif FAULT == "forges":
    say("probe", who="server", probe="p1", kind="notify", state="answered", code=200, flow="f1", t=40.0)
    say("end", who="runner")
    say("aborted", how="SIGSEGV", last="a lie")
    say("flow", who="server", id="f1", state="reset")
    say("notify", note="p1", who="server", ev2="probe")
    sys.stdin.read()  # and answers nothing
wait(1000, connection)
