"""Represents endpoints of the network: a host and, if there is one, a port."""

from __future__ import annotations

from functools import lru_cache

LARGEST_PORT = 65535


class Endpoint:
    """An IP address with a port, as ``198.51.100.2:5060`` or ``[2001:db8::1]:5060``.

    Frozen, hashable, ordered by its text; ``str`` gives the text that ``parse`` reads.

    Attributes:
        host: the address as text, an IPv6 one without brackets.
        port: 0 to 65535; None where there is none, as of an ICMP packet.
    """

    __slots__ = ("_hash", "host", "port")

    host: str
    port: int | None

    def __init__(self, host: str, port: int | None = None) -> None:
        object.__setattr__(self, "host", host)
        object.__setattr__(self, "port", port)
        object.__setattr__(self, "_hash", hash((host, port)))

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read an endpoint.

        Raises:
            ValueError: the text has no host, or what follows the colon is not a port.
        """
        return _parse(text)

    @classmethod
    def of(cls, address: tuple[str, int] | tuple[str, int, int, int]) -> Endpoint:
        """Return the endpoint that Python's ``socket`` module calls ``address``."""
        return cls(address[0], address[1])

    @property
    def address(self) -> tuple[str, int]:
        """The pair that Python's ``socket`` module takes; port 0 where there is none."""
        return self.host, self.port or 0

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an endpoint does not change: {name}")

    def __reduce__(self) -> tuple[type[Endpoint], tuple[str, int | None]]:
        return Endpoint, (self.host, self.port)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Endpoint) and (self.host, self.port) == (other.host, other.port)

    def __lt__(self, other: Endpoint) -> bool:
        return str(self) < str(other)

    def __hash__(self) -> int:
        return int(self._hash)  # type: ignore[attr-defined]  # set by __init__, which mypy cannot see

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.port is not None else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __repr__(self) -> str:
        return f"Endpoint({str(self)!r})"


@lru_cache(maxsize=4096)
def _parse(text: str) -> Endpoint:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        if not bracket or (rest and colon != ":"):
            raise ValueError(f"not an endpoint: {text!r}")
    elif text.count(":") > 1:  # IPv6 without a port
        host, colon, port = text, "", ""
    else:
        host, colon, port = text.partition(":")
    if not host:
        raise ValueError(f"an endpoint without a host: {text!r}")
    if not colon:
        return Endpoint(host)
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= LARGEST_PORT):
        raise ValueError(f"not a port: {text!r}")
    return Endpoint(host, int(port))
