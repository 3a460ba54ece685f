"""Kamailio's configuration: what each setting changes in it."""

from __future__ import annotations

from typing import Any

import pytest

from lab.servers.authentication import AuthenticationSettings
from lab.servers.kamailio.config import Certificates, Pings, ServerFeatures, render_tls
from tests.unit.kamailio_settings import AUTHENTICATING, SETTINGS, configuration


def tls(certificates: Certificates = Certificates(), **changes: Any) -> str:  # noqa: B008  (immutable)
    return render_tls(SETTINGS._replace(**changes), certificates)


@pytest.mark.parametrize("authentication", [None, AUTHENTICATING])
def test_nothing_is_left_to_fill_in(authentication: AuthenticationSettings | None) -> None:
    assert "@" not in configuration(authentication=authentication).replace('"@lab "', "")


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"address": "203.0.113.9"}, "listen=tls:203.0.113.9:5061"),
        ({"ports": {"udp": 5070}}, "listen=udp:203.0.113.10:5070"),
        ({"further": ["203.0.113.20"]}, "listen=tls:203.0.113.20:5061"),
        ({"answers_crlf": False}, "tcp_crlf_ping=no"),
        ({"notify_route": "contact"}, "tcp_no_connect=no"),
        ({"idle_after": 30.0}, "tcp_connection_lifetime=30"),
        ({"idle_after": 30.0}, 'modparam("tls", "connection_timeout", 30)'),
        ({"registration_expires": 77.0}, 'modparam("registrar", "max_expires", 77)'),
        ({"at_most": 5}, 'modparam("registrar", "max_contacts", 5)'),
        ({"at_most": 1, "removes_oldest": True}, '            if (save("location", "0x04")) {'),
        ({"removes_closed": True}, 'modparam("usrloc", "handle_lost_tcp", 1)'),
        ({"least_expires": 60.0}, '                append_to_reply("Min-Expires: 60\\r\\n");'),
        ({"on_gone_connection": "connect"}, "tcp_no_connect=no"),
        ({"on_gone_connection": "wait"}, "#!define WAITS"),
        ({"wanted": ServerFeatures(30)}, 'modparam("presence", "max_expires", 30)'),
        ({"wanted": ServerFeatures(600, outbound=True)}, 'modparam("registrar", "outbound_mode", 1)'),
        ({"wanted": ServerFeatures(600, outbound=True, flow_timer=25)}, 'modparam("registrar", "flow_timer", 25)'),
        ({"authentication": AUTHENTICATING}, "#!define WITH_AUTHENTICATION"),
        ({"authentication": AUTHENTICATING}, 'modparam("auth", "algorithm", "SHA-256")'),
        ({"authentication": AUTHENTICATING}, 'modparam("auth", "nonce_expire", 33)'),
        ({"authentication": AUTHENTICATING}, '    if (is_method("REGISTER|OPTIONS")) {'),
        (
            {"authentication": AUTHENTICATING._replace(methods=["INVITE", "OPTIONS"])},
            '    if (is_method("REGISTER|SUBSCRIBE|OPTIONS") && !t_newtran()) exit;',
        ),
        ({"authentication": AUTHENTICATING}, '        if (1 == 1 && $rm != "REGISTER") $var(challenge) = 407;'),
        ({"wanted": ServerFeatures(600, pings=Pings(20, 3))}, "#!define WITH_PINGS"),
        ({"wanted": ServerFeatures(600, pings=Pings(20, 3))}, 'modparam("nathelper", "natping_interval", 20)'),
        ({"wanted": ServerFeatures(600, pings=Pings(20, 3))}, 'modparam("nathelper", "keepalive_timeout", 60)'),
    ],
)
def test_each_setting_changes_the_configuration(changed: dict[str, Any], line: str) -> None:
    assert line not in configuration().splitlines()
    assert line in configuration(**changed).splitlines()


def test_a_contact_is_matched_by_its_uri_unless_a_device_is() -> None:
    """usrloc would compare the instance first, wherever it is named."""
    assert "#!define BY_CONTACT" in configuration().splitlines()
    assert "#!define BY_CONTACT" not in configuration(matches_by="instance").splitlines()
    assert "#!define BY_CONTACT" not in configuration(ServerFeatures(600, outbound=True)).splitlines()


def test_a_path_cannot_end_its_string() -> None:
    assert r'"a \"secret\"", "0");' in configuration(authentication=AUTHENTICATING)
    assert r'private_key = "/run folder/\"quoted\".key"' in tls().splitlines()
    assert 'modparam("tls", "config", "/cell folder/tls.cfg")' in configuration().splitlines()


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"key": None}, 'private_key = "/run folder/server.pem"'),
        ({"client_ca": "/run folder/ca.pem"}, "require_certificate = yes"),
        ({"client_ca": "/run folder/ca.pem"}, 'ca_list = "/run folder/ca.pem"'),
        ({"certificates": Certificates(expired=True)}, 'certificate = "/run folder/expired.pem"'),
        ({"certificates": Certificates(listed=True)}, 'crl = "/run folder/revoked.pem"'),
    ],
)
def test_each_setting_of_tls_changes_its_file(changed: dict[str, Any], line: str) -> None:
    """That of who connects; whom Kamailio connects to has no certificate that anybody could check."""
    about_clients, _, about_others = tls().partition("\n\n")
    assert line not in about_clients.splitlines()
    theirs, _, others = tls(**changed).partition("\n\n")
    assert line in theirs.splitlines()
    assert others == about_others


def test_it_says_who_a_client_is_only_if_it_asks() -> None:
    assert "tls_peer_subject_cn" not in configuration()
    assert "tls_peer_subject_cn" in configuration(client_ca="/run folder/ca.pem")


def test_flows_or_contacts() -> None:
    """By flow, what comes is taken to come from where it came; by contact, from where it says."""
    assert "#!define BY_FLOW" in configuration()
    assert "#!define BY_FLOW" not in configuration(notify_route="contact")
