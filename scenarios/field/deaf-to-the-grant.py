"""A phone over TCP that registers again by its own clock, whatever expiry the registrar grants.

See docs/actor-protocol.md for what it says and is told. Its argument is the expiry that it asks for, in seconds; it
registers again 5 s before that would be over.
"""

import json
import socket
import sys
import threading
import time


def _say(**event: str) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


asked = int(sys.argv[1])
start = json.loads(sys.stdin.readline())
_say(ev="ready")
connection = socket.create_connection((start["server"], start["port"]))
local = "{}:{}".format(*connection.getsockname())
contact = f"Contact: <sip:{start['user']}@{local};transport=tcp>\r\n"
_say(ev="transport", id="1", state="connected", local=local)


def _register_for_ever() -> None:
    aor, number = f"<sip:{start['user']}@{start['domain']}>", 0
    while True:
        number += 1
        connection.sendall(
            f"REGISTER sip:{start['domain']} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bK{number}\r\n"
            f"Max-Forwards: 70\r\nFrom: {aor};tag=1\r\nTo: {aor}\r\nCall-ID: {local}\r\nCSeq: {number} REGISTER\r\n"
            f"{contact}Expires: {asked}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        time.sleep(asked - 5)


def _answer(method: str, headers: list[str], body: str) -> str:
    copied = "".join(f"{line}\r\n" for line in headers if line.partition(":")[0] in ("Via", "From", "Call-ID", "CSeq"))
    (to,) = (line.partition(";tag=")[0] for line in headers if line.startswith("To:"))
    call = f"{contact}Content-Type: application/sdp\r\n" if method == "INVITE" else ""
    body = body if method == "INVITE" else ""  # a call without media: its offer is the answer
    return f"SIP/2.0 200 OK\r\n{copied}{to};tag=1\r\n{call}Content-Length: {len(body)}\r\n\r\n{body}"


def _read() -> None:
    stream, registered = connection.makefile("r", newline="\r\n"), False
    while first := stream.readline():
        headers = list(iter(lambda: stream.readline().strip(), ""))
        (length,) = (int(line.partition(":")[2]) for line in headers if line.startswith("Content-Length:"))
        body = stream.read(length)
        method = first.split()[0]
        if method == "SIP/2.0":
            if not registered and first.split()[1] == "200":
                _say(ev="registered")
                registered = True
        elif method != "ACK":
            connection.sendall(_answer(method, headers, body).encode())


threading.Thread(target=_register_for_ever, daemon=True).start()
threading.Thread(target=_read, daemon=True).start()
any(json.loads(command)["do"] == "stop" for command in sys.stdin)  # else until the runner is gone
