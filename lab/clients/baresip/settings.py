"""Writes the files that baresip reads: its configuration, one account, one contact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.clients.phone_settings import PhoneSettings

MODULES = "/usr/lib/baresip/modules"
"""Where Debian's package has them."""
LIBKEEPALIVE = "/usr/lib/libkeepalive.so.0"
"""Debian's package libkeepalive0 has it there: it sets SO_KEEPALIVE on each socket of a program that does not."""
REGISTERS_FOR_S = 3600
"""REG_INTERVAL, src/account.c."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings(PhoneSettings):
    """The part of the ``start`` command that concerns baresip.

    Attributes:
        outbound: register with ``sipnat=outbound``.
        modules: the folder of baresip's modules.
    """

    expires: int = REGISTERS_FOR_S
    outbound: bool = False
    modules: str = MODULES

    def write(self, folder: Path) -> None:
        """Write them into a folder, which is then baresip's (``-f``)."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("config", self.config(folder)),
            ("accounts", self.account() + "\n"),
            ("contacts", self.contact() + "\n"),
        ):
            (folder / name).write_text(text, "utf-8")
        if self.certificate is not None and self.key is not None:
            own = Path(self.certificate).read_text("utf-8") + Path(self.key).read_text("utf-8")
            (folder / "own.pem").write_text(own, "utf-8")

    def config(self, folder: Path) -> str:
        """Return its configuration: the template's values, with sound that needs no device, and no user interface."""
        lines = [
            "poll_method epoll",
            "call_local_timeout 120",
            "call_max_calls 4",
            "audio_player aubridge,nil",
            "audio_source aubridge,nil",
            "audio_alert aubridge,nil",
            f"module_path {self.modules}",
            "module stdio.so",
            "module g711.so",
            "module aubridge.so",
            "module_tmp uuid.so",
            "module_tmp account.so",
            "module_app contact.so",
            "module_app debug_cmd.so",
            "module_app menu.so",
        ]
        if self.subscribes:
            lines.append("module_app presence.so")
        if self.ca is not None:
            lines.append(f"sip_cafile {self.ca}")
        if self.certificate is not None:
            lines.append(f"sip_certificate {folder / 'own.pem'}")
        return "\n".join(lines) + "\n"

    def account(self) -> str:
        """Return the line of the account."""
        parts = [
            f"<sip:{self.user}@{self.domain};transport={self.transport}>",
            f'outbound="sip:{self.server}:{self.port};transport={self.transport}"',
            f"regint={self.expires if self.registers else 0}",
            "answermode=auto",
            "audio_codecs=PCMU/8000/1",
        ]
        if self.password is not None:
            parts.append(f"auth_pass={self.password}")
        if self.outbound:
            parts.append("sipnat=outbound")
        return ";".join(parts)

    def contact(self) -> str:
        """Return the line of the contact; its presence is subscribed to only if the account subscribes."""
        line = f'"{self.peer}" <sip:{self.peer}@{self.domain}>'
        return f"{line};presence=p2p" if self.subscribes else line
