"""Writes settings for pjsua in C."""

from __future__ import annotations

from lab.model.scenario import Strategy
from lab.settings_code._pjsip import C_FIELDS, REGISTRAR, account, build_lines, notes
from lab.settings_code.languages import Snippet
from lab.settings_code.noted import ClientSettings, client_settings

LANGUAGE = "c"
_FIELDS = {**C_FIELDS, "regConfig.registrarUri": "reg_uri", "regConfig.timeoutSec": "reg_timeout"}

_HOLD = """\
/* ua_cfg.cb.on_transport_state = &on_transport_state; with several worker threads it needs a lock */
static pjsip_transport *held[8];

static void on_transport_state(pjsip_transport *tp, pjsip_transport_state state,
                               const pjsip_transport_state_info *info)
{
    unsigned i;
    PJ_UNUSED_ARG(info);
    for (i = 0; i < PJ_ARRAY_SIZE(held); ++i) {
        if (state == PJSIP_TP_STATE_CONNECTED && held[i] == NULL) {
            held[i] = tp;
            pjsip_transport_add_ref(tp);
            return;
        }
        if (state != PJSIP_TP_STATE_CONNECTED && held[i] == tp) {
            held[i] = NULL;  /* give it back exactly once; a destroyed one has nothing to give back */
            if (state != PJSIP_TP_STATE_DESTROY)
                pjsip_transport_dec_ref(tp);
            return;
        }
    }
}
"""
_OPTIONS = """\
/* OPTIONS every {interval:g} s; start it with ping(NULL) once the account is set up */
static void ping(void *unused)
{{
    pj_str_t target = pj_str("{registrar}"), from = pj_str("sip:me@example.com");
    pjsip_tx_data *tdata;
    if (pjsip_endpt_create_request(pjsua_get_pjsip_endpt(), &pjsip_options_method, &target, &from, &target,
                                   NULL, NULL, -1, NULL, &tdata) == PJ_SUCCESS)
        pjsip_endpt_send_request(pjsua_get_pjsip_endpt(), tdata, -1, NULL, NULL);
    pjsua_schedule_timer2(&ping, NULL, {ms});
}}
"""


def snippet(strategy: Strategy) -> Snippet | None:
    """See `Language`."""
    settings = client_settings(strategy)
    if settings is None:
        return None
    code = "\n".join(part for part in _parts(settings) if part)
    written = frozenset({"send_options", "hold-transport"})
    note = " ".join(notes(settings, written=written))
    return Snippet(language=LANGUAGE, title="pjsip, C (pjsua)", code=code, note=note)


def _parts(settings: ClientSettings) -> list[str]:
    parts = []
    if build := build_lines(settings, at_run_time=True):
        parts.append("\n".join(["/* config_site.h; then build pjproject again */", *build, ""]))
    if before := _before_init(settings):
        parts.append("\n".join(["/* before pjsua_init() */", *before, ""]))
    if settings.socket_options:
        parts.append(_socket_options(settings))
    if fields := account(settings):
        lines = [f"acc_cfg.{_FIELDS[path]} = {_value(path, value)};" for path, value in fields.items()]
        parts.append(
            "\n".join(["/* pjsua_acc_config acc_cfg, after pjsua_acc_config_default(&acc_cfg) */", *lines, ""])
        )
    parts += [
        _OPTIONS.format(interval=interval, ms=round(interval * 1000), registrar=REGISTRAR)
        for interval, method in settings.periodic
        if method == "send_options"
    ]
    if any(each.kind == "hold-transport" for each in settings.ported):
        parts.append(_HOLD)
    return parts


def _before_init(settings: ClientSettings) -> list[str]:
    lines = []
    if settings.tsx_ms is not None:
        lines += [f"pjsip_cfg()->tsx.t{number} = {ms};" for number, ms in enumerate(settings.tsx_ms, 1)]
    if settings.stays_on_udp:
        lines.append("pjsip_cfg()->endpt.disable_tcp_switch = PJ_TRUE;")
    if settings.crlf_s is not None:
        lines += [f"pjsip_cfg()->{each}.keep_alive_interval = {settings.crlf_s};" for each in ("tcp", "tls")]
    return lines


def _socket_options(settings: ClientSettings) -> str:
    """Return them in both places: for TLS pjsua reads them from its own place alone."""
    lines = ["/* pjsua_transport_config tp_cfg; the values must outlive it */"]
    options = settings.socket_options
    lines.append(f"static int values[] = {{ {', '.join(map(str, options.values()))} }};")
    lines.append(f"pj_sockopt_params params = {{ .cnt = {len(options)} }};")
    for at, option in enumerate(options):
        level = "SOL_SOCKET" if option.name.startswith("SO_") else "IPPROTO_TCP"
        lines.append(f"params.options[{at}].level = {level};")
        lines.append(f"params.options[{at}].optname = {option.name};")
        lines.append(f"params.options[{at}].optval = &values[{at}];")
        lines.append(f"params.options[{at}].optlen = sizeof(int);")
    lines += ["tp_cfg.sockopt_params = params;              /* TCP */"]
    lines += ["tp_cfg.tls_setting.sockopt_params = params;  /* TLS */", ""]
    return "\n".join(lines)


def _value(path: str, value: int | str) -> str:
    if path == "callConfig.timerUse":
        return "PJSUA_SIP_TIMER_ALWAYS"
    if path == "natConfig.sipOutboundUse":
        return "PJ_TRUE" if value else "PJ_FALSE"
    return f'pj_str("{value}")' if isinstance(value, str) else str(value)
