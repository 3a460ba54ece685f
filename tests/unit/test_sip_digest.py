"""Digest authentication against the vectors of its RFCs, and what makes a server ask again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lab.sip.digest import Authenticator, Challenge, Credentials
from lab.sip.message import Request

REALM, USER, PASSWORD = "203.0.113.10", "alice", "wonderland"

RFC_7616 = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
RFC_2617 = (
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
    'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
RFC_2069 = (
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea"'
)


@pytest.mark.parametrize(
    ("text", "password"),
    [
        pytest.param(
            RFC_7616.format(algorithm="MD5", response="8ca523f5e9506fed4657c9700eebdbec"),
            "Circle of Life",
            id="RFC 7616 §3.9.1, MD5",
        ),
        pytest.param(
            RFC_7616.format(
                algorithm="SHA-256", response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
            ),
            "Circle of Life",
            id="RFC 7616 §3.9.1, SHA-256",
        ),
        pytest.param(RFC_2617, "Circle Of Life", id="RFC 2617 §3.5"),
        pytest.param(RFC_2069, "CircleOfLife", id="RFC 2069 §2.4, with its erratum"),
    ],
)
def test_vectors(text: str, password: str) -> None:
    credentials = Credentials.parse(text)
    assert credentials is not None
    assert credentials.expected(password, "GET") == credentials.response
    assert credentials.expected(password, "PUT") != credentials.response
    assert credentials.expected(password + "!", "GET") != credentials.response


@pytest.mark.parametrize(
    "text",
    [
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Digest",
        RFC_2069.replace("nonce", "once"),
        RFC_2617.replace("nc=00000001, ", ""),
        RFC_2617.replace("nc=00000001", "nc=1"),
        RFC_2617.replace('cnonce="0a4f113b", ', ""),
    ],
)
def test_no_credentials(text: str) -> None:
    """Another scheme, or something that is needed is missing."""
    assert Credentials.parse(text) is None


def test_a_quoted_value_is_read_as_it_was_meant() -> None:
    text = RFC_2069.replace('"Mufasa"', r'"Mu\"fa, sa\\"')
    assert Credentials.parse(text) == Credentials.parse(RFC_2069)._replace(username='Mu"fa, sa\\')  # type: ignore[union-attr]


@pytest.mark.parametrize("qop", ["auth-int", "other"])
def test_a_qop_that_was_not_offered_proves_nothing(qop: str) -> None:
    credentials = Credentials.parse(RFC_2617.replace("qop=auth", f"qop={qop}"))
    assert credentials is not None
    assert credentials.expected("Circle Of Life", "GET") is None


def server(**changes: Any) -> Authenticator:
    usual = {
        "realm": REALM,
        "passwords": {USER: PASSWORD},
        "algorithm": "MD5",
        "lifetime": 30.0,
        "methods": ("REGISTER", "SUBSCRIBE"),
        "as_proxy": False,
        "seed": 1,
    }
    return Authenticator(**{**usual, **changes})


def request(method: str = "REGISTER", *authorizations: str, header: str = "Authorization") -> Request:
    return Request(method=method, uri=f"sip:{REALM}", headers=tuple((header, text) for text in authorizations))


def ask(asks: Authenticator, method: str = "REGISTER", *, now: float = 100.0) -> Challenge:
    challenge = asks.challenge(request(method), now=now)
    assert challenge is not None
    return challenge


def answer(
    challenge: Challenge, method: str = "REGISTER", *, user: str = USER, password: str = PASSWORD, count: int = 1
) -> str:
    """What a client makes of a challenge."""
    asked = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge.header[1].removeprefix("Digest ")))
    credentials = Credentials(
        username=user,
        realm=asked["realm"],
        nonce=asked["nonce"],
        uri=f"sip:{REALM}",
        response="",
        algorithm=asked["algorithm"],
        qop="auth",
        nc=f"{count:08x}",
        cnonce="c",
    )
    return (
        f'Digest username="{user}", realm="{credentials.realm}", nonce="{credentials.nonce}", uri="{credentials.uri}", '
        f'response="{credentials.expected(password, method)}", algorithm={credentials.algorithm}, cnonce="c", '
        f"qop=auth, nc={credentials.nc}"
    )


@pytest.mark.parametrize(("algorithm", "digits"), [("MD5", 32), ("SHA-256", 64)])
def test_a_right_answer_is_accepted(algorithm: str, digits: int) -> None:
    asks = server(algorithm=algorithm)
    challenge = ask(asks)
    assert challenge.code == 401
    assert challenge.header[0] == "WWW-Authenticate"
    assert challenge.header[1].startswith(f'Digest realm="{REALM}", nonce="')
    assert challenge.header[1].endswith(f'algorithm={algorithm}, qop="auth"')
    answered = answer(challenge)
    assert re.search(rf'response="[0-9a-f]{{{digits}}}"', answered)
    assert asks.challenge(request("REGISTER", answered), now=101.0) is None


@pytest.mark.parametrize("method", ["OPTIONS", "ACK", "MESSAGE"])
def test_other_methods_are_not_challenged(method: str) -> None:
    assert server().challenge(request(method), now=100.0) is None


@pytest.mark.parametrize(
    ("method", "code", "asks_by", "answered_by"),
    [
        ("REGISTER", 401, "WWW-Authenticate", "Authorization"),
        ("SUBSCRIBE", 407, "Proxy-Authenticate", "Proxy-Authorization"),
    ],
)
def test_a_proxy_registers_as_registrar(method: str, code: int, asks_by: str, answered_by: str) -> None:
    """All else it challenges as a proxy, and the answer stands in another header."""
    asks = server(as_proxy=True)
    challenge = ask(asks, method)
    assert (challenge.code, challenge.header[0]) == (code, asks_by)
    for header in ("Authorization", "Proxy-Authorization"):
        answered = request(method, answer(challenge, method), header=header)
        assert (asks.challenge(answered, now=101.0) is None) == (header == answered_by)


def test_wrong_credentials_are_challenged_and_not_called_stale() -> None:
    """Or the client would try the same again and again."""
    asks = server()
    challenge = ask(asks)
    other_realm = server(realm="example.com")
    for wrong in (
        answer(challenge, password="underland"),
        answer(challenge, user="bob"),
        answer(challenge, "SUBSCRIBE"),
        answer(challenge).replace("MD5", "SHA-256"),
        answer(ask(other_realm)),
        "Digest garbage",
    ):
        again = asks.challenge(request("REGISTER", wrong), now=101.0)
        assert again is not None
        assert "stale" not in again.header[1]
        assert again.header[1] != challenge.header[1]


def test_a_nonce_lives_as_long_as_it_should() -> None:
    """A second before the end it is good, a second after it is stale, and the new one is good."""
    asks = server(lifetime=30.0)
    challenge = ask(asks, now=100.0)
    assert asks.challenge(request("REGISTER", answer(challenge)), now=129.0) is None
    again = asks.challenge(request("REGISTER", answer(challenge, count=2)), now=131.0)
    assert again is not None
    assert again.header[1].endswith("stale=true")
    assert asks.challenge(request("REGISTER", answer(again)), now=131.0) is None


def test_a_stale_nonce_with_a_wrong_digest_is_not_called_stale() -> None:
    asks = server()
    wrong = answer(ask(asks, now=100.0), password="underland")
    again = asks.challenge(request("REGISTER", wrong), now=200.0)
    assert again is not None
    assert "stale" not in again.header[1]


def test_a_nonce_count_goes_upwards() -> None:
    """The same request again is a replay; the next one is not."""
    asks = server()
    challenge = ask(asks)
    for count, accepted in ((1, True), (1, False), (3, True), (2, False), (4, True)):
        again = asks.challenge(request("REGISTER", answer(challenge, count=count)), now=101.0)
        assert (again is None) == accepted
        assert again is None or again.header[1].endswith("stale=true")


def test_a_nonce_that_it_did_not_make_is_stale() -> None:
    """Also one of its own, from before it forgot them; its seed decides them."""
    asks = server()
    challenge = ask(asks)
    assert ask(server()) == challenge
    assert ask(server(seed=2)) != challenge
    made_up = Challenge(401, (challenge.header[0], re.sub('nonce="[^"]*"', 'nonce="mine"', challenge.header[1])))
    again = asks.challenge(request("REGISTER", answer(made_up)), now=101.0)
    assert again is not None
    assert again.header[1].endswith("stale=true")
    asks.forget()
    again = asks.challenge(request("REGISTER", answer(challenge)), now=101.0)
    assert again is not None
    assert again.header[1].endswith("stale=true")


def test_one_right_answer_among_several_is_enough() -> None:
    asks = server()
    right = answer(ask(asks))
    others = ('Digest username="x"', answer(ask(server(realm="elsewhere"))))
    assert asks.challenge(request("REGISTER", *others, right), now=101.0) is None
