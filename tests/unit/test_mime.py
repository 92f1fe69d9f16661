"""Mail bytes, compared with what the standard library makes of them."""

import email
import email.policy
import quopri
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.config import Sender
from notifier.messages import Rendered, RenderFailed
from notifier.messages.links import Purpose, read_token
from notifier.messages.mime import Mail, MailComposer, encode, quoted_printable, subject_header

SECRET = "a secret"
AT = datetime(2026, 11, 21, 11, 6, tzinfo=UTC)
SENDER = Sender(company="Valley Electric", address="outages@valley.example", reply_to="help@valley.example")
LINK = "https://valley.example/u/0123"
# What a rendered message may hold: any text with LF line ends; a subject is one line
BODIES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r")).map(lambda text: text + "\n")
SUBJECTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1).filter(str.strip)


def composed(
    *,
    subject: str = "Power out",
    text: str = "Hello\n",
    html: str = "<p>Hello</p>\n",
    sender: Sender = SENDER,
    link: str = LINK,
) -> Mail:
    return MailComposer(sender, SECRET).compose(
        notification_id=7,
        broadcast_id=3,
        kind="eta",
        recipient="jo@example.net",
        message=encode(Rendered(subject=subject, text=text, html=html, template_version="v")),
        at=AT,
        unsubscribe_url=link,
    )


def parsed(mail: Mail) -> EmailMessage:
    message = cast("EmailMessage", email.message_from_bytes(mail.data, policy=email.policy.SMTP))
    assert not message.defects
    return message


def content(message: EmailMessage, kind: str) -> str:
    part = next(part for part in message.walk() if part.get_content_type() == kind)
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


def wire_is_clean(data: bytes) -> bool:
    lines = data.split(b"\r\n")
    return data.isascii() and b"\n" not in b"".join(lines) and b"\r" not in b"".join(lines)


def test_headers_say_what_automatic_mail_must_say() -> None:
    message = parsed(composed())
    assert message["From"] == "Valley Electric <outages@valley.example>"
    assert message["Reply-To"] == "help@valley.example"
    assert message["To"] == "jo@example.net"
    assert message["Subject"] == "Power out"
    assert message["Date"] == "Sat, 21 Nov 2026 11:06:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] == f"<{LINK}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_one_click_is_offered_over_https_only() -> None:
    message = parsed(composed(link=LINK.replace("https:", "http:")))
    assert str(message["List-Unsubscribe"]).startswith("<http:")
    assert message["List-Unsubscribe-Post"] is None


def test_message_id_and_envelope_sender_are_the_same_on_every_retry_and_tell_nothing() -> None:
    one, two = composed(), composed(subject="Other words")
    assert one.sender == two.sender
    assert parsed(one)["Message-ID"] == parsed(two)["Message-ID"]
    token = one.sender.removeprefix("bounces+").removesuffix("@valley.example")
    assert read_token(SECRET, Purpose.BOUNCE, token) == 7
    assert parsed(one)["Message-ID"] == f"<{token}@valley.example>"


@given(SUBJECTS, BODIES, BODIES)
def test_what_is_composed_is_what_the_standard_library_reads(subject: str, text: str, html: str) -> None:
    mail = composed(subject=subject, text=text, html=html)
    message = parsed(mail)
    assert content(message, "text/plain").removesuffix("\n") == text.removesuffix("\n")
    assert content(message, "text/html").removesuffix("\n") == html.removesuffix("\n")
    assert str(message["Subject"]).split() == subject.split()
    assert wire_is_clean(mail.data)
    assert all(len(line) <= 76 for line in mail.data.partition(b"\r\n\r\n")[2].split(b"\r\n"))


@given(st.text(), st.text(), st.text())
def test_nothing_from_outside_adds_a_header_or_a_part(subject: str, text: str, html: str) -> None:
    plain = parsed(composed())
    message = parsed(composed(subject=subject or "x", text=text, html=html))
    assert message.keys() == plain.keys()
    assert len(list(message.walk())) == 3


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028"])
def test_a_line_end_in_a_subject_cannot_smuggle_a_header(break_: str) -> None:
    message = parsed(composed(subject=f"Power{break_}Bcc: all@example.net"))
    assert message["Bcc"] is None
    assert str(message["Subject"]) == "Power Bcc: all@example.net"


@pytest.mark.parametrize(
    "address", ["jo@example.net\r\nBcc: x@y.z", "jo@example.net>", "jo @example.net", "jo", "jö@example.net", ""]
)
def test_an_address_that_is_not_wire_safe_is_refused(address: str) -> None:
    composer = MailComposer(SENDER, SECRET)
    message = encode(Rendered(subject="x", text="x\n", html="x\n", template_version="v"))
    with pytest.raises(RenderFailed, match="wire"):
        composer.compose(
            notification_id=1,
            broadcast_id=1,
            kind="eta",
            recipient=address,
            message=message,
            at=AT,
            unsubscribe_url=LINK,
        )


@pytest.mark.parametrize(
    "company", ["Valley Electric", "Valley, Inc.", 'The "Valley"', "Vallée Électrique", "Back\\slash", "W" * 70]
)
def test_any_company_name_makes_a_readable_from(company: str) -> None:
    sender = Sender(company=company, address="outages@valley.example")
    address = parsed(composed(sender=sender))["From"].addresses[0]
    assert address.display_name == company
    assert address.addr_spec == "outages@valley.example"


def test_a_plain_subject_is_not_encoded_and_a_long_one_is_folded() -> None:
    assert subject_header("Power back at 12 Oak St") == "Subject: Power back at 12 Oak St"
    folded = subject_header("Power out at 12 Oak St, 14 Elm Ave, and 9 Pine Rd: next update by 4:15 am tomorrow")
    assert all(len(line) <= 76 for line in folded.split("\r\n"))
    assert folded.replace("\r\n", "") == (
        "Subject: Power out at 12 Oak St, 14 Elm Ave, and 9 Pine Rd: next update by 4:15 am tomorrow"
    )


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r")))
def test_quoted_printable_stays_within_76_columns_with_crlf_only(text: str) -> None:
    data = quoted_printable(text)
    assert wire_is_clean(data)
    assert all(len(line) <= 76 for line in data.split(b"\r\n"))
    assert b"=_" not in data  # what boundaries begin with
    decoded = quopri.decodestring(data).replace(b"\r\n", b"\n").decode()
    assert decoded.removesuffix("\n") == text.removesuffix("\n")


def test_long_first_lines_do_not_get_bare_line_feeds() -> None:
    assert wire_is_clean(quoted_printable("x" * 200 + "\n" + "y" * 200))


def test_a_link_that_is_not_fit_for_a_header_is_refused() -> None:
    message = encode(Rendered(subject="x", text="x\n", html="x\n", template_version="v"))
    with pytest.raises(RenderFailed, match="public_url"):
        MailComposer(SENDER, SECRET).compose(
            notification_id=1,
            broadcast_id=1,
            kind="eta",
            recipient="a@b.cd",
            message=message,
            at=AT,
            unsubscribe_url="https://x>\r\nBcc: y",
        )
