"""Configures pjsua2's one account."""

from __future__ import annotations

from typing import Any

from lab.clients.pjsip.pjsua2_wheel import pj
from lab.clients.pjsip.settings import Settings


def account_config(settings: Settings, *, registers: bool, expires: int | None) -> Any:
    """Return ``pjsua2.AccountConfig``.

    Args:
        settings: what the user agent was told.
        registers: whether it registers; a mitigation may have it do so.
        expires: seconds to ask for in REGISTER; None: what pjsua asks for (300 s, PJSUA_REG_INTERVAL).
    """
    account = pj.AccountConfig()
    account.idUri = f"sip:{settings.user}@{settings.domain}"
    account.sipConfig.proxies.append(settings.proxy)
    if settings.password is not None:
        account.sipConfig.authCreds.append(pj.AuthCredInfo("Digest", "*", settings.user, 0, settings.password))
    account.natConfig.sipOutboundInstanceId = settings.instance_id()
    account.regConfig.randomRetryIntervalSec = 0  # pjsua's own is 10 s; without it runs can be repeated
    if registers:
        account.regConfig.registrarUri = f"sip:{settings.domain}"
    if expires is not None:
        account.regConfig.timeoutSec = expires
    return account
