"""The messages of RFC 4475, the torture tests of SIP, and what a server of SUBSCRIBE and REGISTER does with each."""

from __future__ import annotations

from dataclasses import dataclass

SDP = (
    "v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\n"
    "m=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n"
)
NOT_ALLOWED = 405
"""The server makes calls and takes none: what is right with an INVITE or a MESSAGE is refused by its method alone."""


@dataclass(frozen=True, kw_only=True)
class Torture:
    """A message.

    Attributes:
        section: of RFC 4475.
        head: start line and headers, lines ending with line feeds.
        body: behind the blank line.
        right: statuses that are right; 200: nothing is wrong with it; 0: no request, so nothing is answered.
        length: whether a Content-Length is to be added.
        ends: whether a stream can be read on behind it.
    """

    section: str
    head: str
    body: bytes = b""
    right: tuple[int, ...]
    length: bool = True
    ends: bool = True

    def data(self) -> bytes:
        """Return the message as bytes."""
        head = self.head.strip("\n").replace("\n", "\r\n")
        if self.length:
            head += f"\r\nl: {len(self.body)}"
        return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


def _of(start: str, *more: str, method: str = "", lost: tuple[str, ...] = (), **fields: str) -> str:
    """Return a head with the usual headers; ``fields`` replace them, by their names without ``-``."""
    usual = {
        "Via": "SIP/2.0/UDP host.example.com;branch=z9hG4bKkdjuw",
        "Max-Forwards": "70",
        "From": "sip:caller@example.net;tag=3ghsd41",
        "To": "sip:user@example.com",
        "Call-ID": "jfasdlfnm2o2l43r5u0asdfas",
        "CSeq": f"39234321 {method or start.split(' ', maxsplit=1)[0]}",
    }
    changed = {name: fields.get(name.replace("-", ""), value) for name, value in usual.items() if name not in lost}
    return "\n".join([start, *(f"{name}: {value}" for name, value in changed.items()), *more])


CONTACT = "Contact: <sip:caller@host5.example.net>"
WITH_SDP = (CONTACT, "Content-Type: application/sdp")
OPTIONS, INVITE = "OPTIONS sip:user@example.com SIP/2.0", "INVITE sip:user@example.com SIP/2.0"
REGISTER = "REGISTER sip:example.com SIP/2.0"
RESPONSE_FIELDS = (
    "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\nCall-ID: unreason.1234ksdfak3j2erwedfsASdf\nCSeq: 35 INVITE\n"
    "From: sip:user@example.com;tag=11141343\nTo: sip:user@example.edu;tag=2229"
)
LONG = "unknown-" + "long" * 40

