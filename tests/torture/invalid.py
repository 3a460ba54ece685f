"""Messages that break the grammar (RFC 4475 §3.1.2)."""

from __future__ import annotations

from tests.torture.message import (
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

INVALID = {
    "badinv01": Torture(
        section="3.1.2.1",
        head=head_of(
            INVITE,
            'Contact: "Joe" <sip:joe@example.org>;;;;',
            "Content-Type: application/sdp",
            Via="SIP/2.0/UDP 192.0.2.15;;,;,,",
        ),
        body=SDP.encode(),
        right=(400,),
    ),
    "clerr": Torture(
        section="3.1.2.2",
        head=head_of(INVITE, *WITH_SDP, "Content-Length: 9999"),
        body=SDP.encode(),
        right=(400,),
        length=False,
        ends=False,
    ),
    "ncl": Torture(
        section="3.1.2.3",
        head=head_of(INVITE, *WITH_SDP, "Content-Length: -999"),
        body=SDP.encode(),
        right=(400,),
        length=False,
        ends=False,
    ),
    "scalar02": Torture(
        section="3.1.2.4",
        head=head_of(
            REGISTER,
            "Expires: 1" + "0" * 100,
            "Contact: <sip:user@host129.example.com>;expires=280297596632815",
            MaxForwards="300",
            CSeq="36893488147419103232 REGISTER",
        ),
        right=(400,),
    ),
    "scalarlg": Torture(
        section="3.1.2.5",
        head="SIP/2.0 503 Service Unavailable\n"
        + RESPONSE_FIELDS.replace("35 INVITE", "9292394834772304023312 OPTIONS")
        + '\nRetry-After: 949302838503028349304023988\nWarning: 1812 overture "In Progress"',
        right=(0,),
    ),
    "quotbal": Torture(
        section="3.1.2.6",
        head=head_of(INVITE, *WITH_SDP, To='"Mr. J. User <sip:j.user@example.com>'),
        body=SDP.encode(),
        right=(400,),
    ),
    "ltgtruri": Torture(
        section="3.1.2.7",
        head=head_of("INVITE <sip:user@example.com> SIP/2.0", *WITH_SDP),
        body=SDP.encode(),
        right=(400,),
    ),
    "lwsruri": Torture(
        section="3.1.2.8",
        head=head_of("INVITE sip:user@example.com; lr SIP/2.0", *WITH_SDP),
        body=SDP.encode(),
        right=(400,),
    ),
    "lwsstart": Torture(
        section="3.1.2.9",
        head=head_of("INVITE  sip:user@example.com  SIP/2.0", *WITH_SDP),
        body=SDP.encode(),
        right=(400,),
    ),
    "trws": Torture(section="3.1.2.10", head=head_of("OPTIONS sip:remote-target@example.com SIP/2.0  "), right=(400,)),
    "escruri": Torture(
        section="3.1.2.11",
        head=head_of("INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0", *WITH_SDP),
        body=SDP.encode(),
        right=(400, NOT_ALLOWED),
    ),
    "baddate": Torture(
        section="3.1.2.12",
        head=head_of(INVITE, "Date: Fri, 01 Jan 2010 16:00:00 EST", *WITH_SDP),
        body=SDP.encode(),
        right=(400, NOT_ALLOWED),
    ),
    "regbadct": Torture(
        section="3.1.2.13",
        head=head_of(REGISTER, "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"),
        right=(400,),
    ),
    "badaspec": Torture(
        section="3.1.2.14", head=head_of(OPTIONS, To='"Watson, Thomas" < sip:t.watson@example.org >'), right=(400, 200)
    ),
    "baddn": Torture(
        section="3.1.2.15",
        head=head_of(
            OPTIONS, From="Bell, Alexander <sip:a.g.bell@example.com>;tag=43", To="Watson, Thomas <sip:t@example.org>"
        ),
        right=(400, 200),
    ),
    "badvers": Torture(
        section="3.1.2.16",
        head=head_of("OPTIONS sip:t.watson@example.org SIP/7.0", Via="SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw"),
        right=(505,),
    ),
    "mismatch01": Torture(section="3.1.2.17", head=head_of(OPTIONS, CSeq="8 INVITE"), right=(400,)),
    "mismatch02": Torture(
        section="3.1.2.18",
        head=head_of("NEWMETHOD sip:user@example.com SIP/2.0", *WITH_SDP, CSeq="8 INVITE"),
        body=SDP.encode(),
        right=(400, 501),
    ),
    "bigcode": Torture(
        section="3.1.2.19", head="SIP/2.0 4294967301 better not break the receiver\n" + RESPONSE_FIELDS, right=(0,)
    ),
}
