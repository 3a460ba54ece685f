"""Writes settings for pjsua's C interface in Swift, through a bridging header that includes ``pjsua-lib/pjsua.h``."""

from __future__ import annotations

import json

from lab.model.scenario import Strategy
from lab.settings_code._pjsip import C_FIELDS, account, build_lines, notes
from lab.settings_code.languages import Snippet
from lab.settings_code.noted import ClientSettings, client_settings

LANGUAGE = "swift"
_FIELDS = {**C_FIELDS, "regConfig.registrarUri": "reg_uri", "regConfig.timeoutSec": "reg_timeout"}
_TEXT = "func text(_ value: String) -> pj_str_t { pj_str(strdup(value)) }  // pjsip keeps a pointer"


def snippet(strategy: Strategy) -> Snippet | None:
    """See `Language`."""
    settings = client_settings(strategy)
    if settings is None:
        return None
    code = "\n\n".join("\n".join(part) for part in _parts(settings))
    said = list(notes(settings))
    if settings.socket_options:
        said.append("Socket options hold pointers to C values: set them in C (`--code c`).")
    if any(each.kind == "hold-transport" for each in settings.ported):
        said.append("The callback in C (`--code c`) can be compiled beside the Swift code.")
    return Snippet(language=LANGUAGE, title="pjsip, Swift (pjsua's C)", code=code and f"{code}\n", note=" ".join(said))


def _parts(settings: ClientSettings) -> list[list[str]]:
    parts = []
    if build := build_lines(settings, at_run_time=True):
        head = "// config_site.h; then build pjproject again:"
        parts.append([head, *(f"//   {line}" for line in build)])
    before = []
    if settings.tsx_ms is not None:
        before += [f"pjsip_cfg().pointee.tsx.t{number} = {ms}" for number, ms in enumerate(settings.tsx_ms, 1)]
    if settings.stays_on_udp:
        before.append("pjsip_cfg().pointee.endpt.disable_tcp_switch = 1")
    if settings.crlf_s is not None:
        before += [f"pjsip_cfg().pointee.{each}.keep_alive_interval = {settings.crlf_s}" for each in ("tcp", "tls")]
    if before:
        parts.append(["// before pjsua_init()", *before])
    if fields := account(settings):
        lines = [f"accCfg.{_FIELDS[path]} = {_value(path, value)}" for path, value in fields.items()]
        helper = [_TEXT] if any(isinstance(value, str) for value in fields.values()) else []
        parts.append([*helper, "// var accCfg = pjsua_acc_config(); pjsua_acc_config_default(&accCfg)", *lines])
    return parts


def _value(path: str, value: int | str) -> str:
    if path == "callConfig.timerUse":
        return "PJSUA_SIP_TIMER_ALWAYS"
    return f"text({json.dumps(value)})" if isinstance(value, str) else str(value)
