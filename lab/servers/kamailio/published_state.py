"""Publishes state at Kamailio, so that its presence module sends NOTIFYs (RFC 3903)."""

from __future__ import annotations

import asyncio

from lab.servers.kamailio.log import LogLine
from lab.servers.kamailio.server_context import ServerContext, bare
from lab.sip.pidf import CONTENT_TYPE, pidf
from lab.sip.subscription import PACKAGE

STALE_ETAG = 412  # RFC 3903 §11.2.1


class Published:
    """The published state of each address, and the PUBLISH requests that are under way."""

    def __init__(self, origin: ServerContext) -> None:
        self._origin = origin
        self._under_way: dict[str, asyncio.Future[LogLine]] = {}  # by Call-ID
        self._etags: dict[str, str] = {}  # by whose state it is

    async def publish(self, aor: str, note: str) -> None:
        """Publish a state with this note; if the one before is forgotten by now, as a new one."""
        told = await self._send(aor, note)
        if told.number("code") == STALE_ETAG:
            self._etags.pop(aor, None)
            told = await self._send(aor, note)
        if told.get("etag"):
            self._etags[aor] = told.get("etag")

    def answered(self, told: LogLine) -> None:
        """Take Kamailio's reply, if it is to one of these."""
        future = self._under_way.pop(told.get("call_id"), None)
        if future is not None and not future.done():
            future.set_result(told)

    def forget(self) -> None:
        """Kamailio is gone, and with it what was published."""
        self._etags.clear()

    async def _send(self, aor: str, note: str) -> LogLine:
        call_id = self._origin.new("p")
        future: asyncio.Future[LogLine] = asyncio.get_running_loop().create_future()
        self._under_way[call_id] = future
        presentity = bare(aor)
        known = f"SIP-If-Match: {self._etags[aor]}\r\n" if aor in self._etags else ""
        headers = (
            f"From: <{presentity}>\r\nTo: <{presentity}>\r\nCall-ID: {call_id}\r\nEvent: {PACKAGE}\r\n"
            f"Expires: 86400\r\n{known}Content-Type: {CONTENT_TYPE}\r\n"
        )
        way = (self._origin.own("udp"), self._origin.socket("udp"))
        body = pidf(presentity, note).decode()
        await self._origin.rpc.call("tm.t_uac_start", "PUBLISH", presentity, *way, headers, body)
        return await future
