"""The way to people on call: their own connections, so that nothing that customers are sent stands before them.

In: a notice and a route. Out: an `Outcome`, within seconds. Quiet hours, caps, the guest list and `pause-all` are not
asked: they are about customers.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import assert_never

import structlog
from msgspec.structs import replace

from notifier.config import Config, Person
from notifier.domain.delivery import Outcome, Result
from notifier.domain.notification import Channel
from notifier.domain.on_call import Route
from notifier.messages import on_call as words
from notifier.messages.mime import Mail
from notifier.messages.on_call import Notice
from notifier.messages.sms import STATUS_PATH, Text, may_be_called_back
from notifier.messages.wording import RenderFailed
from notifier.providers import Provider, Recalled, create
from notifier.providers.webhook import Webhooks
from notifier.stages.on_call.people import People

log = structlog.get_logger(__name__)
HAND_OVER_SECONDS = 20.0  # the longest that anybody waits for a carrier before the next try, or the next person
CONNECTIONS = 2  # per provider
VALID_FOR = timedelta(hours=1)  # a text that arrives later wakes somebody for nothing


def own_providers(config: Config) -> dict[Channel, Provider]:
    """Return a provider per channel for people on call alone: the first configured one, on connections of its own."""
    found: dict[Channel, Provider] = {}
    for settings in config.providers:
        if settings.channel not in found:
            found[settings.channel] = create(replace(settings, connections=CONNECTIONS, rate=0))
    return found


def status_url(public_url: str, route_id: int) -> str:
    """Return where a carrier reports what became of a text to somebody on call, or nothing where it cannot."""
    url = public_url.rstrip("/")
    return f"{url}{STATUS_PATH}?on_call={route_id}" if may_be_called_back(url) else ""


class Carriers:
    """Hands notices over on every route."""

    def __init__(
        self,
        config: Config,
        people: People,
        providers: Mapping[Channel, Provider],
        webhooks: Webhooks | None = None,
    ) -> None:
        """Keep the providers, which are used by nobody else."""
        self._config, self._people, self._providers = config, people, providers
        self._webhooks = webhooks or Webhooks()
        self._open: set[Channel] = set()
        self._room = {channel: asyncio.Semaphore(max(1, each.capacity)) for channel, each in providers.items()}

    async def hand_over(self, notice: Notice, person: Person, route: Route, *, attempt: int) -> Outcome:
        """Hand one notice over and return what became of it; whatever goes wrong is an outcome."""
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                return await self._hand_over(notice, person, route, attempt)
        except TimeoutError:
            return Outcome(result=Result.UNKNOWN, answer="no answer in time")
        except RenderFailed as error:
            return Outcome(result=Result.RENDER_FAILED, answer=str(error))
        except (OSError, Recalled) as error:
            return Outcome(result=Result.OURS, answer=type(error).__name__)
        except Exception:  # the edge: what goes wrong on one route must not keep the others from going out
            log.exception("a hand-over to on-call failed", route=str(route))
            return Outcome(result=Result.UNKNOWN, answer="unexpected error; see the log")

    async def _hand_over(self, notice: Notice, person: Person, route: Route, attempt: int) -> Outcome:
        public_url = self._config.sender.public_url
        match route:
            case Route.SMS:
                number = self._people.number(person.name)
                if not number:
                    return Outcome(result=Result.PERMANENT, answer="the configured number is no telephone number")
                body, taken = words.text_message(notice)
                text = Text(
                    notification_id=-notice.route_id,  # no notification to a customer
                    attempt=attempt,
                    recipient=number,
                    body=body,
                    segments=taken.count,
                    valid_for=VALID_FOR,
                    status_url=status_url(public_url, notice.route_id),
                )
                return await self._send(Channel.SMS, text)
            case Route.EMAIL:
                return await self._send(
                    Channel.EMAIL, words.mail(notice, self._config.sender, person.email, public_url)
                )
            case Route.WEBHOOK:
                body_ = words.webhook(notice, person.webhook_kind, person.webhook_key, public_url)
                return await self._webhooks.post(person.webhook, body_)
        assert_never(route)

    async def _send(self, channel: Channel, message: Mail | Text) -> Outcome:
        provider = self._providers.get(channel)
        if provider is None:
            return Outcome(result=Result.PERMANENT, answer=f"no provider for {channel} is configured")
        async with self._room[channel]:
            if channel not in self._open:
                await provider.open()
                self._open.add(channel)
            return await provider.send(message, asyncio.Event())

    async def close(self) -> None:
        """Close every connection."""
        await self._webhooks.close()
        for channel in self._open:
            await self._providers[channel].close()
        self._open.clear()
