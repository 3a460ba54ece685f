"""Digest authentication: the real pjsip, of either release, and both servers, in real time."""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from typing_extensions import Self

from lab.mitigations.options_ping import OptionsPing
from lab.mitigations.reconnect import Reconnect
from lab.mitigations.refresh_subscription import RefreshSubscription
from lab.mitigations.register import Register
from lab.model.authentication import PASSWORD, Authentication, ChallengedAs, ChallengedMethod, DigestAlgorithm
from lab.network import netns
from lab.servers.authentication import to_command
from lab.servers.kamailio import actor as kamailio
from lab.servers.kamailio import child
from lab.sip.digest import Credentials
from lab.sip.message import Request, Response
from lab.sip.stream import Item, StreamParser
from lab.units import Seconds
from tests.contract.pjsip_testbed import ADDRESS, Actor, ActorTestbed

pytestmark = pytest.mark.kernel

PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
STARTS_WITHIN_S = 60.0
ANY = tuple(ChallengedMethod)

Serve = Callable[..., Actor]


@pytest.fixture(
    name="software",
    params=[
        "scripted",
        pytest.param(
            "kamailio",
            marks=pytest.mark.skipif(child.program() is None, reason=f"needs `apt-get install {child.PACKAGES}`"),
        ),
    ],
)
def _software(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def serve(software: str, testbed_apart: ActorTestbed) -> Serve:
    """Start a server that authenticates; it is ready when this returns."""

    def start(**how: Any) -> Actor:
        settings: dict[str, Any] = {"authentication": to_command(Authentication(**how))}
        if software == "scripted":
            server = testbed_apart.server_that(PORTS, **settings)
        else:
            server = testbed_apart._actor(kamailio.main)
            server.tell(
                "start",
                folder=str(testbed_apart.folder),
                address=ADDRESS,
                ports=PORTS,
                subscription_expires=600.0,
                registration_expires=300.0,
                notify_route="flow",
                answers_crlf=True,
                seed=1,
                certificate=str(testbed_apart.certificate.certificate),
                key=str(testbed_apart.certificate.key),
                **settings,
            )
        server.expect("server-ready", within=STARTS_WITHIN_S)
        return server

    return start


def answers(server: Actor, *codes: int, method: str) -> None:
    """The server's next answers to this method."""
    for code in codes:
        assert server.expect("response-sent", method=method)["code"] == code


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
@pytest.mark.parametrize("as_", list(ChallengedAs))
def test_pjsip_answers_a_challenge(
    serve: Serve, testbed_apart: ActorTestbed, algorithm: DigestAlgorithm, as_: ChallengedAs
) -> None:
    server = serve(algorithm=algorithm, as_=as_)
    client = testbed_apart.client(5060, transport="tcp", account="register-and-subscribe", password=PASSWORD)
    answers(server, 401, 200, method="REGISTER")
    answers(server, 401 if as_ is ChallengedAs.SERVER else 407, 200, method="SUBSCRIBE")
    client.expect("registration", code=200)
    client.expect("subscribed")


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_it_can_be_reached_afterwards(serve: Serve, testbed_apart: ActorTestbed, transport: str) -> None:
    """Over each transport, in the dialog that the second SUBSCRIBE has made, and outside it; also by a call."""
    server = serve()
    client = testbed_apart.client(PORTS[transport], transport=transport, password=PASSWORD)
    subscription = server.expect("server-subscription", state="active")
    client.expect("subscribed")
    for kind in ("notify", "message", "options"):
        server.tell(kind, probe=kind, within=10.0)
        answered = server.expect("probe", probe=kind, state="answered")
        assert (answered["code"], answered["flow"]) == (200, subscription["flow"])
    server.tell("invite", probe="call", within=10.0, hold=0.1)
    server.expect("probe", probe="call", state="answered", code=200)
    assert [one["state"] for one in server.events if one["ev"] == "server-subscription"] == ["active"]


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE"])
def test_each_refresh_is_challenged(serve: Serve, testbed_apart: ActorTestbed, method: str) -> None:
    """However young the nonce: pjsip keeps none, and sends credentials only when it is asked (PJSIP_AUTH_AUTO_SEND_NEXT
    is 0). So each refresh is two requests and two answers."""
    server = serve(nonce_lifetime=Seconds(300))
    how = Register(expiry=Seconds(7)) if method == "REGISTER" else RefreshSubscription(interval=Seconds(1))
    testbed_apart.client(5060, how, transport="tcp", account="register-and-subscribe", password=PASSWORD)
    for _ in range(3):
        answers(server, 401, 200, method=method)


@pytest.mark.parametrize(("password", "times"), [("underland", 4), (None, 1)])
@pytest.mark.parametrize(
    ("account", "method", "ev"),
    [("subscribe", "SUBSCRIBE", "subscription"), ("register-and-subscribe", "REGISTER", "registration")],
)
def test_a_wrong_password(
    serve: Serve, testbed_apart: ActorTestbed, account: str, method: str, ev: str, password: str | None, times: int
) -> None:
    """pjsip takes each new nonce for a sign that the last one was stale, three times (PJSIP_MAX_STALE_COUNT)."""
    server = serve()
    client = testbed_apart.client(5060, transport="tcp", account=account, password=password)
    assert client.expect(ev)["code"] == 401
    answers(server, *[401] * times, method=method)
    client.tell("stop")
    assert client.end() == 0
    server.tell("stop")
    assert server.end() == 0
    refused = [one["code"] for one in server.events if one["ev"] == "response-sent"]
    assert refused == [401] * times
    assert not any(one["ev"] in ("binding", "server-subscription") for one in server.events)


def test_a_challenge_is_no_reason_to_reconnect(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """`reconnect` subscribes anew after a SUBSCRIBE that has failed; pjsip says nothing of one that is challenged."""
    server = serve()
    how = (RefreshSubscription(interval=Seconds(0.3)), Reconnect(first=Seconds(0.1), longest=Seconds(0.1)))
    client = testbed_apart.client(5060, *how, transport="tcp", password=PASSWORD)
    for _ in range(5):
        answers(server, 401, 200, method="SUBSCRIBE")
    client.tell("stop")
    assert client.end() == 0
    calls = {one["call_id"] for one in server.events if one["ev"] == "request"}
    assert len(calls) == 1


@pytest.mark.parametrize("challenged", [True, False])
def test_an_options_ping(serve: Serve, testbed_apart: ActorTestbed, challenged: bool) -> None:
    """pjsip's OPTIONS do not answer a challenge: it is their answer."""
    server = serve(methods=ANY if challenged else (ChallengedMethod.SUBSCRIBE,))
    client = testbed_apart.client(5060, OptionsPing(interval=Seconds(0.2)), transport="tcp", password=PASSWORD)
    code = 401 if challenged else 200
    for _ in range(3):
        assert client.expect("options-answer")["code"] == code
    answers(server, code, code, method="OPTIONS")


class Caller:
    """A client made of one TCP socket, which authenticates as it is told."""

    def __init__(self, testbed: ActorTestbed, server: Actor) -> None:
        assert testbed.namespace is not None
        self._server = server
        with netns.entered(testbed.namespace):
            self._sock = socket.create_connection((ADDRESS, PORTS["tcp"]), timeout=10.0)
        self._own = "{}:{}".format(*self._sock.getsockname())
        self._parser = StreamParser()
        self._cseq = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def register(self, *, nonce: str = "", count: int = 1, password: str = PASSWORD) -> Response:
        """Send a REGISTER, with credentials for this nonce if there is one; return the answer."""
        self._cseq += 1
        headers = {
            "Via": f"SIP/2.0/TCP {self._own};rport;branch=z9hG4bK{self._cseq}",
            "Max-Forwards": "70",
            "From": f"<sip:alice@{ADDRESS}>;tag=a",
            "To": f"<sip:alice@{ADDRESS}>",
            "Call-ID": "c",
            "CSeq": f"{self._cseq} REGISTER",
            "Contact": f"<sip:alice@{self._own};transport=tcp>",
        }
        if nonce:
            headers["Authorization"] = self._credentials(nonce, count, password)
        uri = f"sip:{ADDRESS}"
        self._sock.sendall(Request(method="REGISTER", uri=uri, headers=tuple(headers.items())).encode())
        items: list[Item] = []
        while not items:
            data = self._sock.recv(65536)
            assert data
            items = self._parser.feed(data)
        (answer,) = items
        assert isinstance(answer, Response)
        self._server.expect("response-sent", method="REGISTER", code=answer.code)
        return answer

    def _credentials(self, nonce: str, count: int, password: str) -> str:
        made = Credentials(
            username="alice",
            realm=ADDRESS,
            nonce=nonce,
            uri=f"sip:{ADDRESS}",
            response="",
            algorithm="MD5",
            qop="auth",
            nc=f"{count:08x}",
            cnonce="c",
        )
        return (
            f'Digest username="alice", realm="{ADDRESS}", nonce="{nonce}", uri="{made.uri}", qop=auth, cnonce="c", '
            f'nc={made.nc}, response="{made.expected(password, "REGISTER")}", algorithm=MD5'
        )


def asked(answer: Response) -> tuple[str, bool]:
    """The nonce of a challenge, and whether it says that the one before was stale."""
    assert answer.code == 401
    challenge = answer.first("WWW-Authenticate") or ""
    nonce = re.search('nonce="([^"]+)"', challenge)
    assert nonce is not None
    return nonce[1], "stale=true" in challenge


def test_a_nonce_can_be_used_again_until_it_is_too_old(
    serve: Serve, testbed_apart: ActorTestbed, software: str
) -> None:
    """With a count that goes upwards. Then the answer says that it is stale, and the next nonce is good.

    Kamailio does not look at the digest of a nonce that is too old.
    """
    with Caller(testbed_apart, serve(nonce_lifetime=Seconds(2))) as caller:
        nonce, stale = asked(caller.register())
        began = time.monotonic()
        assert not stale
        count = 1
        while (answer := caller.register(nonce=nonce, count=count)).code == 200 and time.monotonic() - began < 10.0:
            count += 1
            select.select([], [], [], 0.05)  # Kamailio takes counts up to 255
        assert count > 10
        assert 1.0 < time.monotonic() - began < 4.0  # Kamailio counts whole seconds
        _, stale = asked(caller.register(nonce=nonce, count=count + 1, password="underland"))
        assert stale == (software == "kamailio")
        nonce, stale = asked(answer)
        assert stale
        assert caller.register(nonce=nonce).code == 200


def test_a_replay_is_challenged(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """The count is the same as before, or lower."""
    with Caller(testbed_apart, serve()) as caller:
        nonce, _ = asked(caller.register())
        assert caller.register(nonce=nonce, count=2).code == 200
        for count in (2, 1):
            again, stale = asked(caller.register(nonce=nonce, count=count))
            assert stale
            assert again != nonce


def test_wrong_credentials_are_not_called_stale(serve: Serve, testbed_apart: ActorTestbed) -> None:
    with Caller(testbed_apart, serve()) as caller:
        nonce, _ = asked(caller.register())
        again, stale = asked(caller.register(nonce=nonce, password="underland"))
        assert not stale
        assert again != nonce


def test_how_often_a_nonce_can_be_used(serve: Serve, testbed_apart: ActorTestbed, software: str) -> None:
    """Kamailio keeps counts in a byte."""
    with Caller(testbed_apart, serve()) as caller:
        nonce, _ = asked(caller.register())
        assert caller.register(nonce=nonce, count=255).code == 200
        answer = caller.register(nonce=nonce, count=256)
        assert answer.code == (200 if software == "scripted" else 401)
        assert answer.code == 200 or asked(answer)[1]


def test_a_server_that_restarts_knows_none_of_its_nonces(
    serve: Serve, testbed_apart: ActorTestbed, software: str
) -> None:
    """It challenges again; only the scripted one can tell that the digest is right."""
    server = serve()
    with Caller(testbed_apart, server) as caller:
        nonce, _ = asked(caller.register())
        assert caller.register(nonce=nonce).code == 200
    server.tell("go-down", keeps_state=False)
    server.expect("obeyed", do="go-down")
    server.tell("come-up")
    server.expect("server-ready", within=STARTS_WITHIN_S)
    with Caller(testbed_apart, server) as caller:
        again, stale = asked(caller.register(nonce=nonce, count=2))
        assert stale == (software == "scripted")
        assert caller.register(nonce=again).code == 200
