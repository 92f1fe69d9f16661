"""All online checks of a configuration at once, in the order in which they are read."""

import asyncio
from collections.abc import Sequence

from notifier.cli.online import reach
from notifier.cli.online.finding import Finding, State, problem
from notifier.cli.online.names import Names
from notifier.cli.online.sender import check_sender
from notifier.config import Config, ProviderKind

ALL_SECONDS = 60.0


def examine_online(config: Config, *, dns_server: str = "") -> list[Finding]:
    """Return what every check found; `dns_server` is asked instead of the system's."""
    return asyncio.run(_examine(config, Names(dns_server)))


async def _examine(config: Config, names: Names) -> list[Finding]:
    try:
        async with asyncio.timeout(ALL_SECONDS):
            return await _all(config, names)
    except TimeoutError:
        return [problem("time", f"the checks were not done within {ALL_SECONDS:.0f} s", "try again")]


async def _all(config: Config, names: Names) -> list[Finding]:
    store, providers, sender, (public, clocks), more = await asyncio.gather(
        reach.check_store(config),
        asyncio.gather(*(reach.check_provider(each) for each in config.providers)),
        _sender(config, names),
        reach.check_public_url(config),
        reach.clocks_of_carriers(config.providers),
    )
    every = [*clocks, *more, *(clock for _, found in providers for clock in found)]
    return [store, *(finding for finding, _ in providers), *sender, *public, reach.check_clock(every)]


async def _sender(config: Config, names: Names) -> Sequence[Finding]:
    """Return what the DNS says, where mail leaves this machine."""
    mail = [each for each in config.providers if each.kind is ProviderKind.SMTP]
    if not mail:
        return [Finding(what="DNS of the sender", state=State.OK, found="not asked: no mail leaves this machine")]
    return await check_sender(config, names)
