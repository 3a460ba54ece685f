"""Messages that can be read; what counts is what they mean (RFC 4475 §3.2 to §3.4)."""

from __future__ import annotations

from tests.torture.message import (
    CONTACT,
    INVITE,
    NOT_ALLOWED,
    OPTIONS,
    REGISTER,
    RESPONSE_FIELDS,
    SDP,
    WITH_SDP,
    Torture,
    head_of,
)

MEANING = {
    "badbranch": Torture(
        section="3.2.1", head=head_of(OPTIONS, Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"), right=(200,)
    ),
    "insuf": Torture(
        section="3.3.1",
        head=head_of(INVITE, *WITH_SDP, lost=("Call-ID", "From", "To")),
        body=SDP.encode(),
        right=(400,),
    ),
    "unkscm": Torture(
        section="3.3.2", head=head_of("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0"), right=(416,)
    ),
    "novelsc": Torture(section="3.3.3", head=head_of("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"), right=(416,)),
    "unksm2": Torture(
        section="3.3.4",
        head=head_of(
            REGISTER, "Contact: <name:John_Smith>", To="isbn:2983792873", From="<http://www.example.com>;tag=3234233"
        ),
        right=(200, 400, 404),
    ),
    "bext01": Torture(
        section="3.3.5",
        head=head_of(
            OPTIONS,
            "Require: nothingSupportsThis, nothingSupportsThisEither",
            "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis",
        ),
        right=(420,),
    ),
    "invut": Torture(
        section="3.3.6",
        head=head_of(INVITE, "Content-Type: application/unknownformat", CONTACT),
        body=b"<audio>\r\n",
        right=(NOT_ALLOWED,),
    ),
    "regaut01": Torture(
        section="3.3.7",
        head=head_of(
            REGISTER, "Contact: <sip:j.user@host.example.com>", "Authorization: NoOneKnowsThisScheme opaque-data=here"
        ),
        right=(200,),
    ),
    "multi01": Torture(
        section="3.3.8",
        head=head_of(
            INVITE,
            "CSeq: 59 INVITE",
            "Call-ID: multi01.98asdh@192.0.2.2",
            "To: <sip:other@example.net>",
            "From: <sip:other@example.net>;tag=392",
            "Max-Forwards: 5",
            *WITH_SDP,
        ),
        body=SDP.encode(),
        right=(400,),
    ),
    "mcl01": Torture(
        section="3.3.9",
        head=head_of(OPTIONS, "Content-Length: 13", "Content-Length: 5"),
        body=b"There's no way to know how many octets are here.",
        right=(400,),
        length=False,
        ends=False,
    ),
    "bcast": Torture(
        section="3.3.10",
        head="SIP/2.0 200 OK\n" + RESPONSE_FIELDS.replace("192.0.2.198", "255.255.255.255"),
        body=SDP.encode(),
        right=(0,),
    ),
    "zeromf": Torture(section="3.3.11", head=head_of(OPTIONS, MaxForwards="0"), right=(200,)),
    "cparam01": Torture(
        section="3.3.12", head=head_of(REGISTER, "Contact: sip:+19725552222@gw1.example.net;unknownparam"), right=(200,)
    ),
    "cparam02": Torture(
        section="3.3.13",
        head=head_of(REGISTER, "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"),
        right=(200,),
    ),
    "regescrt": Torture(
        section="3.3.14",
        head=head_of(REGISTER, "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),
        right=(200,),
    ),
    "sdp01": Torture(
        section="3.3.15",
        head=head_of(INVITE, *WITH_SDP, "Accept: text/nobodyKnowsThis"),
        body=SDP.encode(),
        right=(NOT_ALLOWED, 406),
    ),
    "inv2543": Torture(
        section="3.4.1",
        head=head_of(
            INVITE,
            *WITH_SDP,
            lost=("Max-Forwards",),
            Via="SIP/2.0/UDP iftgw.example.com",
            From="<sip:+13035551111@ift.client.example.net;user=phone>",
        ),
        body=SDP.encode(),
        right=(NOT_ALLOWED,),
    ),
}
