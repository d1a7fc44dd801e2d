"""The inspectors on real messages, through the core's own decoding and folding."""

import base64
import email.message
import email.policy
import email.utils
import io
import json
import zipfile

import pytest

from smtpgw import ConfigError, Gateway, Inspector, InspectorError, Verdict, config
from smtpgw._core import Scanner
from smtpgw.discovery import build
from smtpgw.inspector import roster
from smtpgw.inspectors.urls import Urls

# In two pieces, so that scanners leave this file alone.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + rb"ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


@pytest.fixture
def judge():
    def judge(message, *inspectors, overrides=()):
        settings = config.default(overrides=overrides)
        scanner = Scanner(settings.to_core_json(), roster(inspectors or build(settings)), threads=2)
        return json.loads(scanner.scan(message if isinstance(message, bytes) else message.as_bytes()))

    return judge


def letter(text="Hello.\n", **header):
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = "Anna <anna@sender.example>"
    message["To"] = "Ben <ben@recipient.example>"
    message["Date"] = email.utils.localtime()
    message["Message-ID"] = "<1@sender.example>"
    message["Subject"] = "Hello"
    for name, value in header.items():
        message[name] = value
    message.set_content(text)
    return message


def packed(name, data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def test_clean(judge):
    verdict = judge(letter())["verdict"]
    assert (verdict["action"], verdict["score"], verdict["by"]) == ("accept", 0.0, "")


def test_eicar_attached(judge):
    message = letter()
    message.add_attachment(EICAR, maintype="application", subtype="pdf", filename="invoice.pdf")
    verdict = judge(message)["verdict"]
    assert (verdict["action"], verdict["by"]) == ("reject", "yara")
    assert verdict["reason"] == "rule eicar:EICAR in invoice.pdf"


def test_eicar_in_archives(judge):
    message = letter()
    inner = packed("a/b.com", EICAR)
    message.add_attachment(packed("inner.zip", inner), maintype="application", subtype="zip", filename="outer.zip")
    verdict = judge(message)["verdict"]
    assert (verdict["action"], verdict["by"]) == ("reject", "yara")


def test_eicar_in_a_forwarded_message(judge):
    inner = letter()
    inner.add_attachment(EICAR, maintype="application", subtype="octet-stream", filename="x")
    message = letter()
    message.add_attachment(inner)
    assert judge(message)["verdict"]["by"] == "yara"


def test_gtube(judge):
    report = judge(letter(f"Hello\n{GTUBE}\n"))
    assert (report["verdict"]["action"], report["verdict"]["by"]) == ("reject", "score")
    assert report["verdict"]["symbols"] == ["GTUBE=1000"]


def test_points_mark_below_the_threshold(judge):
    report = judge(letter(f"Hello\n{GTUBE}\n"), overrides=["verdict.reject_score=2000"])
    assert report["verdict"]["action"] == "accept"
    assert "X-Spam-Flag: YES\r\n" in report["added_header"]


@pytest.mark.parametrize(
    "page",
    [
        '<a href="http://bad.example/">x</a>',
        '<a href="http://good.example@b&#97;d.example/">x</a>',
        "<p>http://www.bad.example/</p>",
    ],
)
@pytest.mark.parametrize("declared", ["text/html", "application/octet-stream", "image/png"])
def test_urls_whatever_the_declared_type(judge, page, declared):
    message = letter()
    maintype, subtype = declared.split("/")
    message.add_attachment(page.encode(), maintype=maintype, subtype=subtype, filename="page")
    verdict = judge(message)["verdict"]
    assert (verdict["action"], verdict["by"]) == ("reject", "urls")
    assert "bad.example" in verdict["reason"]


@pytest.mark.parametrize("charset", ["utf-16", "utf-8-sig", "utf-32"])
def test_urls_in_wide_text(judge, charset):
    message = letter()
    data = "see http://bad.example/".encode(charset)
    message.add_attachment(data, maintype="application", subtype="octet-stream", filename="x.txt")
    assert judge(message)["verdict"]["by"] == "urls"


LINK = "see http://bad.example/ now"


@pytest.mark.parametrize(
    ("charset", "octets"),
    [
        ("utf-7", b"see +AGgAdAB0AHAAOgAvAC8AYgBhAGQALgBlAHgAYQBtAHAAbABl-/ now"),
        ("us-ascii", b"+/v8-see +AGgAdAB0AHAAOgAvAC8AYgBhAGQALgBlAHgAYQBtAHAAbABl-/ now"),
        ("utf-16", LINK.encode("utf-16-be")),
        ("utf-16", LINK.encode("utf-16-le")),
        ("utf-8", LINK.encode("utf-16-le")),
        ("us-ascii", (LINK + " \u20ac").encode("utf-16-be")),
        ("utf-32", LINK.encode("utf-32-le")),
        ("cp037", LINK.encode("cp037")),
        ("cp037", LINK.encode()),
        ("utf-7", LINK.encode()),
        ("hz-gb-2312", b"see http://ba~\nd.example/ now"),
        ("utf-16", b"\xff\xfe" + LINK.encode()),
        ("us-ascii", LINK.replace("bad", "b\0ad").encode() + b"x" * 80),
    ],
)
def test_urls_in_any_charset(judge, charset, octets):
    header = (
        f"From: a@b.example\r\nContent-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: base64\r\n"
    )
    verdict = judge(header.encode() + b"\r\n" + base64.encodebytes(octets))["verdict"]
    assert (verdict["action"], verdict["by"]) == ("reject", "urls")


def test_urls_may_give_points(judge):
    report = judge(letter("http://bad.example/\n"), Urls(action="score", points=7))
    assert report["verdict"]["action"] == "accept"
    assert report["verdict"]["symbols"] == ["BLOCKED_URL=7"]
    assert "X-Spam-Flag: YES" in report["added_header"]


def test_the_sanity_of_a_header(judge):
    report = judge(b"Subject: a\r\nSubject: b\r\n\r\nx\r\n")
    assert report["verdict"]["symbols"] == [
        "MISSING_DATE=1", "MISSING_FROM=2", "MISSING_MESSAGE_ID=0.5", "SEVERAL_SUBJECT=2"
    ]  # fmt: skip


def test_spam_in_an_encoded_subject_and_body(judge):
    message = letter("You have won the big lottery prize today!\n")
    report = judge(message)
    assert report["verdict"]["symbols"] == ["LOTTERY=3"]
    subject = base64.b64encode(b"cheap VIAGRA").decode()
    report = judge(
        f"Subject: =?utf-8?b?{subject}?=\r\nFrom: a@b.example\r\nDate: x\r\nMessage-ID: <1>\r\n\r\n.\r\n".encode()
    )
    assert report["verdict"]["symbols"] == ["PILLS_SUBJECT=2.5", "INVALID_DATE=1"]


def test_a_hook_may_give_several_verdicts(judge):
    class Several(Inspector):
        scores = True

        def on_message(self, message):
            yield Verdict.score(1, "A")
            yield Verdict.score(2, "B", header={"X-B": "b\r\nX-C: c"})

    report = judge(letter(), Several())
    assert report["verdict"]["symbols"] == ["A=1", "B=2"]
    assert "X-B: b X-C: c\r\n" in report["added_header"]


def test_an_inspector_that_raises_is_named(judge):
    class Broken(Inspector):
        def on_part(self):
            raise RuntimeError("broken")

    report = judge(letter(), Broken())
    assert (report["verdict"]["action"], report["verdict"]["by"]) == ("defer", "broken")
    assert "RuntimeError: broken" in report["inspectors"][0]["failures"][0]["failure"]


def test_shadow_never_counts(judge):
    message = letter()
    message.add_attachment(EICAR, maintype="application", subtype="pdf", filename="invoice.pdf")
    report = judge(message, overrides=["inspector[0].mode=shadow"])
    assert report["verdict"]["action"] == "accept"
    assert report["inspectors"][0]["verdicts"][0]["action"] == "reject"


class Short(Inspector):
    """Looks at little."""

    name = "short"
    largest = 100

    def on_part(self, part):
        return Verdict.reject("seen")


def test_what_is_too_large_for_an_inspector_is_unscanned(judge):
    assert judge(b"\r\n" + b"x" * 100, Short())["verdict"]["by"] == "short"
    report = judge(b"\r\n" + b"x" * 101, Short())
    assert report["verdict"]["action"] == "accept"
    assert report["unscanned"] == [{"reason": "oversize", "what": "short on 1"}]
    assert "X-Smtpgw-Unscanned: oversize" in report["added_header"]
    report = judge(b"\r\n" + b"x" * 101, Short(), overrides=['decode.unscanned.oversize="reject"'])
    assert report["verdict"]["by"] == "unscanned"


def test_a_gap_between_what_is_accepted_and_what_is_looked_at_needs_an_action():
    with pytest.raises(ConfigError, match="short looks at parts of up to 100 B only"):
        Gateway(config.default(), inspectors=[Short()])
    stated = config.default(overrides=['decode.unscanned.oversize="defer"'])
    assert Gateway(stated, inspectors=[Short()]).roster[-1].largest == 100
    with pytest.raises(InspectorError, match="largest = 0"):
        short = Short()
        short.largest = 0
        Gateway(stated, inspectors=[short])


def test_inspectors_see_who_looked_at_what(judge):
    message = letter("Hello.\n")
    message.add_attachment(packed("a.txt", b"MZ inside"), maintype="application", subtype="pdf", filename="a.pdf")
    seen = []

    class Fails(Inspector):
        name = "fails"

        def on_part(self, part):
            if part.path == "2":
                raise ValueError("no")

    class Looks(Inspector):
        name = "looks"

        def on_part(self, part):
            pass

        def on_message(self, message):
            seen.extend(message.inspected)
            assert {part for _, part in seen} <= set(message.parts)

    report = judge(message, Fails(), Looks())
    receipt = {(name, part["path"]) for part in report["parts"] for name in part["inspectors"]}
    assert {(name, part.path) for name, part in seen} == receipt
    assert receipt == {("fails", "1"), ("fails", "2/a.txt"), ("looks", "1"), ("looks", "2"), ("looks", "2/a.txt")}
    assert len(seen) == len(receipt)


def test_the_receipt_of_a_message(judge):
    message = letter("Hello.\n")
    message.add_attachment(packed("a.txt", b"MZ inside"), maintype="application", subtype="pdf", filename="a.pdf")
    seen = []

    class Looker(Inspector):
        name = "looker"

        def on_message(self, message):
            seen.extend((part.path, part.real_type) for part in message.parts)
            seen.append(message.unscanned)

        def on_part(self, part):
            if part.path == "2":
                raise ValueError("no")

    report = judge(message, Looker())
    receipt = {part["path"]: part for part in report["parts"]}
    assert {path: part["real_type"] for path, part in receipt.items()} == dict(seen[:-1])
    assert receipt["2"]["real_type"] == "application/zip"
    assert receipt["2/a.txt"]["real_type"] == "application/x-msdownload"
    assert (receipt["2/a.txt"]["container"], receipt["2/a.txt"]["size"]) == ("zip", 9)
    assert receipt["1"]["inspectors"] == receipt["2/a.txt"]["inspectors"] == ["looker"]
    assert "inspectors" not in receipt["2"]
    report = judge(b"Content-Transfer-Encoding: x-mystery\r\n\r\nx\r\n", Looker())
    assert report["parts"][0]["unscanned"] == ["unhandled"]
    assert seen[-1] == (("unhandled", "1"),)


def test_a_limit_names_the_part_at_which_it_was_hit(judge):
    fields = b"X: y\r\n" * 2_100
    letter = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n%s\r\ny\r\n--b--\r\n" % fields
    report = judge(letter)
    assert report["unscanned"] == [{"reason": "ambiguous", "what": "fields on 2"}]
    assert {part["path"]: part.get("unscanned") for part in report["parts"]} == {"1": None, "2": ["ambiguous"]}
    attached = b"Content-Type: application/octet-stream; name=a.eml\r\n\r\n" + letter
    report = judge(b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n%s--a--\r\n" % attached)
    assert report["unscanned"] == [{"reason": "ambiguous", "what": "fields on 1/2"}]
    report = judge(fields + b"\r\nx\r\n")
    assert report["unscanned"] == [{"reason": "ambiguous", "what": "fields on 1"}]


def test_a_receipt_has_every_name(judge):
    message = letter()
    message.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="a.exe")
    raw = message.as_bytes().replace(b'filename="a.exe"', b"filename=\"a.txt\"; filename*=utf-8''b.exe; name=c.exe")
    part = judge(raw)["parts"][-1]
    assert (part["filename"], part["other_names"]) == ("b.exe", ["a.txt", "c.exe"])
    assert "other_names" not in judge(message)["parts"][-1]
