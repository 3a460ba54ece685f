"""Strategies as code: what stands there is what the lab's own client and server set, and nothing is left out."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.cli.show import show_code
from lab.clients.baresip import settings as baresip_settings
from lab.clients.catalog import find
from lab.clients.linphone import settings as linphone_settings
from lab.clients.pjsip.pjsua2_wheel import pj
from lab.clients.sipjs import packages
from lab.errors import ScenarioError
from lab.loader import catalog
from lab.mitigations.base import ClientSide, ServerSide
from lab.model.scenario import Strategy
from lab.settings_code import Snippet, languages, snippets
from tests.unit.recording_client import RecordingClient

STRATEGIES = catalog.strategy_names()
OTHERS = {"baresip", "linphone", "sipjs"}
"""They have settings for some mitigations."""
PJSIP = ("c", "python", "kotlin", "swift")

HEADERS = {
    "sip_config.h": {
        "pjsip_cfg", "disable_tcp_switch", "endpt", "keep_alive_interval", "t1", "t2", "tcp", "tls", "tsx",
        "PJSIP_DONT_SWITCH_TO_TCP", "PJSIP_T1_TIMEOUT", "PJSIP_T2_TIMEOUT", "PJSIP_TCP_KEEP_ALIVE_INTERVAL",
        "PJSIP_TLS_KEEP_ALIVE_INTERVAL", "PJSIP_TRANSPORT_IDLE_TIME",
    },
    "pjsua.h": {
        "pjsua_init", "pjsua_acc_config", "pjsua_acc_config_default", "pjsua_transport_config", "pjsua_schedule_timer2",
        "pjsua_get_pjsip_endpt", "reg_uri", "reg_timeout", "ka_interval", "use_rfc5626", "rfc5626_reg_id",
        "rfc5626_instance_id", "use_timer", "timer_setting", "sockopt_params", "tls_setting", "cb",
        "on_transport_state", "PJSUA_SIP_TIMER_ALWAYS", "reg_contact_uri_params",
    },
    "sip_timer.h": {"sess_expires", "min_se"},
    "sip_transport.h": {
        "pjsip_transport", "pjsip_transport_add_ref", "pjsip_transport_dec_ref", "pjsip_transport_state",
        "pjsip_transport_state_info", "PJSIP_TP_STATE_CONNECTED", "PJSIP_TP_STATE_DESTROY", "pjsip_tx_data",
    },
    "sip_util.h": {"pjsip_endpt_create_request", "pjsip_endpt_send_request"},
    "sip_msg.h": {"pjsip_options_method"},
    "pj/sock.h": {"pj_sockopt_params", "cnt", "options", "level", "optname", "optval", "optlen"},
    "pj/types.h": {"PJ_TRUE", "PJ_FALSE", "PJ_SUCCESS", "PJ_ARRAY_SIZE", "PJ_UNUSED_ARG", "pj_str", "pj_str_t"},
    "sys/socket.h, netinet/tcp.h": {
        "SOL_SOCKET", "IPPROTO_TCP", "SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT",
    },
}  # fmt: skip
"""Names of pjproject 2.15 that the code in C uses, by the header that declares them."""
OWN = {"acc_cfg", "tp_cfg", "ua_cfg", "values", "params", "held", "tp", "state", "info", "i", "ping", "unused"}
OWN |= {"target", "from", "tdata"}
KEYWORDS = {"static", "void", "const", "unsigned", "int", "if", "else", "for", "return", "sizeof", "NULL", "define"}


def written(name: str) -> dict[str, Snippet]:
    return {each["language"]: each for each in snippets(catalog.strategy(name))}


def fields(config: Any) -> dict[str, object]:
    """The values of an ``AccountConfig`` that any strategy sets, and those beside them."""
    parts = ("regConfig", "natConfig", "callConfig")
    return {
        f"{part}.{name}": value
        for part in parts
        for name in dir(getattr(config, part))
        if not name.startswith("_") and isinstance(value := getattr(getattr(config, part), name), int | str)
    }


def options(config: Any) -> list[list[tuple[int, int]]]:
    places = (config.sockOptParams, config.tlsConfig.sockOptParams)
    return [[(each.level, each.optName) for each in place.sockOpts] for place in places]


@pytest.mark.parametrize("name", STRATEGIES)
def test_python_sets_what_the_client_of_the_lab_sets(name: str) -> None:
    """The code runs with the real pjsua2; its values are those that the mitigations write into another config."""
    found = written(name)
    account, transport = pj.AccountConfig(), pj.TransportConfig()
    scope: dict[str, Any] = {"pj": pj, "account": account, "transport": transport}
    exec(found["python"]["code"] if "python" in found else "", scope)
    client = RecordingClient()
    own = pj.AccountConfig()
    for one in catalog.strategy(name).mitigations:
        if isinstance(one, ClientSide):
            one.attach(client)
    for change in client.account_changes:
        change(own)
    registers = next((one for one in catalog.strategy(name).mitigations if one.kind == "register"), None)
    if registers is not None:
        own.regConfig.registrarUri, own.regConfig.timeoutSec = "sip:example.com", int(registers.expiry)
    assert fields(account) == fields(own)
    if name != "none" and client.options:
        assert options(transport) == [[option.value for option in client.options]] * 2
        assert re.findall(r"SockOpt\(\d+, \d+, (\d+)\)", found["python"]["code"]) == list(
            map(str, client.options.values())
        )
    else:
        assert options(transport) == [[], []]


def test_a_ping_in_python_asks_for_what_the_client_of_the_lab_asks_for() -> None:
    sent: list[Any] = []

    class Account:
        def sendRequest(self, request: Any) -> None:  # noqa: N802  (pjsua2's name)
            sent.append((request.method, request.txOption.targetUri))

    scope: dict[str, Any] = {"pj": pj}
    exec(written("options-ping-25s")["python"]["code"], scope)
    scope["ping"](Account())
    assert sent == [("OPTIONS", "sip:example.com")]


@pytest.mark.parametrize("name", STRATEGIES)
def test_names_in_c_are_those_of_the_headers(name: str) -> None:
    code = written(name).get("c", {"code": ""})["code"]
    code = re.sub(r'/\*.*?\*/|"[^"]*"', "", code, flags=re.DOTALL)
    names = set(re.findall(r"[A-Za-z_]\w*", code)) - OWN - KEYWORDS
    assert names <= set().union(*HEADERS.values())
    assert code.count("{") == code.count("}")
    assert code.count("(") == code.count(")")


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_mitigation_is_in_code_or_note(name: str) -> None:
    """In each language of its side: a parameter's value stands there, or the note names what to port."""
    found = written(name)
    strategy = catalog.strategy(name)
    sides = {type(one).side for one in strategy.mitigations}
    assert set(found) - OTHERS == (set(PJSIP) if "client" in sides else set()) | (
        {"kamailio"} if "server" in sides else set()
    )
    for language, snippet in found.items():
        base = ServerSide if language == "kamailio" else ClientSide
        text = snippet["code"] + snippet["note"]
        assert text
        for one in strategy.mitigations:
            if isinstance(one, base) and language in OTHERS and one.kind not in (find(language).offers or ()):
                assert f"`{one.kind}`" in snippet["note"]
            elif isinstance(one, base) and language not in OTHERS:
                alone = Strategy(name="alone", mitigations=(one,))
                (only,) = (each for each in snippets(alone) if each["language"] == language)
                assert only["code"] or only["note"]
                assert all(line in text for line in only["code"].splitlines() if "#define" in line or "=" in line)


