"""Settings of Kamailio, and the configuration that the lab makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.servers.authentication import AuthenticationSettings
from lab.servers.kamailio.config import ServerFeatures, render
from lab.servers.settings import Settings

SETTINGS = Settings(
    address="203.0.113.10",
    ports={"udp": 5060, "tcp": 5060, "tls": 5061},
    subscription_expires=600.0,
    registration_expires=300.0,
    notify_route="flow",
    answers_crlf=True,
    seed=1,
    certificate="/run folder/server.pem",
    key='/run folder/"quoted".key',
    expired="/run folder/expired.pem",
    revoked="/run folder/revoked.pem",
)
AUTHENTICATING = AuthenticationSettings(
    algorithm="SHA-256",
    nonce_lifetime=33.0,
    methods=["REGISTER", "OPTIONS"],
    as_proxy=True,
    user="alice",
    password='a "secret"',
)


def configuration(wanted: ServerFeatures | None = None, **changes: Any) -> str:
    return render(SETTINGS._replace(**changes), wanted or ServerFeatures(600), Path("/cell folder"))
