"""Whether SPF lets an address send for a domain: the check of RFC 7208, as receivers do it."""

from dataclasses import dataclass, field
from enum import StrEnum

from notifier.cli.online.names import Names
from notifier.domain.mail_dns import (
    LOOKUPS_AT_MOST,
    Address,
    Mechanism,
    Qualifier,
    holds,
    is_beside,
    parse_spf,
    spf_records,
)

_ASKS = ("include", "a", "mx", "ptr", "exists", "redirect")


class Verdict(StrEnum):
    """What a receiver makes of it."""

    PASSES = "pass"
    FAIL = "fail"
    SOFT_FAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"  # there is no record
    ERROR = "permerror"  # two records, or too many lookups: as good as none
    UNKNOWN = "unknown"  # macros and `ptr` are not followed here


_VERDICTS = {
    Qualifier.PASSES: Verdict.PASSES,
    Qualifier.FAIL: Verdict.FAIL,
    Qualifier.SOFT_FAIL: Verdict.SOFT_FAIL,
    Qualifier.NEUTRAL: Verdict.NEUTRAL,
}


@dataclass(slots=True)
class Check:
    """One check under way."""

    names: Names
    lookups: int = 0
    unknown: bool = False
    seen: set[str] = field(default_factory=set)

    async def of(self, domain: str, address: Address) -> Verdict:
        """Return what the record of a domain says about an address; raise `LookupFailed`."""
        records = spf_records(await self.names.texts(domain))
        if not records:
            return Verdict.NONE
        if len(records) > 1 or domain in self.seen:
            return Verdict.ERROR
        self.seen.add(domain)
        for mechanism in parse_spf(records[0]):
            if mechanism.name in _ASKS:
                self.lookups += 1
                if self.lookups > LOOKUPS_AT_MOST:
                    return Verdict.ERROR
            if mechanism.name == "redirect":
                return await self.of(mechanism.value, address)
            matched = await self._matches(mechanism, domain, address)
            if matched is None:
                return Verdict.ERROR
            if matched:
                return _VERDICTS[mechanism.qualifier]
        return Verdict.UNKNOWN if self.unknown else Verdict.NEUTRAL

    async def _matches(self, mechanism: Mechanism, domain: str, address: Address) -> bool | None:
        """Tell whether a term matches; None when it makes the whole record invalid."""
        if "%" in mechanism.value or mechanism.name in ("ptr", "exists"):
            self.unknown = True
            return False
        match mechanism.name:
            case "all":
                return True
            case "ip4" | "ip6":
                return holds(mechanism, address)
            case "a" | "mx":
                name, _, length = mechanism.value.partition("/")
                hosts = [name or domain]
                if mechanism.name == "mx":
                    hosts = await self.names.mail_exchangers(hosts[0])
                found = [each for host in hosts[:LOOKUPS_AT_MOST] for each in await self.names.addresses(host)]
                return any(is_beside(each, length.partition("/")[0], address) for each in found)
            case "include":
                verdict = await self.of(mechanism.value, address)
                return None if verdict in (Verdict.ERROR, Verdict.NONE) else verdict is Verdict.PASSES
        return False
