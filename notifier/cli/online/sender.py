"""The sender's domain in the DNS: what receivers will look up before they believe a mail of ours."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from notifier.cli.online import spf
from notifier.cli.online.finding import Finding, ok, problem, warning
from notifier.cli.online.names import LookupFailed, Names
from notifier.config import Config, Provider, ProviderKind
from notifier.domain.mail_dns import (
    Address,
    Dmarc,
    Mechanism,
    Qualifier,
    dkim_key,
    is_aligned,
    organisation_of,
    parents,
    parse_dmarc,
    parse_spf,
    spf_records,
)

ASK_AGAIN = "ask again, or another server: --dns 1.1.1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains:
    """In whose name mails go out."""

    author: str  # of From
    bounces: str  # of the envelope sender
    selector: str


def domains_of(config: Config) -> Domains:
    """Return the domains of a configuration."""
    author = config.sender.address.rpartition("@")[2].lower()
    return Domains(
        author=author, bounces=(config.sender.bounce_domain or author).lower(), selector=config.sender.dkim_selector
    )


async def check_sender(config: Config, names: Names) -> list[Finding]:
    """Return what the DNS says about the sender's domains: SPF, DKIM, DMARC, and who takes its bounces."""
    domains = domains_of(config)
    relays = [provider for provider in config.providers if provider.kind is ProviderKind.SMTP]
    return [
        await _asked(f"SPF of {domains.bounces}", _spf(domains, relays, names)),
        await _asked(f"DKIM of {domains.author}", _dkim(domains, names)),
        *await _dmarc(domains, names),
        await _asked(f"MX of {domains.bounces}", _mail_exchanger(domains, names)),
    ]


async def _asked(what: str, check: Awaitable[Finding]) -> Finding:
    try:
        return await check
    except LookupFailed as error:
        return problem(what, str(error), ASK_AGAIN)


# --- SPF


async def _spf(domains: Domains, relays: Sequence[Provider], names: Names) -> Finding:
    what = f"SPF of {domains.bounces}"
    records = spf_records(await names.texts(domains.bounces))
    if not records:
        return problem(what, "there is no record", 'publish one that names your relay: "v=spf1 include:... -all"')
    if len(records) > 1:
        return problem(what, f"there are {len(records)} records, which counts as an error", "merge them into one")
    terms = parse_spf(records[0])
    if Mechanism(name="all") in terms:
        return problem(what, "+all lets anybody send in your name", "end it with -all or ~all")
    for relay in relays:
        if not await _is_worth_asking(relay, names):
            continue
        verdicts = [await spf.Check(names).of(domains.bounces, each) for each in await _outgoing(relay, names)]
        if finding := _of_relay(what, relay, verdicts):
            return finding
    last = terms[-1] if terms else Mechanism(name="")
    if last.name == "redirect" or (last.name == "all" and last.qualifier in (Qualifier.FAIL, Qualifier.SOFT_FAIL)):
        return ok(what, records[0])
    return warning(what, f"{records[0]} says nothing about everybody else", "end it with -all or ~all")


def _of_relay(what: str, relay: Provider, verdicts: Sequence[spf.Verdict]) -> Finding | None:
    """Return what is wrong with a relay's place in the record, if anything is."""
    if spf.Verdict.ERROR in verdicts:
        do = "count what `include`, `a`, `mx` and `redirect` ask: 10 at most, and each must exist"
        return problem(what, "receivers will call it an error (permerror)", do)
    if not verdicts or spf.Verdict.PASSES in verdicts or set(verdicts) == {spf.Verdict.UNKNOWN}:
        return None
    do = "if it sends from these addresses, add them; if from others, look at a mail you got by `notifier test-send`"
    return warning(what, f"it does not name the addresses of {relay.host}", do)


async def _is_worth_asking(relay: Provider, names: Names) -> bool:
    """Tell whether the relay's address can be the one that receivers see: a public one."""
    return any(each.is_global for each in await _outgoing(relay, names))


async def _outgoing(relay: Provider, names: Names) -> list[Address]:
    return await names.addresses(relay.host)


# --- DKIM


async def _dkim(domains: Domains, names: Names) -> Finding:
    what = f"DKIM of {domains.author}"
    if not domains.selector:
        return warning(what, "the selector is not known", "set sender.dkim_selector to the one your relay signs with")
    name = f"{domains.selector}._domainkey.{domains.author}"
    match dkim_key(await names.texts(name)):
        case None:
            return problem(what, f"there is no key at {name}", "publish the key that your relay names")
        case "":
            return problem(
                what, f"the key at {name} was withdrawn", "publish a new one, and let the relay sign with it"
            )
        case _:
            return ok(what, f"there is a key at {name}")


# --- DMARC


async def _dmarc(domains: Domains, names: Names) -> list[Finding]:
    what, alignment = f"DMARC of {domains.author}", "alignment of From and bounces"
    try:
        found = [(parent, await _dmarc_at(parent, names)) for parent in parents(domains.author)]
    except LookupFailed as error:
        return [problem(what, str(error), ASK_AGAIN)]
    there = [(parent, record) for parent, record in found if record is not None]
    if not there:
        do = f'publish "v=DMARC1; p=none; rua=mailto:..." at _dmarc.{domains.author}; large receivers ask for it'
        return [problem(what, "there is no record, or more than one", do)]
    at, record = there[0]
    return [_policy(what, at, record), _alignment(alignment, domains, record)]


async def _dmarc_at(domain: str, names: Names) -> Dmarc | None:
    return parse_dmarc(await names.texts(f"_dmarc.{domain}"))


def _policy(what: str, at: str, record: Dmarc) -> Finding:
    if not record.policy:
        return problem(what, f"the record at _dmarc.{at} has no policy", "add p=none, p=quarantine or p=reject")
    return ok(what, f"p={record.policy} at _dmarc.{at}")


def _alignment(what: str, domains: Domains, record: Dmarc) -> Finding:
    pair, organisation = f"{domains.author} and {domains.bounces}", organisation_of(domains.author)
    if is_aligned(domains.bounces, domains.author, organisation, strict=record.strict_spf):
        return ok(what, f"{pair} are aligned ({'strict' if record.strict_spf else 'relaxed'})")
    if domains.selector:
        return warning(
            what, f"{pair} are not: DMARC rests on DKIM alone", "use a bounce_domain within the domain of From"
        )
    return problem(
        what, f"{pair} are not, and DKIM is not known", "use a sender.bounce_domain within the domain of From"
    )


# --- bounces


async def _mail_exchanger(domains: Domains, names: Names) -> Finding:
    what = f"MX of {domains.bounces}"
    hosts = await names.mail_exchangers(domains.bounces)
    if hosts == ["."]:
        return problem(what, "it says that it takes no mail: bounces and complaints are lost", "publish an MX")
    for host in hosts:
        if await names.addresses(host):
            return ok(what, f"bounces go to {host}")
    if hosts:
        return problem(what, f"{hosts[0]} has no address: bounces are lost", "correct the MX, or publish its address")
    if await names.addresses(domains.bounces):
        return warning(what, "there is none; bounces go to the domain's own address", "publish an MX")
    return problem(what, "there is none: bounces and complaints are lost", "publish one that leads to your mail server")
