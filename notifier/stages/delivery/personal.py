"""What a message says to one reader: its sites, its language, its time; frozen with the claim.

Whoever shows a message that was never claimed collects them the same way.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from notifier.config import Config
from notifier.domain.notification import NotificationFacts
from notifier.messages import Messages
from notifier.messages.places import LISTED_AT_MOST, site_name
from notifier.storage.database import Transaction
from notifier.storage.repositories import claims
from notifier.storage.repositories.claims import AffectedSite, Candidate


class Reader(Protocol):
    """The contact point that a message goes to."""

    @property
    def id(self) -> int:
        """The notification."""

    @property
    def contact_point_id(self) -> int: ...

    @property
    def locale(self) -> str: ...

    @property
    def time_zone(self) -> str: ...


class _Versions(dict[str, str]):
    """Template versions by readers' locales, looked up once each."""

    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self._messages = messages

    def __missing__(self, locale: str) -> str:
        version = self[locale] = self._messages.wording(locale).version
        return version


class PersonalFacts:
    """Collects them from the store."""

    def __init__(self, config: Config, messages: Messages) -> None:
        self._config, self._messages = config, messages
        self._versions = _Versions(messages)

    @property
    def versions(self) -> Mapping[str, str]:
        """Return the template version that a reader of each locale is written to in."""
        return self._versions

    def freeze(
        self, tx: Transaction, broadcast_id: int, found: Sequence[Candidate], now: datetime
    ) -> dict[int, NotificationFacts]:
        """Return the personal facts of each message, as they are at this minute."""
        sites = claims.affected_sites(tx, broadcast_id, [one.contact_point_id for one in found])
        told = [(one, sites[one.contact_point_id], not one.told_before) for one in found]
        return self.freeze_about(tx, told, now)

    def freeze_about(
        self, tx: Transaction, found: Sequence[tuple[Reader, Sequence[AffectedSite], bool]], now: datetime
    ) -> dict[int, NotificationFacts]:
        """Return the personal facts of messages about the sites given with each, and whether it is a first contact."""
        counts = claims.site_counts(tx, [one.contact_point_id for one, _, _ in found])
        without_zone = [site.id for _, listed, _ in found for site in listed if not site.time_zone]
        zones = claims.region_time_zones(tx, without_zone, self._config.regions.kinds)
        at = now.replace(second=0, microsecond=0)
        return {
            one.id: NotificationFacts(
                sites=tuple(site_name(address=site.address, label=site.label) for site in listed[:LISTED_AT_MOST]),
                sites_affected=len(listed),
                site_count=max(counts.get(one.contact_point_id, 0), len(listed)),
                locale=self._messages.reader_locale(one.locale),
                time_zone=self._zone(one, listed, zones),
                at=at,
                first_contact=is_first,
            )
            for one, listed, is_first in found
        }

    def _zone(self, one: Reader, sites: Sequence[AffectedSite], by_region: Mapping[int, str]) -> str:
        """Return the zones of the sites, joined; where none has one, the contact point's, then the company's."""
        if len(sites) == 1 and sites[0].time_zone:
            return sites[0].time_zone
        named = (site.time_zone or by_region.get(site.id, "") for site in sites)
        zones = dict.fromkeys(zone for names in named for zone in names.split("|") if zone)
        return "|".join(zones) or one.time_zone or self._config.regions.time_zone
