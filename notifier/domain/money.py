"""Money: a `Decimal` with a currency outside, integer minor units inside.

The number of decimals belongs to the currency (ISO 4217): a yen has none, a dinar three.
"""

import re
from decimal import Decimal

from notifier.domain.errors import InvalidInput

_ISO_4217 = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR
IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR
MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD
XCG XOF XPF YER ZAR ZMW ZWG
"""
_CURRENCIES = frozenset(_ISO_4217.split())
_NO_DECIMALS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF")
)
_THREE_DECIMALS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
_AMOUNT = re.compile(r"\d{1,12}(?:[.,]\d{1,4})?")


def decimals_of(currency: str) -> int:
    """Return how many decimals amounts of a currency have; raise `InvalidInput` for one that is not in ISO 4217."""
    if currency not in _CURRENCIES:
        raise InvalidInput(f"'{currency}' is not a currency", value=currency, expected="a code such as USD or EUR")
    return 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2


def parse_amount(text: str, currency: str) -> int:
    """Return an amount such as `49.90` or `49,90` in minor units; raise `InvalidInput` for anything doubtful.

    Thousands separators are refused, because `1,299` and `1.299` mean different amounts to different people.
    """
    decimals = decimals_of(currency)
    text = text.strip()
    whole, _, fraction = text.replace(",", ".").partition(".")
    if not text.isascii() or _AMOUNT.fullmatch(text) is None:
        raise InvalidInput("is not an amount", value=text, expected="a number such as 49.90, without sign or symbol")
    if len(fraction) == 3 and decimals != 3:
        raise InvalidInput("may be in thousands or have three decimals", value=text, expected="1299.00 or 1.29")
    if len(fraction.rstrip("0")) > decimals:
        raise InvalidInput(f"has more decimals than {currency}", value=text, expected=f"at most {decimals}")
    return int(Decimal(f"{whole}.{fraction or 0}").scaleb(decimals))


def to_decimal(minor: int, currency: str) -> Decimal:
    """Return minor units as an amount."""
    return Decimal(minor).scaleb(-decimals_of(currency))
