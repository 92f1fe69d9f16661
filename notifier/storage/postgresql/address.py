"""The address of a PostgreSQL database, and how it may be shown."""

from urllib.parse import parse_qsl, unquote, urlsplit

SCHEMES = ("postgresql", "postgres")


def is_postgresql(url: str) -> bool:
    """Tell whether an address is one of a PostgreSQL database."""
    return url.partition("://")[0] in SCHEMES


def shown(url: str) -> str:
    """Return the address as it may be shown: host, port and database, without user, password and other options."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    host, name = parts.netloc.rpartition("@")[2], unquote(parts.path.lstrip("/"))
    where = f"?host={options['host']}" if not host and "host" in options else ""
    return f"postgresql://{host}/{name}{where}"
