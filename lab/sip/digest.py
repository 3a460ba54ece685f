"""Implements digest authentication: makes challenges and checks answers (RFC 7616, RFC 3261 §22, RFC 8760).

Sans-I/O: time is an argument. Offers qop ``auth`` only, and takes answers without qop as RFC 2069 has them (RFC 3261
§22.4). Does not compare the digest's ``uri`` with the Request-URI, which proxies may change (RFC 3261 §22.4).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from lab.sip.fields import parameters, split
from lab.sip.message import Request
from lab.sip.status import PROXY_AUTHENTICATION_REQUIRED, UNAUTHORIZED

HASHES: dict[str, Callable[[bytes], Any]] = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
"""By what ``algorithm`` says; 32 and 64 hexadecimal digits."""

_NONCE = re.compile(r"(?P<made>[0-9a-f]{1,16}-[0-9a-f]{1,8})-(?P<seal>[0-9a-f]{16})", re.ASCII)
_COUNT = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Credentials(NamedTuple):
    """An Authorization or Proxy-Authorization value.

    Attributes:
        algorithm: as written; ``MD5`` where it is missing (RFC 7616 §3.4).
        qop: None: an answer in the manner of RFC 2069, without ``nc`` and ``cnonce``.
        nc: the nonce count, eight hexadecimal digits.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str
    qop: str | None
    nc: str
    cnonce: str

    @classmethod
    def parse(cls, text: str) -> Credentials | None:
        """Read a value; None if it is not of the Digest scheme, or lacks something."""
        scheme, _, rest = text.partition(" ")
        if scheme.lower() != "digest":
            return None
        given = {name: _unquoted(value or "") for part in split(rest, ",") for name, value in parameters(part)}
        if not {"username", "realm", "nonce", "uri", "response"} <= given.keys():
            return None
        if given.get("qop") is not None and not ("cnonce" in given and _COUNT.fullmatch(given.get("nc", ""))):
            return None
        return cls(
            username=given["username"],
            realm=given["realm"],
            nonce=given["nonce"],
            uri=given["uri"],
            response=given["response"],
            algorithm=given.get("algorithm", "MD5"),
            qop=given.get("qop"),
            nc=given.get("nc", ""),
            cnonce=given.get("cnonce", ""),
        )

    def expected(self, password: str, method: str) -> str | None:
        """Return what ``response`` must be (RFC 7616 §3.4.1); None for an algorithm or a qop that is not known."""
        function = HASHES.get(self.algorithm.upper())
        if function is None or self.qop not in (None, "auth"):
            return None

        def hashed(*parts: str) -> str:
            return str(function(":".join(parts).encode()).hexdigest())

        protection = () if self.qop is None else (self.nc, self.cnonce, self.qop)
        secret = hashed(self.username, self.realm, password)
        return hashed(secret, self.nonce, *protection, hashed(method, self.uri))


class Challenge(NamedTuple):
    """A refusal of a request that asks who sent it: the status code, and the header that asks."""

    code: int
    header: tuple[str, str]


class Authenticator:
    """Asks senders of requests who they are, and checks their answers.

    A nonce says when it was made, under a seal, so that its age can be checked and only the nonce counts need to be
    remembered. The seal's key comes from a seed, so that runs can be repeated; it protects nothing.

    Args:
        realm: protection space.
        passwords: by user.
        algorithm: one of ``HASHES``.
        lifetime: seconds for which a nonce can be used.
        methods: which requests are challenged.
        as_proxy: challenge all but REGISTER as a proxy does, by 407.
        seed: decides the nonces.
    """

    def __init__(
        self,
        *,
        realm: str,
        passwords: dict[str, str],
        algorithm: str,
        lifetime: float,
        methods: Collection[str],
        as_proxy: bool,
        seed: int,
    ) -> None:
        self._realm = realm
        self._passwords = passwords
        self._algorithm = algorithm
        self._lifetime = lifetime
        self._methods = frozenset(methods)
        self._as_proxy = as_proxy
        self._seed = seed
        self._lives = 0
        self._made = 0
        self._counts: dict[str, int] = {}  # highest nonce count, by nonce

    def forget(self) -> None:
        """Forget all nonces, as a server does that restarts; a right digest with one of them counts as stale."""
        self._lives += 1
        self._counts.clear()

    def challenge(self, request: Request, *, now: float) -> Challenge | None:
        """Return how a request must be refused; None if it need not be challenged, or its credentials are right.

        Args:
            request: of the peer.
            now: seconds on a clock that does not go backwards; nonces count on it.
        """
        if request.method not in self._methods:
            return None
        by_proxy = self._as_proxy and request.method != "REGISTER"
        stale = False
        for text in request.all("Proxy-Authorization" if by_proxy else "Authorization"):
            credentials = Credentials.parse(text)
            if credentials is None or not self._proves(credentials, request.method):
                continue
            if self._is_usable(credentials, now):
                return None
            stale = True
        asked = (
            f'Digest realm="{self._realm}", nonce="{self._nonce(now)}", algorithm={self._algorithm}, qop="auth"'
            f"{', stale=true' if stale else ''}"
        )
        if by_proxy:
            return Challenge(PROXY_AUTHENTICATION_REQUIRED, ("Proxy-Authenticate", asked))
        return Challenge(UNAUTHORIZED, ("WWW-Authenticate", asked))

    def _proves(self, credentials: Credentials, method: str) -> bool:
        """Return whether the sender knows the password."""
        password = self._passwords.get(credentials.username)
        if password is None or credentials.realm != self._realm:
            return False
        if credentials.algorithm.upper() != self._algorithm:
            return False
        expected = credentials.expected(password, method)
        return expected is not None and hmac.compare_digest(expected, credentials.response.lower())

    def _is_usable(self, credentials: Credentials, now: float) -> bool:
        """Return whether a nonce is ours, young enough, and its count higher than before; remember the count."""
        nonce = _NONCE.fullmatch(credentials.nonce)
        if nonce is None or not hmac.compare_digest(self._seal(nonce["made"]), nonce["seal"]):
            return False
        if self._is_too_old(credentials.nonce, now):
            return False
        self._counts = {each: count for each, count in self._counts.items() if not self._is_too_old(each, now)}
        count = int(credentials.nc, 16) if credentials.nc else 0
        if credentials.nc and count <= self._counts.get(credentials.nonce, 0):  # a replay (RFC 7616 §3.4)
            return False
        self._counts[credentials.nonce] = count
        return True

    def _is_too_old(self, nonce: str, now: float) -> bool:
        return now - int(nonce.partition("-")[0], 16) / 1000 > self._lifetime

    def _nonce(self, now: float) -> str:
        self._made += 1
        made = f"{int(now * 1000):x}-{self._made:x}"
        return f"{made}-{self._seal(made)}"

    def _seal(self, made: str) -> str:
        key = f"{self._seed}:{self._lives}".encode()
        return hmac.new(key, made.encode(), hashlib.sha256).hexdigest()[:16]


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return _ESCAPED.sub(r"\1", value[1:-1])
    return value