VALID = {
    "wsinv": Torture(
        section="3.1.1.1",
        head=r"""
INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 150
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33
""",
        body=SDP.encode(),
        right=(481,),  # its To has a tag, and there is no such dialog (RFC 3261 §12.2.2)
        length=False,
    ),
    "intmeth": Torture(
        section="3.1.1.2",
        head=_of(
            "!interesting-Method0123456789_*+`.%indeed'~"
            " sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too."
            "(doesn't-it)@example.com SIP/2.0",
            "extensionHeader-!.%*+_`'~:\ufeff大停電",
            To='"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>',
            From="token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
            ";fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
            CallID="intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
        ),
        right=(501,),
    ),
    "esc01": Torture(
        section="3.1.1.3",
        head=_of(
            "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
            "Contact:\n <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>",
            "Content-Type: application/sdp",
            To="sip:%75se%72@example.com",
            From="<sip:I%20have%20spaces@example.net>;tag=938",
        ),
        body=SDP.encode(),
        right=(NOT_ALLOWED,),
    ),
    "escnull": Torture(
        section="3.1.1.4",
        head=_of(
            REGISTER,
            "Contact: <sip:%00@host5.example.com>",
            "Contact: <sip:%00%00@host5.example.com>",
            To="sip:null-%00-null@example.com",
            From="sip:null-%00-null@example.com;tag=839923423",
        ),
        right=(200,),
    ),
    "esc02": Torture(
        section="3.1.1.5",
        head=_of(
            "RE%47IST%45R sip:registrar.example.com SIP/2.0",
            "Contact: <sip:alias1@host1.example.com>",
            To='"%Z%45" <sip:resource@example.com>',
            From='"%Z%45" <sip:resource@example.com>;tag=f232jadfj23',
        ),
        right=(501,),
    ),
    "lwsdisp": Torture(
        section="3.1.1.6", head=_of(OPTIONS, From="caller<sip:caller@example.com>;tag=323"), right=(200,)
    ),
    "longreq": Torture(
        section="3.1.1.7",
        head=_of(
            INVITE,
            f"{LONG}-header: {LONG * 9}; {LONG}-parameter={LONG * 9}",
            *[f"Via: SIP/2.0/TCP sip{n}.example.com" for n in range(34)],
            *WITH_SDP,
            To=f'"I have a user name of {"extremely " * 20}proportion"<sip:user@example.com:6000;{LONG}={LONG * 5}>',
            From=f"sip:{'amazinglylongcallername' * 12}@example.net;tag=12{'982424' * 40};{LONG}={LONG}",
            CallID=f"longreq.one{'really' * 20}longcallid",
        ),
        body=SDP.encode(),
        right=(NOT_ALLOWED,),
    ),
    "dblreq": Torture(
        section="3.1.1.8",
        head=_of(REGISTER, "Contact: <sip:j.user@host.example.com>", To="sip:j.user@example.com")
        + "\nContent-Length: 0",
        body=_of(INVITE, *WITH_SDP).replace("\n", "\r\n").encode()
        + b"\r\nContent-Length: 150\r\n\r\n"
        + SDP.encode()[:150],
        right=(200,),
        length=False,
    ),
    "semiuri": Torture(
        section="3.1.1.9",
        head=_of(
            "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0",
            "Accept: application/sdp, application/pkcs7-mime",
        ),
        right=(200,),
    ),
    "transports": Torture(
        section="3.1.1.10",
        head=_of(
            OPTIONS,
            "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf",
            "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj",
            "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en",
            "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee",
            "l: 0",
        ),
        right=(200,),
        length=False,
    ),
    "mpart01": Torture(
        section="3.1.1.11",
        head=_of("MESSAGE sip:kumiko@example.org SIP/2.0", "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655"),
        body=b"--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9cbec02ceef655\r\n\r\n0\x82\x01R\x06"
        b"\t*\x86H\x86\xf7\r\n\r\n"
        b"\x00\xff\xfe--7a9cbec02ceef655--",
        right=(NOT_ALLOWED,),
    ),
    "unreason": Torture(
        section="3.1.1.12",
        head="SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое\n" + RESPONSE_FIELDS,
        body=SDP.encode(),
        right=(0,),
    ),
    "noreason": Torture(section="3.1.1.13", head="SIP/2.0 100 \n" + RESPONSE_FIELDS, right=(0,)),
}