def test_values_follow_the_parameters() -> None:
    """Another interval is another number, in each language."""
    for kind, key, words in (
        ("crlf-keepalive", "interval", PJSIP),
        ("idle-time", "time", PJSIP),
        ("register", "expiry", PJSIP),
        ("short-expiry", "expiry", ("kamailio",)),
        ("server-options", "interval", ("kamailio",)),
        ("flow-timer", "time", ("kamailio",)),
    ):
        scenario = {"title": "t", "topology": "home-nat", "probes": [{"at": "45 s"}], "ends": "60 s"}
        entry = {"name": "mine", "mitigations": [{kind: {key: "4711 s"}}]}
        (cell,) = lab.build({**scenario, "middlebox": "never-forgets", "strategy": entry}).cells
        found = {each["language"]: each["code"] for each in snippets(cell.strategy)}
        assert set(found) - OTHERS == set(words)
        assert all("4711" in code for code in found.values()), kind


def test_kamailio_knows_each_parameter() -> None:
    """They are in the configuration with which the lab runs Kamailio."""
    template = (Path(lab.__file__).parent / "servers" / "kamailio" / "template.cfg").read_text(encoding="utf-8")
    known = set(re.findall(r'modparam\("([\w|]+)", "(\w+)"', template))
    used = {
        pair
        for name in STRATEGIES
        for pair in re.findall(r'modparam\("(\w+)", "(\w+)"', written(name).get("kamailio", {"code": ""})["code"])
    }
    assert len(used) > 5
    assert used <= {(each, name) for modules, name in known for each in modules.split("|")}


