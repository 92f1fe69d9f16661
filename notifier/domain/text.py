"""Text from outside, made safe to store, to show in one line and to put into a mail header.

A name with a line separator is a poison message: mail libraries refuse it, and a header could be smuggled in with it.
So control characters, every kind of line end, and marks that change the direction of writing never get past here.
"""

import re
import unicodedata
from datetime import timedelta
from decimal import Decimal

# Tabs, line ends (CR, LF, VT, FF, FS-US, NEL, U+2028, U+2029) and other control characters separate words.
_BREAKS = re.compile("[\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
# Zero-width and direction marks, byte-order marks, half characters: nothing anybody means to write in a name.
_INVISIBLE = re.compile(
    "[\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\uffff\ud800-\udfff]"
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
SMALLEST_SAID = 0.1
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E\+\d\d+")


def clean_line(text: str) -> str:
    """Return the text as one line: composed (NFC), without control or invisible characters, spaces collapsed."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split()) if "  " in text or text[:1] == " " or text[-1:] == " " else text
    return _BREAKS.sub(" ", unicodedata.normalize("NFC", _INVISIBLE.sub("", text))).strip()


def figure(value: float) -> str:
    """Write a number for people: whole, with one decimal, or below 1 with two digits that say something: 0.0042."""
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 1 else f"{Decimal(f'{value:.2g}'):f}"


def expectation(value: float) -> str:
    """Write how many were to be expected, for people who are woken: more digits of next to nothing say nothing."""
    return "under 0.1" if value < SMALLEST_SAID else figure(value)


def lasting(duration: timedelta) -> str:
    """Write how long something lasts for people, to the minute: `2 h 5 min`, `35 min`."""
    hours, minutes = divmod(round(duration / timedelta(minutes=1)), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def inert(text: str) -> str:
    """Return a cell of a CSV file that no spreadsheet takes for a formula."""
    clean = text.replace("\x00", "")
    return f"'{clean}" if clean.startswith(_FORMULA) else clean


def is_spreadsheet_number(text: str) -> bool:
    """Tell whether a spreadsheet has turned a long number into one like `1.23E+11`, its digits lost."""
    return _SCIENTIFIC.fullmatch(text) is not None
