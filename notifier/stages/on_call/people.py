"""The people on call as the configuration names them: in order, with their routes, and who they are elsewhere."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from notifier.config import Config, Person, WebhookKind
from notifier.domain.contact import mask, normalise_phone
from notifier.domain.errors import InvalidInput
from notifier.domain.on_call import Roster, Route, identity


class People:
    """The people on call."""

    def __init__(self, config: Config) -> None:
        """Read them; a number that is none reaches nobody, and says so when it is called."""
        self._people = {person.name: person for person in config.on_call.people}
        self.roster = Roster(people=tuple(self._people), answer_within=config.on_call.answer_within)
        self.keys: Mapping[str, str] = {name: person.key for name, person in self._people.items()}
        self._numbers: dict[str, str] = {}
        for name, person in self._people.items():
            if person.sms:
                try:
                    self._numbers[name] = normalise_phone(person.sms, config.regions.country)
                except InvalidInput:
                    self._numbers[name] = ""

    def __bool__(self) -> bool:
        """Tell whether there is anybody."""
        return bool(self._people)

    def find(self, name: str) -> Person | None:
        """Return a person, or None when nobody has this name any more."""
        return self._people.get(name)

    def number(self, name: str) -> str:
        """Return a person's number as E.164, or nothing."""
        return self._numbers.get(name, "")

    def with_number(self, sender: str) -> list[str]:
        """Return who has this number; it may be one of several people's."""
        return [name for name, number in self._numbers.items() if number and number == sender]

    def routes(self, name: str) -> tuple[Route, ...]:
        """Return how a person is reached."""
        person = self._people.get(name)
        if person is None:
            return ()
        given = {Route.SMS: person.sms, Route.EMAIL: person.email, Route.WEBHOOK: person.webhook}
        return tuple(route for route, address in given.items() if address)

    def masked(self, name: str) -> dict[str, str]:
        """Return a person's routes as lists may show them; of a webhook, which may be a secret, the host."""
        person, shown = self._people.get(name), {}
        for route in self.routes(name) if person else ():
            assert person is not None  # noqa: S101 - else there is no route
            match route:
                case Route.SMS:
                    shown[str(route)] = mask(self.number(name)) if self.number(name) else "no number"
                case Route.EMAIL:
                    shown[str(route)] = mask(person.email)
                case Route.WEBHOOK:
                    shown[str(route)] = f"{person.webhook_kind} at {urlsplit(person.webhook).hostname or '?'}"
        return shown

    def shows_incidents(self, name: str) -> bool:
        """Tell whether a person's webhook keeps incidents of its own, which want to be closed one by one."""
        person = self._people.get(name)
        return person is not None and bool(person.webhook) and person.webhook_kind is WebhookKind.PAGERDUTY

    def is_same(self, name: str, actor: str) -> bool:
        """Tell whether a person is behind an actor, by text or by key."""
        return bool(actor) and (self.keys.get(name) or name).casefold() == identity(actor, self.keys)

    def behind(self, actor: str) -> str:
        """Return which person is behind an actor, or nothing."""
        return next((name for name in self._people if self.is_same(name, actor)), "")
