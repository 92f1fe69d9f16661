"""Builders of mails that come back: bounces, complaints, notes of absence, replies."""

TOKEN = "0123456789abcdef0123456789abcdef01234567"


def bounce(
    recipient: str = "jo@example.net",
    *,
    token: str = TOKEN,
    answer: str = "550 5.1.1 <jo@example.net>: Recipient address rejected: User unknown",
    action: str = "failed",
    status: str = "5.1.1",
    original: str = "",
    message_id: str = "<dsn-1@mx.example.org>",
) -> bytes:
    """Return a bounce as Postfix writes it, to the envelope sender of one of our messages."""
    original_line = f"Original-Recipient: rfc822;{original}\n" if original else ""
    return crlf(
        f"""Return-Path: <>
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
To: bounces+{token}@example.com
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Message-ID: {message_id}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system at host mx.example.org.

<{recipient}>: host mx.example.net[192.0.2.9] said: {answer}
    (in reply to RCPT TO command)

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {recipient}
{original_line}Action: {action}
Status: {status}
Diagnostic-Code: smtp; {answer}

--b
Content-Type: message/rfc822

From: outages@example.com
To: {recipient}
Subject: Power outage

Sorry.
--b--
"""
    )


def complaint(*, token: str = TOKEN, kind: str = "abuse", recipient: str = "jo@example.net") -> bytes:
    """Return a report of a feedback loop (RFC 5965) about one of our messages, to the address for complaints."""
    return crlf(
        f"""From: fbl@example.org
To: abuse@example.com
Subject: complaint
Message-ID: <arf-1@example.org>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: FBL/1.0
Version: 1
Original-Rcpt-To: {recipient}

--b
Content-Type: message/rfc822

Return-Path: <bounces+{token}@example.com>
From: outages@example.com
Message-ID: <{token}@example.com>
Subject: Power outage

Sorry.
--b--
"""
    )


def letter(
    text: str = "OUT",
    *,
    sender: str = "Jo <jo@example.net>",
    to: str = "help@example.com",
    headers: str = "",
    subject: str = "Re: Power outage",
    message_id: str = "<reply-1@example.net>",
) -> bytes:
    """Return a mail that a person, or a program in a person's name, wrote."""
    extra = f"{headers}\n" if headers else ""
    return crlf(
        f"From: {sender}\nTo: {to}\nSubject: {subject}\nMessage-ID: {message_id}\n{extra}"
        f"Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    )


def reply(text: str = "OUT", *, token: str = TOKEN, **fields: str) -> bytes:
    """Return a person's answer to one of our messages."""
    return letter(text, headers=f"In-Reply-To: <{token}@example.com>", **fields)


def crlf(text: str) -> bytes:
    """Return the bytes of a mail as they come over the wire."""
    return text.replace("\n", "\r\n").encode()
