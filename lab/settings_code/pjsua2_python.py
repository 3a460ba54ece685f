"""Writes settings for pjsua2 in Python."""

from __future__ import annotations

from lab.model.scenario import Strategy
from lab.settings_code._pjsip import REGISTRAR
from lab.settings_code._pjsua2 import Syntax, write
from lab.settings_code.languages import Snippet
from lab.settings_code.noted import ClientSettings

LANGUAGE = "python"


def snippet(strategy: Strategy) -> Snippet | None:
    """See `Language`."""
    return write(strategy, LANGUAGE, "pjsip, Python (pjsua2)", Syntax("#", _account, _options, _ping))


def _account(path: str, value: int | str) -> str:
    written = "pj.PJSUA_SIP_TIMER_ALWAYS" if path == "callConfig.timerUse" else repr(value).replace("'", '"')
    return f"account.{path} = {written}"


def _options(settings: ClientSettings) -> list[str]:
    lines = ["# Keep `options` alive as long as `transport`: pjsip has pointers into it."]
    lines.append("options = [")
    lines += [
        f"    pj.SockOpt({option.value[0]}, {option.value[1]}, {value}),  # {option.name}"
        for option, value in settings.socket_options.items()
    ]
    lines.append("]")
    lines.append("for place in (transport.sockOptParams, transport.tlsConfig.sockOptParams):  # TCP; TLS")
    lines.append("    place.sockOpts = pj.SockOptVector(options)")
    return lines


def _ping(interval: float) -> list[str]:
    return [
        f"def ping(account):  # call it every {interval:g} s on pjsip's thread, as with Endpoint.utilTimerSchedule",
        "    request = pj.SendRequestParam()",
        '    request.method = "OPTIONS"',
        f'    request.txOption.targetUri = "{REGISTRAR}"',
        "    account.sendRequest(request)",
    ]
