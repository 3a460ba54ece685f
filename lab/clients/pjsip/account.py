"""Configures the one account of pjsua2."""

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
    config = account.regConfig
    config.randomRetryIntervalSec = 0  # pjsua's own is 10 s; without it runs can be repeated
    if registers:
        config.registrarUri = f"sip:{settings.domain}"
    if settings.registration is not None:
        config.timeoutSec = settings.registration["expires"]
        config.delayBeforeRefreshSec = settings.registration["refresh_before"]
        config.firstRetryIntervalSec = settings.registration["first_retry_interval"]
        config.retryIntervalSec = settings.registration["retry_interval"]  # 0: never
        config.randomRetryIntervalSec = settings.registration["retry_jitter"]
    if expires is not None:
        config.timeoutSec = expires
    return account
