"""What pjsua does with the answers to its REGISTER, by a registrar of one socket; docs/registration.md says so."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from lab.sip.message import Request, Response, parse
from tests.contract.pjsip_testbed import ADDRESS, PATIENCE_S, ActorTestbed

REGISTRATION = {
    "expires": 300,
    "refresh_before": 5,
    "first_retry_interval": 0,
    "retry_interval": 300,
    "retry_jitter": 0,
}
"""As pjsua does by itself."""


class OneSocket:
    """A registrar over UDP that is told how to answer each REGISTER."""

    def __init__(self) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((ADDRESS, 0))
        self._sock.settimeout(PATIENCE_S)
        self.port: int = self._sock.getsockname()[1]
        self._answered: set[str] = set()

    def close(self) -> None:
        self._sock.close()

    def answer(self, code: int, *headers: tuple[str, str]) -> Request:
        """Answer the next REGISTER and return it; what is sent again is passed over."""
        while True:
            data, source = self._sock.recvfrom(65536)
            if not data.strip():
                continue
            request = parse(data)
            assert isinstance(request, Request)
            cseq = f"{request.first('Call-ID')} {request.first('CSeq')}"
            if request.method != "REGISTER" or cseq in self._answered:
                continue
            self._answered.add(cseq)
            copied = tuple((name, request.first(name) or "") for name in ("Via", "From", "To", "Call-ID", "CSeq"))
            response = Response(code=code, reason="Because", headers=(*copied, *headers))
            self._sock.sendto(response.encode(), source)
            return request


@pytest.fixture
def registrar() -> Iterator[OneSocket]:
    with contextlib.closing(OneSocket()) as one:
        yield one


def expires(request: Request) -> str | None:
    return request.first("Expires")


def test_interval_too_brief(testbed: ActorTestbed, registrar: OneSocket) -> None:
    """Upon 423 pjsip asks anew, at once, for the time in Min-Expires; what it says is the later answer."""
    alice = testbed.client(
        registrar.port, transport="udp", account="register", registration=REGISTRATION | {"expires": 30}
    )
    assert expires(registrar.answer(423, ("Min-Expires", "120"))) == "30"
    again = registrar.answer(200, ("Expires", "120"), ("Contact", "<sip:alice@127.0.0.1>;expires=120"))
    assert expires(again) == "120"
    assert alice.expect("registration")["code"] == 200
    alice.expect("registered")
