"""What a domain says in the DNS about mail in its name: SPF (RFC 7208), DKIM keys (RFC 6376), DMARC (RFC 7489).

Comes in: the texts of records. Goes out: their parts, and whether two domains are aligned. Nothing is looked up here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

SPF, DMARC = "v=spf1", "v=dmarc1"
LOOKUPS_AT_MOST = 10  # mechanisms of one SPF check that ask the DNS; more is an error of the domain (RFC 7208, 4.6.4)

Address = IPv4Address | IPv6Address


class Qualifier(StrEnum):
    """What a mechanism that matches says."""

    PASSES = "+"
    FAIL = "-"
    SOFT_FAIL = "~"
    NEUTRAL = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One term of an SPF record."""

    name: str  # "ip4", "include", ...; "redirect" for that modifier
    value: str = ""
    qualifier: Qualifier = Qualifier.PASSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Dmarc:
    """A DMARC record, as far as it matters here."""

    policy: str  # "none", "quarantine", "reject"; "" when it is missing or unknown
    strict_spf: bool = False
    strict_dkim: bool = False


_TERM = re.compile(
    r"([+?~-])?(all|include|a|mx|ptr|ip4|ip6|exists)(?:[:](\S+?))?(/\d{1,3}(//\d{1,3})?)?", re.IGNORECASE
)
_POLICIES = ("none", "quarantine", "reject")


def spf_records(texts: Sequence[str]) -> list[str]:
    """Return those texts that are SPF records; a domain must have one and no more."""
    return [text for text in texts if text.lower() == SPF or text.lower().startswith(f"{SPF} ")]


def parse_spf(record: str) -> list[Mechanism]:
    """Return the terms of an SPF record in order, `redirect` last; unknown ones are left out."""
    found: list[Mechanism] = []
    redirect: list[Mechanism] = []
    for term in record.split()[1:]:
        name, equals, value = term.partition("=")
        if equals and name.lower() == "redirect":
            redirect = [Mechanism(name="redirect", value=value.lower().rstrip("."))]
        elif match := _TERM.fullmatch(term):
            qualifier, kind, given, prefix = match[1], match[2].lower(), match[3] or "", match[4] or ""
            found.append(
                Mechanism(name=kind, value=(given + prefix).lower().rstrip("."), qualifier=Qualifier(qualifier or "+"))
            )
    has_all = any(each.name == "all" for each in found)
    return found if has_all else found + redirect


def holds(mechanism: Mechanism, address: Address) -> bool:
    """Tell whether an ip4 or ip6 term holds an address; a malformed one holds none."""
    try:
        return address in ip_network(mechanism.value, strict=False)
    except (ValueError, TypeError):
        return False


def is_beside(host: Address, length: str, address: Address) -> bool:
    """Tell whether an address lies in the network of a host; without a prefix length it must be the host."""
    if host.version != address.version:
        return False
    return holds(Mechanism(name="ip", value=f"{host}/{length}" if length else str(host)), address)


def parse_dmarc(texts: Sequence[str]) -> Dmarc | None:
    """Return the DMARC record among these texts; None when there is none, or more than one, which counts as none."""
    records = [text for text in texts if text.replace(" ", "").lower().startswith(f"{DMARC};")]
    if len(records) != 1:
        return None
    tags = tags_of(records[0])
    policy = tags.get("p", "").lower()
    return Dmarc(
        policy=policy if policy in _POLICIES else "",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        strict_dkim=tags.get("adkim", "r").lower() == "s",
    )


def tags_of(record: str) -> dict[str, str]:
    """Return the tags of a DKIM or DMARC record: `k=v` separated by semicolons."""
    pairs = (part.partition("=") for part in record.split(";") if "=" in part)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def dkim_key(texts: Sequence[str]) -> str | None:
    """Return the public key of a selector, "" when it was withdrawn, or None when none of the texts is a key."""
    for text in texts:
        tags = tags_of(text)
        if "p" in tags and tags.get("v", "DKIM1").upper() == "DKIM1":
            return "".join(tags["p"].split())
    return None


def parents(domain: str) -> list[str]:
    """Return a domain and those above it up to the organisation's, the nearest first."""
    labels, organisation = domain.lower().rstrip(".").split("."), organisation_of(domain)
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - organisation.count(".")))]


def organisation_of(domain: str) -> str:
    """Return the domain that an organisation registered: two labels, or three as in `example.co.uk`.

    A guess: the list that receivers use (publicsuffix.org) has some thousand exceptions more.
    """
    labels = domain.lower().rstrip(".").split(".")
    is_below_a_country = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3 if is_below_a_country else -2 :])


def is_aligned(domain: str, with_: str, organisation: str, *, strict: bool) -> bool:
    """Tell whether a domain speaks for the one in From: the same one, or within the same organisation's."""
    domain, with_, organisation = (each.lower().rstrip(".") for each in (domain, with_, organisation))
    if strict:
        return domain == with_
    return all(each == organisation or each.endswith(f".{organisation}") for each in (domain, with_))


def as_address(text: str) -> Address | None:
    """Return an IP address, or None when the text is none."""
    try:
        return ip_address(text.strip("[]"))
    except ValueError:
        return None
