"""Addresses of people: telephone numbers as E.164, mail addresses as they may go on the wire, and both masked.

A number is accepted when it is possible and its area code is in service. `is_valid_number` of the phonenumbers library
is never asked: it refuses ten area codes that are in service. An extension is taken off and reported, because a message
cannot be sent to one; a mail address is compared without regard to case, as every large provider does.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from notifier.domain.errors import InvalidInput
from notifier.domain.numbering import PUBLIC_PLAN, NumberingPlan
from notifier.domain.text import is_spreadsheet_number

PHONE_LENGTH = 60  # characters, as typed
EMAIL_LENGTH = 254  # characters, RFC 5321
LOCAL_LENGTH = 64  # characters before the @, RFC 5321
_NANP_COUNTRIES = frozenset(
    (
        *("US", "CA", "AG", "AI", "AS", "BB", "BM", "BS", "DM", "DO", "GD", "GU", "JM", "KN", "KY"),
        *("LC", "MP", "MS", "PR", "SX", "TC", "TT", "VC", "VG", "VI"),
    )
)
_PHONE_SCHEME = re.compile(r"(?i)(?:tel|sms|smsto|callto|whatsapp|phone|mobile|cell)\s*:\s*(?://)?")
_PUNCTUATION = str.maketrans("", "", " ()-./\t")
_FLOAT = re.compile(r"(\+?\d{7,15})\.0")  # a number that went through a table of floats
_NANP = re.compile(r"(?:\+?1)?([2-9]\d\d)([2-9]\d\d\d\d\d\d)", re.ASCII)
_LETTERS = re.compile(r"(?i)[a-z]")
_EXTENSION = re.compile(r"(?i)[;,#]|\b(?:ext|extn|extension|x|int|anexo|durchwahl)[\s.:=]*\d|\d\s*x\s*\d")
_MARKS = re.compile("[\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What nearly every address looks like; anything else is put to email-validator.
_PLAIN_LOCAL = re.compile(r"[a-z0-9_+&'=~/^-]+(?:\.[a-z0-9_+&'=~/^-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone number that may be used."""

    number: str  # E.164
    extension: str = ""  # taken off
    is_fixed: bool = False  # known to be no mobile: toll-free, or a landline of a country where numbers tell


def normalise_phone(text: str, country: str = "US", *, plan: NumberingPlan = PUBLIC_PLAN) -> str:
    """Return a telephone number as E.164; `country` is for numbers without a country code. Raises `InvalidInput`."""
    return parse_phone(text, country, plan=plan).number


def parse_phone(text: str, country: str = "US", *, plan: NumberingPlan = PUBLIC_PLAN) -> Phone:
    """Return a telephone number with what else the text says of it. Raises `InvalidInput` with the reason."""
    if country in _NANP_COUNTRIES:
        match = _NANP.fullmatch(text.translate(_PUNCTUATION))
        if match is not None and ".0" not in text:
            area, line = match.groups()
            return Phone(f"+1{area}{line}", is_fixed=_fixed_by_area_code(area, plan))
    typed = _MARKS.sub("", unicodedata.normalize("NFKC", text)).strip()
    typed = _PHONE_SCHEME.sub("", typed, count=1) if _PHONE_SCHEME.match(typed) else typed
    match = _FLOAT.fullmatch(typed)
    return _parse_international(match.group(1) if match else typed, text, country, plan)


def _parse_international(typed: str, text: str, country: str, plan: NumberingPlan) -> Phone:
    import phonenumbers  # 0.1 s to import: only where the short way above does not answer
    from phonenumbers import PhoneNumberFormat, PhoneNumberType, ValidationResult

    expected = "a number such as +14155550123" + (" or 415 555 0123" if country in _NANP_COUNTRIES else "")
    if is_spreadsheet_number(typed):
        raise InvalidInput("a spreadsheet has changed this number; its digits are lost", value=text, expected=expected)
    if not typed or len(typed) > PHONE_LENGTH or _CONTROL.search(typed):
        raise InvalidInput("is not a telephone number", value=text, expected=expected)
    if _LETTERS.search(_EXTENSION.split(typed, maxsplit=1)[0]):
        raise InvalidInput("has letters in it", value=text, expected=expected)
    try:
        parsed = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException as error:
        raise InvalidInput("is not a telephone number", value=text, expected=expected) from error
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    if possible != ValidationResult.IS_POSSIBLE:
        raise InvalidInput(_IMPOSSIBLE.get(possible, "is not a possible number"), value=text, expected=expected)
    number = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    if parsed.country_code == 1:
        area = number[2:5]
        if number[5] in "01":
            raise InvalidInput("no local number begins with 0 or 1", value=text, expected=expected)
        fixed = _fixed_by_area_code(area, plan)
    else:
        fixed = phonenumbers.number_type(parsed) in (PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE)
    return Phone(number, extension=parsed.extension or "", is_fixed=fixed)


