"""The checklist before customers hear from us: what the store, the configuration and the providers say, judged."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from notifier.config import Config, Provider, ProviderKind
from notifier.domain.go_live import Carrier, Facts, GoLiveView, Standing, Whither, checklist
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.settings.addresses import is_loopback
from notifier.settings.advice import stays_here
from notifier.storage.database import Transaction
from notifier.storage.queries.go_live import tried
from notifier.storage.repositories import automatic, control, directory

_BEST = {1: Channel.EMAIL, 2: Channel.SMS}  # as the directory counts


def look(
    tx: Transaction,
    config: Config,
    playbooks: Mapping[str, Playbook],
    states: Mapping[str, str],
    now: datetime,
) -> GoLiveView:
    """Return the checklist; `states` are of the providers, by name."""
    found, reach = tried(tx), directory.reach(tx)
    carriers = [_carrier(each, states.get(each.name, "up")) for each in config.providers]
    plans = list({plan.name: plan for plan in playbooks.values()}.values())
    url = config.sender.public_url
    facts = Facts(
        people=[person.name for person in config.on_call.people],
        answered=found.answered,
        stopped=found.stopped,
        started=found.started,
        tests=found.tests,
        guests=len(config.delivery.only_to),
        carriers=carriers,
        registration=config.sms.registration,
        backtest=automatic.backtest(tx),
        backup=found.backup,
        plans=plans,
        closed=automatic.closed(tx),
        public_url=url,
        public_url_is_here=is_loopback(urlsplit(url).hostname or ""),
        customers=sum(count for count, _ in reach.values()),
        reached=_reached(reach, carriers),
        keys=found.keys,
        paused=control.is_paused(tx),
    )
    checks = checklist(facts, now)
    return GoLiveView(now=now, ready=all(each.state is not Standing.MISSING for each in checks), checks=checks)


def _reached(reach: Mapping[int, tuple[int, int]], carriers: Sequence[Carrier]) -> int:
    """Count customers whose best channel a provider carries; a mail address hides whether there is a mobile too."""
    carried = {each.channel for each in carriers}
    return sum(reach.get(best, (0, 0))[0] for best, channel in _BEST.items() if channel in carried)


def _carrier(provider: Provider, state: str) -> Carrier:
    whither = Whither.HERE if stays_here(provider) else Whither.AWAY
    if provider.kind is ProviderKind.FILE:
        whither = Whither.FILES
    return Carrier(
        name=provider.name,
        channel=provider.channel,
        whither=whither,
        is_stand_in=whither is Whither.HERE and provider.kind is ProviderKind.TWILIO,
        state=state,
    )
