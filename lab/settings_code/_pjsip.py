"""Shares between the languages for pjsip: names of fields, parts that only the build can set, notes."""

from __future__ import annotations

from collections.abc import Iterator

from lab.settings_code.noted import ClientSettings

C_FIELDS = {
    "natConfig.udpKaIntervalSec": "ka_interval",
    "natConfig.sipOutboundUse": "use_rfc5626",
    "natConfig.sipOutboundRegId": "rfc5626_reg_id",
    "natConfig.sipOutboundInstanceId": "rfc5626_instance_id",
    "regConfig.contactUriParams": "reg_contact_uri_params",
    "callConfig.timerUse": "use_timer",
    "callConfig.timerSessExpiresSec": "timer_setting.sess_expires",
    "callConfig.timerMinSESec": "timer_setting.min_se",
}
"""Fields of ``pjsua_acc_config`` (pjsua.h), by their names in ``pjsua2.AccountConfig`` (account.hpp)."""

REGISTRAR = "sip:example.com"
"""In the place of the user's registrar."""
_PERIODIC = {
    "send_options": "send OPTIONS",
    "refresh_subscription": "send SUBSCRIBE within the dialog (pjsip_evsub_initiate, pjsip_evsub_send_request)",
    "resubscribe": "end the subscription and subscribe anew (as Buddy.subscribePresence)",
}


def build_lines(settings: ClientSettings, *, at_run_time: bool) -> list[str]:
    """Return lines for ``config_site.h``.

    Args:
        settings: those of the strategy.
        at_run_time: whether the language reaches ``pjsip_cfg()``; then only what no release has at run time is here.
    """
    lines = []
    if settings.idle_s is not None:
        lines.append(f"#define PJSIP_TRANSPORT_IDLE_TIME {settings.idle_s}")
    if at_run_time:
        return lines
    if settings.crlf_s is not None:
        lines += [f"#define PJSIP_{each}_KEEP_ALIVE_INTERVAL {settings.crlf_s}" for each in ("TCP", "TLS")]
    if settings.tsx_ms is not None:
        lines += [f"#define PJSIP_T{number}_TIMEOUT {ms}" for number, ms in enumerate(settings.tsx_ms, 1)]
    if settings.stays_on_udp:
        lines.append("#define PJSIP_DONT_SWITCH_TO_TCP 1")
    return lines


def notes(settings: ClientSettings, *, written: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield what the code does not do.

    Args:
        settings: those of the strategy.
        written: methods of `ClientSettings.periodic`, and kinds of mitigations, that the code does.
    """
    for interval, method in settings.periodic:
        if method not in written:
            yield f"Not in the code: {_PERIODIC[method]} every {interval:g} s."
    for ported in settings.ported:
        if ported.kind not in written:
            yield f"`{ported.kind}` is code, not a setting; port {ported.module}: {ported.what}."


def account(settings: ClientSettings) -> dict[str, int | str]:
    """Return the fields of ``pjsua2.AccountConfig``, with those of the registration."""
    if settings.register_s is None:
        return settings.account
    return {
        "regConfig.registrarUri": REGISTRAR,
        "regConfig.timeoutSec": settings.register_s,
        **settings.account,
    }