@pytest.mark.parametrize("name", STRATEGIES)
def test_linphone_and_baresip_are_told_what_the_lab_tells_them(name: str) -> None:
    """Each line, or part of one, is in the files that the lab writes for them."""
    found = written(name)
    mitigations = {one.kind: one for one in catalog.strategy(name).mitigations}
    expiry = int(mitigations["register"].expiry) if "register" in mitigations else 3600
    common: dict[str, Any] = {"server": "192.0.2.1", "port": 5061, "transport": "tls", "user": "me", "peer": "you"}
    common |= {"domain": "example.com", "registers": "register" in mitigations, "subscribes": False, "expires": expiry}
    if "linphone" in found:
        keep = next((one.interval for kind, one in mitigations.items() if kind.endswith("keepalive")), 0)
        theirs = linphone_settings.Settings(**common, keep_alive=int(keep or 0))
        assert set(found["linphone"]["code"].splitlines()) <= set(theirs.text().splitlines())
    if "baresip" in found:
        account = baresip_settings.Settings(**common, outbound="outbound" in mitigations).account()
        assert set(found["baresip"]["code"].strip().split(";")) <= set(account.split(";"))
    assert ("baresip" in found) == bool({"register", "outbound"} & set(mitigations))


SIPJS_CHECK = """
const { UserAgent, Registerer } = require("sip.js");
globalThis.setInterval = (act, ms) => { globalThis.every = ms; globalThis.ping = act; };
CODE
const requests = [];
userAgent.userAgentCore.request = (message) => requests.push(message.method);
if (globalThis.ping) globalThis.ping();
console.log(JSON.stringify({
  interval: userAgent.transport.configuration.keepAliveInterval, expires: registerer.expires,
  reconnects: Boolean(userAgent.delegate?.onDisconnect), every: globalThis.every ?? 0, requests,
}));
process.exit(0);
"""


@pytest.mark.skipif(bool(packages.lack()), reason=f"SIP.js is not installed: {packages.INSTALL}")
@pytest.mark.parametrize("name", [name for name in STRATEGIES if "sipjs" in written(name)])
def test_sipjs_takes_it(name: str) -> None:
    """The code runs with the real SIP.js, and its objects have the values of the mitigations."""
    code = SIPJS_CHECK.replace("CODE", written(name)["sipjs"]["code"])
    environment = {"NODE_PATH": str(packages.folder()), "PATH": os.environ["PATH"]}
    done = subprocess.run([packages.node(), "-e", code], env=environment, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout.splitlines()[-1])
    mitigations: dict[str, Any] = {one.kind: one for one in catalog.strategy(name).mitigations}
    assert seen["interval"] == (mitigations["crlf-keepalive"].interval if "crlf-keepalive" in mitigations else 0)
    assert seen["expires"] == (mitigations["register"].expiry if "register" in mitigations else 600)
    assert seen["reconnects"] == ("reconnect" in mitigations)
    pings = "options-ping" in mitigations
    assert (seen["every"], seen["requests"]) == (
        (1000 * mitigations["options-ping"].interval, ["OPTIONS"]) if pings else (0, [])
    )


def test_languages_are_found_by_being_there() -> None:
    folder = Path(lab.__file__).parent / "settings_code"
    assert set(languages()) == {*PJSIP, "kamailio", *OTHERS}
    assert len(languages()) == len(list(folder.glob("[!_]*.py"))) - 2


def test_nothing_to_set() -> None:
    assert snippets(catalog.strategy("none")) == ()


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_code(["crlf-30s-idle-600s", "none"], "c") == 0
    out = capsys.readouterr().out
    assert "#define PJSIP_TRANSPORT_IDLE_TIME 600" in out
    assert "pjsip_cfg()->tls.keep_alive_interval = 30;" in out
    assert "none: nothing to set in this language" in out
    assert "kotlin" not in out


@pytest.mark.parametrize(
    ("names", "language", "problem"),
    [
        (["crlf-30s"], "cobol", "no such language, got cobol"),
        (["crlf-3s"], "c", "no such thing, got `crlf-3s`"),
        (["aws-natgw"], "c", "no such thing, got `aws-natgw`"),
    ],
)
def test_show_what_is_not_there(names: list[str], language: str, problem: str) -> None:
    with pytest.raises(ScenarioError, match=problem):
        show_code(names, language)
