"""What hosts, listen addresses, mail addresses and time zones look like, without asking any server."""

import re
from ipaddress import ip_address
from zoneinfo import ZoneInfo, available_timezones

from notifier.domain.errors import nearest

PORT_AT_MOST = 65_535

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE | re.ASCII)
_LOCAL_PART = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.IGNORECASE | re.ASCII)
_LISTEN = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]*):([0-9]{1,5})", re.ASCII)


def is_address(text: str) -> bool:
    """Say whether a text is an IP address, IPv6 with or without brackets."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ip_address(bare)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Say whether a text is a host name or an IP address."""
    labels = text.removesuffix(".").split(".")
    named = len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdecimal()
    return named or is_address(text)


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine."""
    if host.lower().removesuffix(".") == "localhost":
        return True
    return is_address(host) and ip_address(host.strip("[]")).is_loopback


def is_mail(text: str) -> bool:
    """Say whether a text looks like a mail address of a company: no quotes, no comments, no literal domain."""
    local, at, domain = text.rpartition("@")
    return bool(at and len(local) <= 64 and _LOCAL_PART.fullmatch(local)) and is_host(domain) and not is_address(domain)


def split_listen(text: str) -> tuple[str, int] | None:
    """Return host and port of `HOST:PORT` (the host may be missing), or None when it is no such thing."""
    match = _LISTEN.fullmatch(text)
    return (match[1], int(match[2])) if match is not None and int(match[2]) <= PORT_AT_MOST else None


def is_zone(name: str) -> bool:
    """Say whether an IANA time zone has this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; `../x`; the name of a folder such as `America`
        return False
    return True


def nearest_zone(name: str) -> str:
    """Return a hint with the time zone that was probably meant, or an empty string."""
    known = sorted(available_timezones())
    same = {zone.lower(): zone for zone in known}.get(name.strip().lower().replace(" ", "_"))
    return f"; did you mean '{same}'?" if same else nearest(name, known)
