"""Messages that are valid, however odd they look (RFC 4475 §3.1.1)."""

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
        head=head_of(
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
        head=head_of(
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
        head=head_of(
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
        head=head_of(
            "RE%47IST%45R sip:registrar.example.com SIP/2.0",
            "Contact: <sip:alias1@host1.example.com>",
            To='"%Z%45" <sip:resource@example.com>',
            From='"%Z%45" <sip:resource@example.com>;tag=f232jadfj23',
        ),
        right=(501,),
    ),
    "lwsdisp": Torture(
        section="3.1.1.6", head=head_of(OPTIONS, From="caller<sip:caller@example.com>;tag=323"), right=(200,)
    ),
    "longreq": Torture(
        section="3.1.1.7",
        head=head_of(
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
        head=head_of(REGISTER, "Contact: <sip:j.user@host.example.com>", To="sip:j.user@example.com")
        + "\nContent-Length: 0",
        body=head_of(INVITE, *WITH_SDP).replace("\n", "\r\n").encode()
        + b"\r\nContent-Length: 150\r\n\r\n"
        + SDP.encode()[:150],
        right=(200,),
        length=False,
    ),
    "semiuri": Torture(
        section="3.1.1.9",
        head=head_of(
            "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0",
            "Accept: application/sdp, application/pkcs7-mime",
        ),
        right=(200,),
    ),
    "transports": Torture(
        section="3.1.1.10",
        head=head_of(
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
        head=head_of(
            "MESSAGE sip:kumiko@example.org SIP/2.0", "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655"
        ),
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
