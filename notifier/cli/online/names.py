"""Questions to the DNS, by dnspython: few kinds of them, each within its time, each answer plain text."""

from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.resolver
from dns.rdatatype import RdataType

from notifier.domain.mail_dns import Address, as_address

ASK_SECONDS = 5.0  # for one question, over all servers
PORT = 53


class LookupFailed(Exception):
    """No server gave an answer; the name may be there or not."""


class Names:
    """Asks the system's name servers, or the one given."""

    def __init__(self, server: str = "") -> None:
        """Keep the server: `1.1.1.1`, `127.0.0.1:5353`; an empty one means the system's."""
        self._resolver = dns.asyncresolver.Resolver(configure=not server)
        if server:
            host, _, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "")
            self._resolver.nameservers = [host.strip("[]")]
            self._resolver.port = int(port or PORT)
        self._resolver.lifetime = ASK_SECONDS

    async def texts(self, name: str) -> list[str]:
        """Return the TXT records of a name, each joined; raise `LookupFailed`."""
        return [
            b"".join(record.strings).decode("utf-8", "replace")  # type: ignore[attr-defined]
            for record in await self._ask(name, RdataType.TXT)
        ]

    async def mail_exchangers(self, name: str) -> list[str]:
        """Return who takes mail for a domain, the preferred one first; `.` alone says that nobody does."""
        records = sorted(await self._ask(name, RdataType.MX), key=lambda record: record.preference)  # type: ignore[attr-defined]
        return [str(record.exchange).rstrip(".") or "." for record in records]  # type: ignore[attr-defined]

    async def addresses(self, name: str) -> list[Address]:
        """Return the addresses of a host; an address is its own."""
        if own := as_address(name):
            return [own]
        found = [*await self._ask(name, RdataType.A), *await self._ask(name, RdataType.AAAA)]
        return [address for record in found if (address := as_address(str(record))) is not None]

    async def _ask(self, name: str, kind: RdataType) -> Sequence[object]:
        try:
            return list(await self._resolver.resolve(name, kind, raise_on_no_answer=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise LookupFailed(f"no name server answers about {name}: {type(error).__name__}") from error
