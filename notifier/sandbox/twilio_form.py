"""What Twilio's API accepts when a message is created, and its refusals: rules after the official description.

A field has the type, the length and the pattern that Twilio's OpenAPI description of `CreateMessage` gives it; what
that cannot say (a sender must be given, 1600 characters, E.164, bounds) is after the documentation of the same page.
One rule is stricter than Twilio: both `From` and `MessagingServiceSid` are refused, because whoever sends both has
configured something else than they think.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

BODY_AT_MOST = 1600
VALIDITY_AT_MOST = 36_000
SCHEDULED_WITHIN = (timedelta(minutes=15), timedelta(days=35))

_E164 = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)
_SENDER = re.compile(r"\+[1-9][0-9]{7,14}|[0-9]{3,6}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[\x21-\x7e]+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+", re.ASCII)  # no underscores

SIDS = {
    "ApplicationSid": re.compile(r"AP[0-9a-fA-F]{32}", re.ASCII),
    "MessagingServiceSid": re.compile(r"MG[0-9a-fA-F]{32}", re.ASCII),
    "ContentSid": re.compile(r"HX[0-9a-fA-F]{32}", re.ASCII),
}
CHOICES = {
    "RiskCheck": ("enable", "disable"),
    "ScheduleType": ("fixed",),
    "TrafficType": ("free",),
    "AddressRetention": ("retain", "obfuscate"),
    "ContentRetention": ("retain", "discard"),
}
BOOLEANS = ("ProvideFeedback", "ForceDelivery", "SmartEncoded", "ShortenUrls", "SendAsMms")
INTEGERS = ("Attempt", "ValidityPeriod")

# Twilio's magic numbers, by which its own test credentials fail
MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
MESSAGES = {
    20001: "Parameter '{field}' is not valid",
    20003: "Authenticate",
    20404: "The requested resource {field} was not found",
    20429: "Too Many Requests",
    20500: "An internal server error has occurred",
    20503: "Service unavailable",
    21211: "Invalid 'To' Phone Number: {field}",
    21212: "Invalid From Number (caller ID): {field}",
    21266: "'To' and 'From' number cannot be the same: {field}",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number {field} is not a valid, SMS-capable number of your account",
    21609: "The 'StatusCallback' URL {field} is not a valid URL.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "The 'From' number has exceeded the maximum number of queued messages",
    21612: "Message cannot be sent with the current combination of 'To' and 'From' parameters",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21619: "A text message body or media urls must be specified.",
    21701: "The Messaging Service does not exist",
    35114: "SendAt is out of bounds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as the API answers it."""

    http: int
    code: int
    message: str

    def body(self) -> dict[str, object]:
        """Return it as the API writes it."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.http,
        }


def refusal(code: int, field: str = "", *, http: int = 400) -> Refusal:
    """Return the refusal with a code."""
    http = {20003: 401, 20404: 404, 20429: 429, 21611: 429, 20500: 500, 20503: 503, 63038: 429}.get(code, http)
    return Refusal(http=http, code=code, message=MESSAGES.get(code, "Refused").format(field=field))


def check(form: Sequence[tuple[str, str]], *, now: datetime) -> Refusal | None:
    """Return why a message is not created, or None."""
    fields = dict(form)
    return _typed(fields) or _recipient(fields) or _sender(fields) or _content(form) or _rest(fields, now)


def _typed(fields: Mapping[str, str]) -> Refusal | None:
    for name, value in fields.items():
        wrong = (
            (name in SIDS and not SIDS[name].fullmatch(value))
            or (name in CHOICES and value not in CHOICES[name])
            or (name in BOOLEANS and value not in ("true", "false"))
            or (name in INTEGERS and not _INTEGER.fullmatch(value))
            or (name == "MaxPrice" and not _NUMBER.fullmatch(value))
        )
        if wrong:
            return refusal(21701 if name == "MessagingServiceSid" else 20001, name)
    return None


def _recipient(fields: Mapping[str, str]) -> Refusal | None:
    to = fields.get("To", "")
    if not to:
        return refusal(21604)
    if not _E164.fullmatch(to):
        return refusal(21211, to)
    return refusal(MAGIC_TO[to], to) if to in MAGIC_TO else None


def _sender(fields: Mapping[str, str]) -> Refusal | None:
    sender = fields.get("From", "")
    if not sender:
        return None if "MessagingServiceSid" in fields else refusal(21603)
    if "MessagingServiceSid" in fields:
        return refusal(20001, "MessagingServiceSid beside From")
    if not _SENDER.fullmatch(sender):
        return refusal(21212, sender)
    if sender == fields["To"]:
        return refusal(21266, sender)
    return refusal(MAGIC_FROM[sender], sender) if sender in MAGIC_FROM else None


def _content(form: Sequence[tuple[str, str]]) -> Refusal | None:
    fields = dict(form)
    if len(fields.get("Body", "")) > BODY_AT_MOST:
        return refusal(21617)
    media = [value for name, value in form if name == "MediaUrl"]
    if len(media) > 10:
        return refusal(20001, "MediaUrl")
    return None if fields.get("Body") or media or fields.get("ContentSid") else refusal(21619)


def _rest(fields: Mapping[str, str], now: datetime) -> Refusal | None:
    callback = fields.get("StatusCallback")
    if callback is not None and not is_callback(callback):
        return refusal(21609, callback)
    if "ValidityPeriod" in fields and not 1 <= int(fields["ValidityPeriod"]) <= VALIDITY_AT_MOST:
        return refusal(20001, "ValidityPeriod")
    if fields.get("ShortenUrls") == "true" and "MessagingServiceSid" not in fields:
        return refusal(20001, "ShortenUrls")
    if "SendAt" in fields:
        return _scheduled(fields, now)
    return None


def _scheduled(fields: Mapping[str, str], now: datetime) -> Refusal | None:
    """Return why a message is not scheduled: `SendAt` is ISO 8601 with its zone."""
    try:
        at = datetime.fromisoformat(fields["SendAt"])
    except ValueError:
        return refusal(20001, "SendAt")
    if at.tzinfo is None or "ScheduleType" not in fields or "MessagingServiceSid" not in fields:
        return refusal(35114)
    soonest, latest = SCHEDULED_WITHIN
    return None if soonest <= at - now <= latest else refusal(35114)


def is_callback(url: str) -> bool:
    """Tell whether Twilio would report to a URL: http or https, and a host name without underscores."""
    if not _URI.fullmatch(url):
        return False
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and bool(_HOST.fullmatch(parts.hostname or ""))
