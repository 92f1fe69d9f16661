"""What Twilio's error codes mean: one table of codes, one of classes, read by two functions.

The names follow Twilio's public dictionary (https://www.twilio.com/docs/api/errors), the classes are our reading of it.
A code comes either as the answer to a request (then its message was not taken, unless the class says that nobody
knows) or in a status callback (then the message was taken, and this is what became of it). Twilio refines its codes
over time, so one that is not listed is judged by its range and by the HTTP status it came with.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from notifier.domain.delivery import Outcome, Result, Suppress
from notifier.domain.receipt import Fate

ANSWER_AT_MOST = 300  # characters kept of what Twilio says


class CodeClass(StrEnum):
    """What kind of trouble a code is."""

    ACCOUNT = "account"  # the account itself: stop the sender, keep the queue
    CONFIGURATION = "configuration"  # the sender or its registration: stop it, keep the queue
    CONTENT = "content"  # filtered as spam: never the same text again
    EXPIRED = "expired"  # waited beyond its validity: no news any more
    INBOUND = "inbound"  # about what came in
    LOOP = "loop"  # too many answers between two numbers
    OPT_OUT = "opt_out"  # the recipient has said STOP to Twilio
    OURS = "ours"  # our webhook failed: seen in Twilio's debugger
    PERMANENT_RECIPIENT = "permanent_recipient"  # never to this number
    PERMANENT_REQUEST = "permanent_request"  # a request that cannot be right: our bug
    RETRY = "retry"  # later
    RETRY_LATER = "retry_later"  # once or twice, half an hour apart or more
    RETRY_RATE = "retry_rate"  # too fast: not processed
    RETRY_TOMORROW = "retry_tomorrow"  # a day's limit: by another channel today
    UNKNOWN_OUTCOME = "unknown_outcome"  # taken or not: ask first


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One code; what differs from the rest of its class is said here."""

    name: str
    class_: CodeClass
    suppress: Suppress = Suppress.NO
    tries: int = 0  # how often it is sent again after a callback with this code
    wait: timedelta = timedelta()  # and how long after it
    stops: bool | None = None  # None: as its class does


_C = CodeClass
_BAD_NUMBER = Suppress.AT_ONCE
_MINUTES = timedelta(minutes=1)

CODES: dict[int, Code] = {
    11200: Code(name="HTTP retrieval failure of our webhook", class_=_C.OURS),
    12300: Code(name="Invalid Content-Type of our TwiML", class_=_C.OURS),
    14107: Code(name="Send rate limit between two numbers", class_=_C.LOOP),
    20001: Code(name="Unknown or invalid parameter", class_=_C.PERMANENT_REQUEST),
    20003: Code(name="Authentication failed", class_=_C.ACCOUNT),
    20005: Code(name="Account not active", class_=_C.ACCOUNT),
    # of a request that creates: the account or the address of the API is wrong, not this message
    20404: Code(name="Resource not found", class_=_C.PERMANENT_REQUEST, stops=True),
    20429: Code(name="Too many requests", class_=_C.RETRY_RATE),
    20500: Code(name="Internal server error", class_=_C.UNKNOWN_OUTCOME),
    20503: Code(name="Service unavailable", class_=_C.RETRY),
    21211: Code(name="Invalid 'To' number", class_=_C.PERMANENT_RECIPIENT, suppress=_BAD_NUMBER),
    21212: Code(name="Invalid 'From' number", class_=_C.CONFIGURATION),
    21265: Code(name="'To' cannot be a short code", class_=_C.PERMANENT_RECIPIENT, suppress=_BAD_NUMBER),
    21266: Code(name="'To' and 'From' cannot be the same", class_=_C.PERMANENT_RECIPIENT, suppress=_BAD_NUMBER),
    21268: Code(name="Premium number", class_=_C.PERMANENT_RECIPIENT, suppress=_BAD_NUMBER),
    # says something about one country only; whoever lives elsewhere is still told
    21408: Code(name="Region not enabled for SMS", class_=_C.CONFIGURATION, stops=False),
    21602: Code(name="Message body is required", class_=_C.PERMANENT_REQUEST),
    21603: Code(name="'From' is required", class_=_C.CONFIGURATION),
    21604: Code(name="'To' is required", class_=_C.PERMANENT_REQUEST),
    21606: Code(name="'From' is not SMS-capable or not ours", class_=_C.CONFIGURATION),
    21608: Code(name="Trial account: unverified 'To'", class_=_C.CONFIGURATION),
    21609: Code(name="Invalid StatusCallback", class_=_C.CONFIGURATION),
    21610: Code(name="Recipient replied STOP", class_=_C.OPT_OUT, suppress=Suppress.OPTED_OUT),
    21611: Code(name="Queue of the sender is full", class_=_C.RETRY_RATE),
    21612: Code(name="Cannot reach 'To' from this 'From'", class_=_C.PERMANENT_RECIPIENT),
    21614: Code(name="'To' is not a mobile number", class_=_C.PERMANENT_RECIPIENT, suppress=Suppress.NOT_MOBILE),
    21617: Code(name="Body over 1600 characters", class_=_C.PERMANENT_REQUEST),
    21619: Code(name="Body or media required", class_=_C.PERMANENT_REQUEST),
    21656: Code(name="Invalid content variables", class_=_C.PERMANENT_REQUEST),
    21659: Code(name="'From' is not a Twilio number", class_=_C.CONFIGURATION),
    21660: Code(name="'From' is not of this account", class_=_C.CONFIGURATION),
    21661: Code(name="'From' is not SMS-capable", class_=_C.CONFIGURATION),
    21701: Code(name="Messaging Service does not exist", class_=_C.CONFIGURATION),
    21703: Code(name="Messaging Service has no senders", class_=_C.CONFIGURATION),
    30001: Code(name="Queue overflow", class_=_C.RETRY, tries=2, wait=30 * _MINUTES),
    30002: Code(name="Account suspended", class_=_C.ACCOUNT),
    30003: Code(name="Unreachable handset", class_=_C.RETRY_LATER, tries=2, wait=30 * _MINUTES),
    # the carrier, or its owner's do-not-disturb, wants none of it: like an opt-out, when it is said twice
    30004: Code(name="Message blocked", class_=_C.PERMANENT_RECIPIENT, suppress=Suppress.REPEATED),
    30005: Code(name="Unknown handset", class_=_C.PERMANENT_RECIPIENT, suppress=_BAD_NUMBER),
    30006: Code(name="Landline or unreachable carrier", class_=_C.PERMANENT_RECIPIENT, suppress=Suppress.NOT_MOBILE),
    30007: Code(name="Filtered by the carrier or Twilio", class_=_C.CONTENT),
    30008: Code(name="Unknown error", class_=_C.RETRY_LATER, tries=1, wait=30 * _MINUTES),
    30009: Code(name="Missing inbound segment", class_=_C.INBOUND),
    30010: Code(name="Price over MaxPrice", class_=_C.CONFIGURATION),
    30022: Code(name="10DLC rate limit exceeded", class_=_C.RETRY_RATE, tries=2, wait=5 * _MINUTES),
    30023: Code(name="10DLC daily cap reached", class_=_C.RETRY_TOMORROW),
    30024: Code(name="Sender not provisioned on the carrier", class_=_C.CONFIGURATION),
    30032: Code(name="Toll-free number not verified", class_=_C.CONFIGURATION),
    30034: Code(name="Unregistered 10DLC number", class_=_C.CONFIGURATION),
    30036: Code(name="Validity period expired", class_=_C.EXPIRED),
    30410: Code(name="Provider time-out", class_=_C.UNKNOWN_OUTCOME),
    30450: Code(name="Blocked by SMS pumping protection", class_=_C.RETRY_LATER, tries=1, wait=30 * _MINUTES),
    35114: Code(name="SendAt out of bounds", class_=_C.PERMANENT_REQUEST),
    63038: Code(name="Account exceeded its daily limit", class_=_C.RETRY_TOMORROW),
}