_IMPOSSIBLE = {
    # the values of phonenumbers.ValidationResult, which must not be imported here
    1: "has an unknown country code",
    2: "has too few digits",
    3: "has too many digits",
    4: "has no area code",
    5: "has a number of digits that does not exist",
}


def _fixed_by_area_code(area: str, plan: NumberingPlan) -> bool:
    known = plan.find(area)
    if known is None or not known.in_service:
        raise InvalidInput(f"area code {area} is not in service", value=area, expected="a number that can be called")
    return not known.is_geographic


def normalise_email(text: str) -> str:
    """Return a mail address in lower case with an ASCII domain, fit for an SMTP envelope and a header.

    Raises `InvalidInput` with the reason. Nothing is looked up in the DNS.
    """
    typed = _MARKS.sub("", text).strip()
    if typed[:7].lower() == "mailto:":
        typed = typed[7:]
    lower = typed.lower()
    local, at, domain = lower.rpartition("@")
    if at and len(local) <= LOCAL_LENGTH and len(lower) <= EMAIL_LENGTH and _PLAIN_LOCAL.fullmatch(local):
        wire_domain = _checked_domain(domain)
        if wire_domain is not None and len(local) + 1 + len(wire_domain) <= EMAIL_LENGTH:
            return f"{local}@{wire_domain}"
    return _checked_email(typed, text)


@lru_cache(maxsize=4096)
def _checked_domain(domain: str) -> str | None:
    """Return the domain in ASCII, or None when it is not one; few domains make up nearly all of a directory."""
    try:
        return _checked_email(f"a@{domain}", domain).partition("@")[2]
    except InvalidInput:
        return None


def _checked_email(typed: str, text: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    expected = "an address such as name@example.com"
    if _CONTROL.search(typed):
        raise InvalidInput("has a line end or control character in it", value=text, expected=expected)
    if typed.count("@") > 1 and re.search(r"[,;\s]", typed):
        raise InvalidInput("is more than one address", value=text, expected="one " + expected.removeprefix("an "))
    if "<" in typed:
        raise InvalidInput("has a name beside the address", value=text, expected=expected)
    local = typed.rpartition("@")[0]
    if local and not local.isascii():
        raise InvalidInput(
            "has a letter before the @ that mail servers do not take (SMTPUTF8)", value=text, expected=expected
        )
    if len(local) > LOCAL_LENGTH:
        raise InvalidInput(f"has more than {LOCAL_LENGTH} characters before the @", value=text, expected=expected)
    try:
        checked = validate_email(typed, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError as error:
        raise InvalidInput(_one_sentence(str(error)), value=text, expected=expected) from error
    address = (checked.ascii_email or "").lower()
    if not address.isascii() or len(address) > EMAIL_LENGTH:
        raise InvalidInput("is too long or cannot be written in ASCII", value=text, expected=expected)
    return address


def _one_sentence(message: str) -> str:
    return message.split(". ", maxsplit=1)[0].rstrip(".").replace("The email address", "the address")


def canonical(text: str, country: str = "US") -> str:
    """Return a mail address or a telephone number as the directory writes it. Raises `InvalidInput` with the reason."""
    return normalise_email(text) if "@" in text else normalise_phone(text, country)


def mask(address: str) -> str:
    """Return an address as logs and lists may show it: enough to recognise one that is known, too little to use it."""
    local, at, domain = address.rpartition("@")
    if at:
        return f"{local[:1]}***@{domain}"
    if address.startswith("+"):
        return f"{address[:5]}***{address[-2:]}" if len(address) > 9 else f"{address[:2]}***"
    kind, colon, _ = address.partition(":")
    return f"{kind}:***" if colon else f"{address[:1]}***"
