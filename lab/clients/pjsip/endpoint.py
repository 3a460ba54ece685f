"""Configures pjsip's endpoint and its one transport."""

from __future__ import annotations

from typing import Any

from lab.clients.pjsip.pjsua2_wheel import pj
from lab.clients.pjsip.settings import Settings

_LOG_EVERYTHING = 5


def endpoint_config(settings: Settings, log: Any) -> Any:
    """Return an ``EpConfig`` without threads and sound; the endpoint will delete ``log``."""
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    if settings.name is not None:
        config.uaConfig.nameserver.append(settings.server)
    config.medConfig.threadCnt = 0
    config.medConfig.hasIoqueue = False
    config.logConfig.level = config.logConfig.consoleLevel = _LOG_EVERYTHING
    config.logConfig.decor &= ~(pj.PJ_LOG_HAS_TIME | pj.PJ_LOG_HAS_MICRO_SEC)
    config.logConfig.writer = log
    log.__disown__()
    return config


def transport_config(settings: Settings) -> Any:
    """Return a ``TransportConfig`` with, for TLS, the client's certificates.

    It is bound to no address, as apps do it: what is bound to one cannot leave its network (pjproject_docs#61).
    """
    config = pj.TransportConfig()
    config.tlsConfig.CaListFile = settings.ca or ""
    config.tlsConfig.certFile = settings.certificate or ""
    config.tlsConfig.privKeyFile = settings.key or ""
    config.tlsConfig.verifyServer = settings.ca is not None
    return config