INVALID = {
    "badinv01": Torture(
        section="3.1.2.1",
        head=_of(
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
        head=_of(INVITE, *WITH_SDP, "Content-Length: 9999"),
        body=SDP.encode(),
        right=(400,),
        length=False,
        ends=False,
    ),
    "ncl": Torture(
        section="3.1.2.3",
        head=_of(INVITE, *WITH_SDP, "Content-Length: -999"),
        body=SDP.encode(),
        right=(400,),
        length=False,
        ends=False,
    ),
    "scalar02": Torture(
        section="3.1.2.4",
        head=_of(
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
        head=_of(INVITE, *WITH_SDP, To='"Mr. J. User <sip:j.user@example.com>'),
        body=SDP.encode(),
        right=(400,),
    ),
    "ltgtruri": Torture(
        section="3.1.2.7", head=_of("INVITE <sip:user@example.com> SIP/2.0", *WITH_SDP), body=SDP.encode(), right=(400,)
    ),
    "lwsruri": Torture(
        section="3.1.2.8",
        head=_of("INVITE sip:user@example.com; lr SIP/2.0", *WITH_SDP),
        body=SDP.encode(),
        right=(400,),
    ),
    "lwsstart": Torture(
        section="3.1.2.9", head=_of("INVITE  sip:user@example.com  SIP/2.0", *WITH_SDP), body=SDP.encode(), right=(400,)
    ),
    "trws": Torture(section="3.1.2.10", head=_of("OPTIONS sip:remote-target@example.com SIP/2.0  "), right=(400,)),
    "escruri": Torture(
        section="3.1.2.11",
        head=_of("INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0", *WITH_SDP),
        body=SDP.encode(),
        right=(400, NOT_ALLOWED),
    ),
    "baddate": Torture(
        section="3.1.2.12",
        head=_of(INVITE, "Date: Fri, 01 Jan 2010 16:00:00 EST", *WITH_SDP),
        body=SDP.encode(),
        right=(400, NOT_ALLOWED),
    ),
    "regbadct": Torture(
        section="3.1.2.13",
        head=_of(REGISTER, "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"),
        right=(400,),
    ),
    "badaspec": Torture(
        section="3.1.2.14", head=_of(OPTIONS, To='"Watson, Thomas" < sip:t.watson@example.org >'), right=(400, 200)
    ),
    "baddn": Torture(
        section="3.1.2.15",
        head=_of(
            OPTIONS, From="Bell, Alexander <sip:a.g.bell@example.com>;tag=43", To="Watson, Thomas <sip:t@example.org>"
        ),
        right=(400, 200),
    ),
    "badvers": Torture(
        section="3.1.2.16",
        head=_of("OPTIONS sip:t.watson@example.org SIP/7.0", Via="SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw"),
        right=(505,),
    ),
    "mismatch01": Torture(section="3.1.2.17", head=_of(OPTIONS, CSeq="8 INVITE"), right=(400,)),
    "mismatch02": Torture(
        section="3.1.2.18",
        head=_of("NEWMETHOD sip:user@example.com SIP/2.0", *WITH_SDP, CSeq="8 INVITE"),
        body=SDP.encode(),
        right=(400, 501),
    ),
    "bigcode": Torture(
        section="3.1.2.19", head="SIP/2.0 4294967301 better not break the receiver\n" + RESPONSE_FIELDS, right=(0,)
    ),
}

MEANING = {
    "badbranch": Torture(section="3.2.1", head=_of(OPTIONS, Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"), right=(200,)),
    "insuf": Torture(
        section="3.3.1", head=_of(INVITE, *WITH_SDP, lost=("Call-ID", "From", "To")), body=SDP.encode(), right=(400,)
    ),
    "unkscm": Torture(
        section="3.3.2", head=_of("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0"), right=(416,)
    ),
    "novelsc": Torture(section="3.3.3", head=_of("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"), right=(416,)),
    "unksm2": Torture(
        section="3.3.4",
        head=_of(
            REGISTER, "Contact: <name:John_Smith>", To="isbn:2983792873", From="<http://www.example.com>;tag=3234233"
        ),
        right=(200, 400, 404),
    ),
    "bext01": Torture(
        section="3.3.5",
        head=_of(
            OPTIONS,
            "Require: nothingSupportsThis, nothingSupportsThisEither",
            "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis",
        ),
        right=(420,),
    ),
    "invut": Torture(
        section="3.3.6",
        head=_of(INVITE, "Content-Type: application/unknownformat", CONTACT),
        body=b"<audio>\r\n",
        right=(NOT_ALLOWED,),
    ),
    "regaut01": Torture(
        section="3.3.7",
        head=_of(
            REGISTER, "Contact: <sip:j.user@host.example.com>", "Authorization: NoOneKnowsThisScheme opaque-data=here"
        ),
        right=(200,),
    ),
    "multi01": Torture(
        section="3.3.8",
        head=_of(
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
        head=_of(OPTIONS, "Content-Length: 13", "Content-Length: 5"),
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
    "zeromf": Torture(section="3.3.11", head=_of(OPTIONS, MaxForwards="0"), right=(200,)),
    "cparam01": Torture(
        section="3.3.12", head=_of(REGISTER, "Contact: sip:+19725552222@gw1.example.net;unknownparam"), right=(200,)
    ),
    "cparam02": Torture(
        section="3.3.13", head=_of(REGISTER, "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"), right=(200,)
    ),
    "regescrt": Torture(
        section="3.3.14",
        head=_of(REGISTER, "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),
        right=(200,),
    ),
    "sdp01": Torture(
        section="3.3.15",
        head=_of(INVITE, *WITH_SDP, "Accept: text/nobodyKnowsThis"),
        body=SDP.encode(),
        right=(NOT_ALLOWED, 406),
    ),
    "inv2543": Torture(
        section="3.4.1",
        head=_of(
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

MESSAGES = {**VALID, **INVALID, **MEANING}
"""By the names that RFC 4475 gives them."""