_RESULTS: dict[CodeClass, Result] = {  # of the answer to a request
    _C.ACCOUNT: Result.OURS,
    _C.CONFIGURATION: Result.OURS,
    _C.CONTENT: Result.PERMANENT,
    _C.EXPIRED: Result.PERMANENT,
    _C.INBOUND: Result.PERMANENT,
    _C.LOOP: Result.PERMANENT,
    _C.OPT_OUT: Result.PERMANENT,
    _C.OURS: Result.PERMANENT,
    _C.PERMANENT_RECIPIENT: Result.PERMANENT,
    _C.PERMANENT_REQUEST: Result.PERMANENT,
    _C.RETRY: Result.TEMPORARY,
    _C.RETRY_LATER: Result.TEMPORARY,
    _C.RETRY_RATE: Result.TEMPORARY,
    _C.RETRY_TOMORROW: Result.PERMANENT,  # today by the next channel
    _C.UNKNOWN_OUTCOME: Result.UNKNOWN,
}

ALARMING = frozenset({_C.ACCOUNT, _C.CONFIGURATION, _C.PERMANENT_REQUEST, _C.RETRY_TOMORROW, _C.CONTENT})
"""Classes that a person should hear about: they are logged as errors, without the number."""


def class_of(code: int, http: int | None = None) -> CodeClass:
    """Return the class of a code; one that is not listed is judged by the HTTP status of its answer, then its range.

    `http` is None for a code of a callback: what is not listed there is final for that message.
    """
    if (known := CODES.get(code)) is not None:
        return known.class_
    if http is None:
        return _C.PERMANENT_RECIPIENT
    if http == 429:
        return _C.RETRY_RATE
    if http >= 500 or http == 408:
        return _C.UNKNOWN_OUTCOME
    if http in (401, 403):
        return _C.ACCOUNT
    # a refusal in Twilio's own words is about this message; anything else was not said by Twilio
    return _C.PERMANENT_REQUEST if 10_000 <= code <= 99_999 and 400 <= http < 500 else _C.CONFIGURATION


def outcome_of(http: int, code: int, text: str, retry_after: timedelta | None = None) -> Outcome:
    """Return what the refusal of a request means; `code` is 0 where the answer has none."""
    class_, known = class_of(code, http), CODES.get(code)
    result = _RESULTS[class_]
    if known is not None and known.stops is not None:
        result = Result.OURS if known.stops else Result.PERMANENT
    return Outcome(
        result=result,
        code=f"{http} {code or ''}".strip(),
        answer=text[:ANSWER_AT_MOST],
        suppress=known.suppress if known else Suppress.NO,
        retry_after=retry_after if result is Result.TEMPORARY else None,
    )


def fate_of(code: int) -> Fate:
    """Return what to do about a message that Twilio took and could not deliver; `code` is 0 where none was given."""
    class_, known = class_of(code), CODES.get(code)
    if known is None:
        return Fate()  # final for that message, and says nothing about the number
    return Fate(
        tries=known.tries,
        wait=known.wait,
        suppress=known.suppress,
        stops_sender=class_ in (_C.ACCOUNT, _C.CONFIGURATION) and known.stops is not False,
        is_content=class_ is _C.CONTENT,
        is_alarming=class_ in ALARMING,
    )
