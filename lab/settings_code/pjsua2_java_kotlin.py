"""Writes settings for pjsua2 in Kotlin; Java has the same setters."""

from __future__ import annotations

import json

from lab.model.scenario import Strategy
from lab.settings_code._pjsip import REGISTRAR
from lab.settings_code._pjsua2 import Syntax, write
from lab.settings_code.languages import Snippet
from lab.settings_code.noted import ClientSettings

LANGUAGE = "kotlin"


def snippet(strategy: Strategy) -> Snippet | None:
    """See `Language`."""
    return write(strategy, LANGUAGE, "pjsip, Kotlin (pjsua2)", Syntax("//", _account, _options, _ping))


def _account(path: str, value: int | str) -> str:
    part, name = path.split(".")
    if name == "timerUse":
        written = "pjsua_sip_timer_use.PJSUA_SIP_TIMER_ALWAYS"
    else:
        written = json.dumps(value) if isinstance(value, str) else f"{value}"
    return f"account.{part}.{name} = {written}"


def _options(settings: ClientSettings) -> list[str]:
    lines = ["// Keep `options` alive as long as `transport`: pjsip has pointers into it."]
    lines.append("val options = SockOptVector()")
    lines += [
        f"options.add(SockOpt({option.value[0]}, {option.value[1]}, {value}))  // {option.name}"
        for option, value in settings.socket_options.items()
    ]
    lines.append("transport.sockOptParams.sockOpts = options            // TCP")
    lines.append("transport.tlsConfig.sockOptParams.sockOpts = options  // TLS")
    return lines


def _ping(interval: float) -> list[str]:
    return [
        f"fun ping(account: Account) {{  // call it every {interval:g} s on pjsip's thread",
        "    val request = SendRequestParam()",
        '    request.method = "OPTIONS"',
        f'    request.txOption.targetUri = "{REGISTRAR}"',
        "    account.sendRequest(request)",
        "}",
    ]
