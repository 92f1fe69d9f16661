"""What must hold between keys, and what a text must look like beyond its type.

Each rule is a pure function of the `Config` that yields (path, what is wrong). A rule names the paths it reads, so
that it stays silent while one of them is wrong by itself.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from urllib.parse import urlsplit

from notifier.config import Config, PostingKind, Provider, ProviderKind, WebhookKind
from notifier.domain.contact import canonical
from notifier.domain.errors import InvalidInput, nearest
from notifier.domain.money import parse_amount
from notifier.domain.notification import Channel
from notifier.settings.addresses import is_host, is_mail, is_zone, nearest_zone, split_listen
from notifier.settings.conversion import Reader
from notifier.settings.descriptions import alternatives
from notifier.settings.durations import format_duration
from notifier.settings.environment import DEFAULTS
from notifier.settings.tree import Problem, below

Finding = tuple[str, str]  # path, what is wrong and what would be right

LINK_SECRET_LENGTH = 16
REBUILD_NEEDS = timedelta(days=2)  # a restarted detector reads the complaints of the last 28 hours
ZERO = timedelta()

_KIND = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_LOCALE = re.compile(r"[a-z]{2,3}(_[A-Z][a-z]{3})?(_[A-Z]{2})?", re.ASCII)
_ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}", re.ASCII)
_SERVICE_SID = re.compile(r"MG[0-9a-f]{32}", re.ASCII)
_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{5,6}", re.ASCII)
_AREA_CODE = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """A check and the paths it reads."""

    reads: tuple[str, ...]
    check: Callable[[Config], Iterator[Finding]]


def broken(config: Config, reader: Reader) -> list[Problem]:
    """Return a problem for every rule that the configuration breaks, at the place of its key."""
    found: list[Problem] = []
    for rule in RULES:
        wrong = [problem.path for problem in (*reader.problems, *found)]
        if any(_touches(path, read) for path in wrong for read in rule.reads):
            continue
        found += [
            Problem(place=reader.place_of(path, DEFAULTS), path=path, reason=reason)
            for path, reason in rule.check(config)
        ]
    return found


def repeated(words: Sequence[str]) -> list[tuple[int, str]]:
    """Return position and word of each that stood before in the list."""
    return [(index, word) for index, word in enumerate(words) if word in words[:index]]


# Server, storage and queue


def _listens(config: Config) -> Iterator[Finding]:
    server = config.server
    for path, value in (("server.listen", server.listen), ("server.metrics_listen", server.metrics_listen)):
        if value or path == "server.listen":
            yield from _listen(path, value)
    if server.listen == server.metrics_listen and not server.listen.endswith(":0"):
        yield "server.metrics_listen", "is the same as server.listen; expected a port of its own, or '' for no metrics"


def _listen(path: str, value: str) -> Iterator[Finding]:
    split = split_listen(value)
    expected = "expected HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080"
    if split is None:
        yield path, f"'{value}' is no address with a port; {expected}"
    elif not split[0]:
        yield path, f"'{value}' names no host; expected 0.0.0.0{value} for every interface, or 127.0.0.1{value}"
    elif not is_host(split[0]):
        yield path, f"'{split[0]}' is no host; {expected}"


def _token_file(config: Config) -> Iterator[Finding]:
    if not config.server.token_file or config.server.token_file.endswith("/"):
        yield "server.token_file", "names no file; expected a path such as var/token"


def _storage(config: Config) -> Iterator[Finding]:
    url = config.storage.url  # the address may hold a password: it is not shown
    expected = "expected sqlite:///var/notifier.db, or four slashes before an absolute path"
    scheme, separator, path = url.partition("://")
    if scheme in ("postgresql", "postgres"):
        yield from _postgresql(url)
    elif scheme != "sqlite" or not separator:
        yield "storage.url", f"is no address of a database; {expected}; or postgresql://HOST/DATABASE"
    elif not path.startswith("/") or path.endswith("/") or path == "/:memory:" or set(path) & set("?#"):
        yield "storage.url", f"names no file; {expected}"


def _postgresql(url: str) -> Iterator[Finding]:
    try:
        parts = urlsplit(url)
        has_database = len(parts.path) > 1 and parts.path.count("/") == 1 and not parts.fragment
        _ = parts.port
    except ValueError:
        has_database = False
    if not has_database:
        yield "storage.url", "names no database of a server; expected postgresql://USER@HOST:5432/DATABASE"
    if missing := [name for name in ("asyncpg", "greenlet") if find_spec(name) is None]:
        yield "storage.url", f"PostgreSQL needs {' and '.join(missing)}; run: pip install 'notifier[postgresql]'"


def _queue(config: Config) -> Iterator[Finding]:
    if config.queue.url != "embedded":
        yield "queue.url", "is not known; expected embedded, the only queue of this release"


# Places, services, sources


def _kinds(config: Config) -> Iterator[Finding]:
    kinds = config.regions.kinds
    for index, kind in enumerate(kinds):
        if not _KIND.fullmatch(kind):
            yield f"regions.kinds[{index}]", f"'{kind}' is no kind; expected lower-case letters, digits and _"
    for index, kind in repeated(kinds):
        yield f"regions.kinds[{index}]", f"'{kind}' is listed twice; expected each kind once, from narrow to wide"


def _watched(config: Config) -> Iterator[Finding]:
    kinds = config.regions.kinds
    for index, kind in enumerate(config.regions.watched):
        if kind not in kinds:
            yield f"regions.watched[{index}]", _unknown(kind, "kind of region", kinds)
    for index, kind in repeated(config.regions.watched):
        yield f"regions.watched[{index}]", f"'{kind}' is listed twice"


def _zones(config: Config) -> Iterator[Finding]:
    zones = [("regions.time_zone", config.regions.time_zone)]
    zones += [
        (f"regions.named[{index}].time_zone", region.time_zone) for index, region in enumerate(config.regions.named)
    ]
    for path, zone in zones:
        if (zone or path == "regions.time_zone") and not is_zone(zone):
            yield (
                path,
                f"'{zone}' is no IANA time zone; expected a name such as America/Los_Angeles{nearest_zone(zone)}",
            )


def _country(config: Config) -> Iterator[Finding]:
    from phonenumbers import SUPPORTED_REGIONS

    country = config.regions.country
    if country not in SUPPORTED_REGIONS:
        hint = f"; did you mean '{country.upper()}'?" if country.upper() in SUPPORTED_REGIONS else ""
        yield (
            "regions.country",
            f"'{country}' is no country with a numbering plan; expected two letters such as US{hint}",
        )


def _named(config: Config) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for index, region in enumerate(config.regions.named):
        if region.kind not in config.regions.kinds:
            yield f"regions.named[{index}].kind", _unknown(region.kind, "kind of region", config.regions.kinds)
        if (region.kind, region.code) in seen:
            yield f"regions.named[{index}].code", f"{region.kind} '{region.code}' is named twice"
        seen.add((region.kind, region.code))


def _overlays(config: Config) -> Iterator[Finding]:
    overlays = config.regions.overlays
    if overlays and "area_code" not in config.regions.kinds:
        yield "regions.overlays", "area_code is not one of regions.kinds; expected it there, or no overlays"
    for index, name in repeated([overlay.name for overlay in overlays]):
        yield f"regions.overlays[{index}].name", f"'{name}' is the name of two overlays"
    seen: dict[str, str] = {}
    for index, overlay in enumerate(overlays):
        for position, code in enumerate(overlay.codes):
            path = f"regions.overlays[{index}].codes[{position}]"
            if not _AREA_CODE.fullmatch(code):
                yield path, f"'{code}' is no area code; expected digits"
            if code in seen:
                yield path, f"{code} is already in overlay '{seen[code]}'; expected each code in at most one overlay"
            seen[code] = overlay.name


def _names(config: Config) -> Iterator[Finding]:
    lists = {
        "sources": [source.name for source in config.sources],
        "services": [service.name for service in config.services],
        "providers": [provider.name for provider in config.providers],
    }
    for section, names in lists.items():
        for index, name in repeated(names):
            yield f"{section}[{index}].name", f"'{name}' is used twice; expected another name"


def _detection(config: Config) -> Iterator[Finding]:
    detection = config.detection
    if detection.certain < detection.likely:
        yield (
            "detection.certain",
            f"{detection.certain:g} is below likely ({detection.likely:g}); expected at least that",
        )
    if not ZERO < detection.late_after <= timedelta(hours=24):
        yield (
            "detection.late_after",
            f"{format_duration(detection.late_after)} is out of bounds; expected up to 24 h, above 0 s",
        )


# Providers, delivery, retention


def _providers(config: Config) -> Iterator[Finding]:
    for index, provider in enumerate(config.providers):
        check = {ProviderKind.SMTP: _smtp, ProviderKind.TWILIO: _twilio, ProviderKind.FILE: _file}[provider.kind]
        for key, reason in check(provider):
            yield below(f"providers[{index}]", key), reason
        if not ZERO < provider.timeout <= timedelta(hours=1):
            wrong = f"{format_duration(provider.timeout)} is out of bounds"
            yield f"providers[{index}].timeout", f"{wrong}; expected above 0 s, up to 1 h"


def _smtp(provider: Provider) -> Iterator[Finding]:
    if provider.channel is not Channel.EMAIL:
        yield "channel", f"a mail relay cannot carry {provider.channel}; expected email"
    if not is_host(provider.host):
        yield "host", f"'{provider.host}' is no host; expected the name or address of a relay, without port or scheme"
    if bool(provider.username) != bool(provider.password):
        missing, given = ("password", "username") if provider.username else ("username", "password")
        yield missing, f"is missing though {given} is given; expected both or none"


def _twilio(provider: Provider) -> Iterator[Finding]:
    if provider.channel is not Channel.SMS:
        yield "channel", f"this provider cannot carry {provider.channel}; expected sms"
    if not _ACCOUNT_SID.fullmatch(provider.account_sid):
        yield "account_sid", "is no account; expected AC and 32 hexadecimal digits, as the console shows it"
    if not provider.auth_token:
        yield "auth_token", "is missing; expected the account's token, better in auth_token_file"
    if bool(provider.sender) == bool(provider.messaging_service_sid):
        yield "sender", "expected one of sender and messaging_service_sid, not both or none"
    elif provider.sender and not _SENDER.fullmatch(provider.sender):
        yield "sender", f"'{provider.sender}' is no sender; expected a number such as +14155550100, or a short code"
    elif provider.messaging_service_sid and not _SERVICE_SID.fullmatch(provider.messaging_service_sid):
        yield "messaging_service_sid", "is no Messaging Service; expected MG and 32 hexadecimal digits"
    if urlsplit(provider.base_url).scheme not in ("http", "https"):
        yield "base_url", f"'{provider.base_url}' is no http(s) address; expected https://api.twilio.com"


def _file(provider: Provider) -> Iterator[Finding]:
    if provider.channel is Channel.VOICE:
        yield "channel", "no provider of this release carries voice; expected email or sms"
    if not provider.directory:
        yield "directory", "is empty; expected a folder such as var/outbox"


def _delivery(config: Config) -> Iterator[Finding]:
    lease, take_back = config.delivery.lease, config.delivery.take_back
    slowest = max((provider.timeout for provider in config.providers), default=ZERO)
    if lease <= slowest:
        wrong = f"{format_duration(lease)} is not longer than the longest timeout of a provider"
        yield (
            "delivery.lease",
            f"{wrong} ({format_duration(slowest)}); expected more, or claimed messages fall in doubt",
        )
    if take_back > timedelta(hours=1):
        yield "delivery.take_back", f"{format_duration(take_back)} is out of bounds; expected up to 1 h"


def _guests(config: Config) -> Iterator[Finding]:
    for index, entry in enumerate(config.delivery.only_to):
        try:
            canonical(entry, config.regions.country)
        except InvalidInput as error:
            yield f"delivery.only_to[{index}]", f"'{entry}' {error.reason}"


def _retention(config: Config) -> Iterator[Finding]:
    kept = config.retention.complaints
    if ZERO < kept < REBUILD_NEEDS:
        wrong = f"{format_duration(kept)} is too short for a restarted detector"
        yield "retention.complaints", f"{wrong}; expected at least 2 days, or 0 days to keep them for ever"


# People on call


def _on_call(config: Config) -> Iterator[Finding]:
    names = [person.name for person in config.on_call.people]
    for index, name in repeated(names):
        yield f"on_call.people[{index}].name", f"'{name}' is used twice; expected another name"
    for index, person in enumerate(config.on_call.people):
        path = f"on_call.people[{index}]"
        if not (person.sms or person.email or person.webhook):
            yield path, f"there is no way to reach {person.name}; expected sms, email or webhook"
        if person.email and not is_mail(person.email):
            yield f"{path}.email", f"'{person.email}' is no mail address"
        if person.sms and (wrong := _no_number(person.sms, config.regions.country)):
            yield f"{path}.sms", f"'{person.sms}' {wrong}"
        if person.webhook and urlsplit(person.webhook).scheme not in ("http", "https"):
            yield f"{path}.webhook", "is no http(s) address"
        if person.webhook and person.webhook_kind is WebhookKind.PAGERDUTY and not person.webhook_key:
            yield f"{path}.webhook_key", "is missing; expected the routing key of the PagerDuty service"
    if not ZERO < config.on_call.answer_within <= timedelta(hours=2):
        wrong = f"{format_duration(config.on_call.answer_within)} is out of bounds"
        yield "on_call.answer_within", f"{wrong}; expected above 0 s, up to 2 h"


def _no_number(text: str, country: str) -> str:
    """Return why a text is no telephone number, or nothing."""
    from notifier.domain.contact import normalise_phone  # reads the numbering plan: only where somebody is on call

    try:
        normalise_phone(text, country)
    except InvalidInput as error:
        return error.reason + (f"; expected {error.expected}" if error.expected else "")
    return ""


# What comes in


def _inbound(config: Config) -> Iterator[Finding]:
    inbound = config.inbound
    if inbound.lmtp_listen:
        yield from _listen("inbound.lmtp_listen", inbound.lmtp_listen)
    if inbound.helpdesk_address and not is_mail(inbound.helpdesk_address):
        yield "inbound.helpdesk_address", f"'{inbound.helpdesk_address}' is no mail address"


def _consent(config: Config) -> Iterator[Finding]:
    day = config.consent.optout_all_from
    try:
        date.fromisoformat(day or "2027-01-31")
    except ValueError:
        yield "consent.optout_all_from", f"'{day}' is no day; expected one such as 2027-01-31"


# Credits


def _credits(config: Config) -> Iterator[Finding]:
    settings = config.credits
    for key in ("customer_baseline", "incident_baseline", "budget", "agent_baseline"):
        try:
            parse_amount(getattr(settings, key), settings.currency)
        except InvalidInput as error:
            yield f"credits.{'currency' if 'currency' in error.reason else key}", str(error)
            return
    posting = settings.posting
    if posting.kind is PostingKind.WEBHOOK:
        if urlsplit(posting.url).scheme not in ("http", "https"):
            yield "credits.posting.url", "is no http(s) address; expected that of the biller"
        if len(posting.secret) < LINK_SECRET_LENGTH:
            yield "credits.posting.secret", f"is too short; expected at least {LINK_SECRET_LENGTH} characters"
    elif posting.by_itself:
        yield "credits.posting.by_itself", "needs kind webhook; expected false"
    if not ZERO < posting.timeout <= timedelta(minutes=5):
        wrong = f"{format_duration(posting.timeout)} is out of bounds"
        yield "credits.posting.timeout", f"{wrong}; expected above 0 s, up to 5 min"
    if settings.mail_waits > timedelta(minutes=30):
        wrong = f"{format_duration(settings.mail_waits)} is out of bounds"
        yield "credits.mail_waits", f"{wrong}; expected up to 30 min: customers wait to hear that it is back"


# Sender and languages


def _sender(config: Config) -> Iterator[Finding]:
    sender = config.sender
    for key, address in (("address", sender.address), ("reply_to", sender.reply_to)):
        if not is_mail(address):
            yield f"sender.{key}", f"'{address}' is no mail address; expected one such as outages@example.com"
    if sender.bounce_domain and not is_host(sender.bounce_domain):
        yield "sender.bounce_domain", f"'{sender.bounce_domain}' is no domain; expected one such as bounces.example.com"
    if sender.dkim_selector and not is_host(f"{sender.dkim_selector}.example"):
        yield "sender.dkim_selector", f"'{sender.dkim_selector}' is no selector; expected one such as mail2026"
    if sender.link_secret and len(sender.link_secret) < LINK_SECRET_LENGTH:
        yield "sender.link_secret", f"is too short; expected at least {LINK_SECRET_LENGTH} characters, or none at all"
    if sender.link_secret_previous and len(sender.link_secret_previous) < LINK_SECRET_LENGTH:
        yield "sender.link_secret_previous", f"is too short; expected at least {LINK_SECRET_LENGTH} characters"


def _public_url(config: Config) -> Iterator[Finding]:
    url = config.sender.public_url
    expected = "expected one such as https://outages.example.com"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        yield "sender.public_url", f"'{url}' is no address; {expected}"
        return
    if parts.username is not None or parts.password is not None:
        yield "sender.public_url", f"holds a login; {expected}"
    elif parts.scheme not in ("http", "https") or not host or not is_host(host):
        yield "sender.public_url", f"'{url}' is no http(s) address; {expected}"
    elif parts.path or parts.query or parts.fragment or url[-1] in "?#":
        yield "sender.public_url", f"'{url}' has something after the host; {expected}, without slash, path or query"


def _locales(config: Config) -> Iterator[Finding]:
    locales = config.locales
    for index, locale in enumerate(locales.available):
        if not _LOCALE.fullmatch(locale):
            yield f"locales.available[{index}]", f"'{locale}' is no locale; expected one such as en, es or pt_BR"
    for index, locale in repeated(locales.available):
        yield f"locales.available[{index}]", f"'{locale}' is listed twice"
    if locales.default not in locales.available:
        yield "locales.default", _unknown(locales.default, "available locale", locales.available)


def _signals(config: Config) -> Iterator[Finding]:
    kinds, services = config.regions.kinds, [service.name for service in config.services]
    for label, kind in config.signals.region_labels.items():
        if kind and kind not in kinds:
            yield f"signals.region_labels.{label}", _unknown(kind, "kind of region", kinds)
    if config.signals.service and config.signals.service not in services:
        yield "signals.service", _unknown(config.signals.service, "service", services)
    if config.signals.lapses_after <= ZERO:
        yield "signals.lapses_after", "an alarm would lapse at once; expected more than Alertmanager's repeat_interval"


RULES = (
    Rule(("server.listen", "server.metrics_listen"), _listens),
    Rule(("server.token_file",), _token_file),
    Rule(("storage.url",), _storage),
    Rule(("queue.url",), _queue),
    Rule(("regions.kinds",), _kinds),
    Rule(("regions.kinds", "regions.watched"), _watched),
    Rule(("regions.time_zone", "regions.named"), _zones),
    Rule(("regions.country",), _country),
    Rule(("regions.kinds", "regions.named"), _named),
    Rule(("regions.kinds", "regions.overlays"), _overlays),
    Rule(("sources", "services", "providers"), _names),
    Rule(("detection",), _detection),
    Rule(("signals", "regions.kinds", "services"), _signals),
    Rule(("providers",), _providers),
    Rule(("providers", "delivery"), _delivery),
    Rule(("regions.country", "delivery.only_to"), _guests),
    Rule(("retention.complaints",), _retention),
    Rule(
        (
            "sender.address",
            "sender.reply_to",
            "sender.bounce_domain",
            "sender.dkim_selector",
            "sender.link_secret",
            "sender.link_secret_previous",
        ),
        _sender,
    ),
    Rule(("sender.public_url",), _public_url),
    Rule(("locales",), _locales),
    Rule(("on_call", "regions.country"), _on_call),
    Rule(("inbound",), _inbound),
    Rule(("credits",), _credits),
    Rule(("consent",), _consent),
)


def _touches(wrong: str, read: str) -> bool:
    """Say whether a wrong path lies at, under or over a path that is read."""
    wrong, read = wrong.replace("[", ".["), read.replace("[", ".[")
    return wrong == read or not wrong or wrong.startswith(f"{read}.") or read.startswith(f"{wrong}.")


def _unknown(word: str, what: str, known: Sequence[str]) -> str:
    return f"'{word}' is no {what}; expected {alternatives(known)}{nearest(word, known)}"
