"""Writes the file that linphone reads: its ports, one account, one friend."""

from __future__ import annotations

from dataclasses import dataclass

from lab.clients.phone_settings import PhoneSettings

REGISTERS_FOR_S = 3600
"""AccountParams::mExpires, src/account/account-params.cpp."""
KEEP_ALIVE_S = 30
"""`keepalive_period`, coreapi/linphonecore.c."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings(PhoneSettings):
    """The part of the ``start`` command that concerns linphone.

    Attributes:
        keep_alive: seconds from one CRLF to the next.
    """

    expires: int = REGISTERS_FOR_S
    keep_alive: int = KEEP_ALIVE_S

    def text(self) -> str:
        """Return it; what is not written is as linphone has it."""
        proxy = f"<sip:{self.server}:{self.port};transport={self.transport}>"
        sections: dict[str, dict[str, object]] = {
            "sip": {
                "use_ipv6": 0,
                "keepalive_period": self.keep_alive * 1000,
                "subscribe_presence_only_when_registered": int(self.registers),
                "verify_server_certs": 1,
                "verify_server_cn": 0,  # certificates here are for addresses; it compares names only
                "root_ca": self.ca or "",
                "client_cert_chain": self.certificate or "",
                "client_cert_key": self.key or "",
            },
            "proxy_0": {
                "reg_proxy": proxy,
                "reg_route": proxy,
                "reg_identity": f"sip:{self.user}@{self.domain}",
                "reg_expires": self.expires,
                "reg_sendregister": int(self.registers),
                "publish": 0,
            },
        }
        if self.password is not None:
            sections["auth_info_0"] = {"username": self.user, "passwd": self.password, "realm": "*"}
        if self.subscribes:
            friend = {"url": f"<sip:{self.peer}@{self.domain}>", "pol": "accept", "subscribe": 1}
            sections["friend_0"] = dict(friend)
        return "\n".join(
            f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in entries.items() if value != "")
            for name, entries in sections.items()
        )
