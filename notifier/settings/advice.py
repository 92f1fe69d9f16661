"""What a configuration may say though it is unwise: shown by `notifier check` and when the daemon starts."""

from collections.abc import Iterator
from typing import assert_never
from urllib.parse import urlsplit

from notifier.config import Config, PostingKind, Provider, ProviderKind, Tls
from notifier.domain.notification import Channel
from notifier.settings.addresses import is_loopback
from notifier.settings.rules import Finding

_EXAMPLE_DOMAINS = ("example.com", "example.org", "example.net")


def warnings(config: Config) -> list[str]:
    """Return what is allowed but unwise, one line each."""
    checks = (
        _unsafe_links,
        _example_sender,
        _unsafe_relays,
        _foreign_words,
        _guests_alone,
        _unreachable_people,
        _open_door,
        _unheard_answers,
        _readable_money,
    )
    return [f"{path}: {reason}" for check in checks for path, reason in check(config)]


def stays_here(provider: Provider) -> bool:
    """Tell whether a provider hands over to this machine only: files, or a relay or receiver on loopback."""
    match provider.kind:
        case ProviderKind.FILE:
            return True
        case ProviderKind.SMTP:
            return is_loopback(provider.host)
        case ProviderKind.TWILIO:
            return is_loopback(urlsplit(provider.base_url).hostname or "")
    assert_never(provider.kind)


def webhooks_elsewhere(config: Config) -> list[str]:
    """Return the people on call whose webhook is on another machine."""
    return [
        person.name
        for person in config.on_call.people
        if person.webhook and not is_loopback(urlsplit(person.webhook).hostname or "")
    ]


def biller_elsewhere(config: Config) -> bool:
    """Tell whether credits are posted to another machine."""
    posting = config.credits.posting
    is_used = config.credits.enabled and posting.kind is PostingKind.WEBHOOK
    return is_used and not is_loopback(urlsplit(posting.url).hostname or "")


def _readable_money(config: Config) -> Iterator[Finding]:
    if biller_elsewhere(config) and urlsplit(config.credits.posting.url).scheme != "https":
        yield "credits.posting.url", "is not https: customer numbers and amounts travel readable to another machine"


def _unreachable_people(config: Config) -> Iterator[Finding]:
    carried = {provider.channel for provider in config.providers}
    for index, person in enumerate(config.on_call.people):
        for key, address, channel in (("sms", person.sms, Channel.SMS), ("email", person.email, Channel.EMAIL)):
            if address and channel not in carried:
                yield (
                    f"on_call.people[{index}].{key}",
                    f"{person.name} is not reached by it: no provider carries {channel}",
                )


def _unsafe_links(config: Config) -> Iterator[Finding]:
    parts = urlsplit(config.sender.public_url)
    if is_loopback(parts.hostname or ""):
        if _sends_mail(config):
            yield "sender.public_url", "is this machine: customers of a mail relay cannot follow its links"
    elif parts.scheme == "http" and any(provider.kind is ProviderKind.SMTP for provider in config.providers):
        reason = "whoever is on the way can read and use the links in mails, and mails offer no one-click opt-out"
        yield "sender.public_url", f"is plain http: {reason}; better https"


def _example_sender(config: Config) -> Iterator[Finding]:
    domain = config.sender.address.rpartition("@")[2].lower()
    if _sends_mail(config) and (domain in _EXAMPLE_DOMAINS or config.sender.company == "Example Utility"):
        yield "sender.address", "company or address are still the example, but a mail relay is configured"


def _unsafe_relays(config: Config) -> Iterator[Finding]:
    for index, provider in enumerate(config.providers):
        if provider.kind is not ProviderKind.SMTP or is_loopback(provider.host):
            continue
        if provider.tls is Tls.NONE:
            what = "password and mails travel" if provider.password else "mails travel"
            yield f"providers[{index}].tls", f"{what} to {provider.host} in plain text; better starttls or implicit"
        elif not provider.tls_verify:
            yield f"providers[{index}].tls_verify", f"whoever answers as {provider.host} is believed; better true"


def _foreign_words(config: Config) -> Iterator[Finding]:
    for index, service in enumerate(config.services):
        for locale in service.words:
            if locale not in config.locales.available:
                yield f"services[{index}].words.{locale}", "is not one of locales.available: nobody will read it"


def _guests_alone(config: Config) -> Iterator[Finding]:
    if guests := config.delivery.only_to:
        count = f"{len(guests)} address" if len(guests) == 1 else f"{len(guests)} addresses"
        yield "delivery.only_to", f"is set: customers are written to at {count} only, everyone else hears nothing"


def _open_door(config: Config) -> Iterator[Finding]:
    listen = config.inbound.lmtp_listen
    if listen and not is_loopback(listen.rpartition(":")[0].strip("[]")):
        yield "inbound.lmtp_listen", "is not this machine alone: whoever reaches it may hand in mail; LMTP has no login"


def _unheard_answers(config: Config) -> Iterator[Finding]:
    """Mails ask their readers to answer with a word, such as OUT."""
    mails = any(provider.kind is ProviderKind.SMTP for provider in config.providers)
    if mails and not config.inbound.lmtp_listen and not config.inbound.helpdesk_address:
        to = config.sender.reply_to or config.sender.address
        yield (
            "inbound.lmtp_listen",
            f"is empty, as is inbound.helpdesk_address: mails ask readers to reply OUT; what comes to {to} is not read",
        )


def _sends_mail(config: Config) -> bool:
    return any(not stays_here(provider) for provider in config.providers)
