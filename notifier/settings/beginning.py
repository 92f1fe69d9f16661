"""The first configuration of a company, from six answers; what is not asked keeps its default.

In: answers as they are typed. Out: `Company`, or why an answer cannot be; and the text of a configuration file, whose
comments say what to change next. Nothing here reads or writes a file.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from notifier.config import Config
from notifier.domain.contact import normalise_email, normalise_phone
from notifier.domain.errors import InvalidInput, nearest
from notifier.domain.text import clean_line
from notifier.settings.addresses import is_zone
from notifier.settings.sample import in_one_line

SOURCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "agents": ("cli", "true"),  # `notifier complaints add`
        "files": ("import", "true"),
        "helpdesk": ("api", "true"),  # a program with a key, which knows who is asking
        "web": ("web", "false"),  # a form anybody can fill in
        "texts": ("sms", "true"),
        "mails": ("email", "false"),
    }
)
"""Answer: name of the source, and whether it has verified who is complaining."""

FILE = "file"
NOBODY = "nobody"
_AREA_CODE_COUNTRIES = ("US", "CA")
_HOST = re.compile(r"(?i)(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_TLS_OF_PORT = {465: "implicit", 587: "starttls", 25: "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person to wake."""

    name: str
    sms: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The server that takes mails, and the address they come from."""

    host: str
    port: int
    sender: str

    @property
    def tls(self) -> str:
        """Return how the port is spoken to, as is usual."""
        return _TLS_OF_PORT.get(self.port, "starttls")


def company(text: str) -> str:
    """Return the name of the company."""
    name = clean_line(text)
    if not name:
        raise InvalidInput("is empty", expected="the name that customers know")
    return name


def services(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return services that have a recovery plan."""
    given = [word.lower() for word in re.split(r"[\s,;|]+", text) if word]
    if not given:
        raise InvalidInput("is empty", expected=f"one or more of {', '.join(known)}")
    for word in given:
        if word not in known:
            raise InvalidInput(
                f"there is no recovery plan for '{word}'{nearest(word, known)}", expected=", ".join(known)
            )
    return tuple(service for service in known if service in given)


def place(text: str) -> tuple[str, str]:
    """Return the country and the time zone."""
    country, zone = "US", ""
    for word in clean_line(text).replace(",", " ").split():
        if is_zone(word):
            zone = word
        elif len(word) == 2 and word.isascii() and word.isalpha():
            country = word.upper()
        else:
            raise InvalidInput(f"'{word}' is no country and no time zone", expected="such as US America/New_York")
    if not zone:
        raise InvalidInput("has no time zone", expected="such as US America/New_York")
    return country, zone


def sources(text: str) -> tuple[str, ...]:
    """Return where complaints come from."""
    given = [word.lower() for word in re.split(r"[\s,;]+", text) if word]
    for word in given:
        if word not in SOURCES:
            raise InvalidInput(f"'{word}' is unknown{nearest(word, list(SOURCES))}", expected=", ".join(SOURCES))
    if not given:
        raise InvalidInput("is empty", expected=f"one or more of {', '.join(SOURCES)}")
    return tuple(word for word in SOURCES if word in given)


def relay(text: str) -> Relay | None:
    """Return the relay of `HOST[:PORT] FROM`, or None for files."""
    words = clean_line(text).split()
    if [word.lower() for word in words] == [FILE]:
        return None
    if len(words) != 2:
        raise InvalidInput("is not understood", expected=f"{FILE}, or such as smtp.example.com:587 outages@example.com")
    host, _, port = words[0].partition(":")
    if not _HOST.fullmatch(host) or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise InvalidInput(f"'{words[0]}' is no server", expected="such as smtp.example.com:587")
    return Relay(host=host.lower(), port=int(port or 587), sender=normalise_email(words[1]))


def people(text: str, country: str) -> tuple[Person, ...]:
    """Return who is woken, the first one first: `Anna +14155550101, Bert bert@example.com`."""
    if clean_line(text).lower() in ("", NOBODY):
        return ()
    found: list[Person] = []
    for part in text.split(","):
        name, address = _person(clean_line(part))
        if any(person.name == name for person in found):
            raise InvalidInput(f"'{name}' is there twice", expected="another name for each")
        if "@" in address:
            found.append(Person(name=name, email=normalise_email(address)))
        else:
            found.append(Person(name=name, sms=normalise_phone(address, country)))
    return tuple(found)


def _person(part: str) -> tuple[str, str]:
    """Return name and address; a number may have spaces in it."""
    match = re.fullmatch(r"(.*?\S)\s+(\S+@\S+|\+?\(?\d[\d\s().-]{5,})", part)
    if match is None:
        raise InvalidInput(f"'{part}' is no name with an address", expected="such as Anna +14155550101")
    return match[1], match[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The six answers."""

    name: str
    services: tuple[str, ...]
    country: str
    zone: str
    sources: tuple[str, ...]
    relay: Relay | None
    people: tuple[Person, ...]


def written(answers: Company) -> str:
    """Return the configuration file of a company."""
    parts: list[Callable[[Company], list[str]]] = [_head, _regions, _services, _sources, _providers, _on_call, _sender]
    return "\n\n".join("\n".join(part(answers)) for part in parts) + "\n"


def _head(answers: Company) -> list[str]:
    return [
        f"# Configuration of Notifier for {answers.name}, made by `notifier init`.",
        "# Only what differs from the defaults stands here; docs/CONFIGURATION.md has every key. `notifier check`",
        "# tells mistakes; `notifier reload` puts a change in force.",
    ]


def _regions(answers: Company) -> list[str]:
    lines = ["regions:", f"  time_zone: {answers.zone}", f"  country: {answers.country}"]
    if answers.country not in _AREA_CODE_COUNTRIES:
        lines += [
            "  # Telephone numbers do not tell a place there.",
            "  kinds: [node, postal_code, city]",
            "  watched: [node, postal_code, city]",
        ]
    return lines


def _services(answers: Company) -> list[str]:
    words = {service.name: service.words for service in Config().services}
    return [
        "services:",
        *(f"  - {{name: {name}, words: {in_one_line(words.get(name, {}))}}}" for name in answers.services),
    ]


def _sources(answers: Company) -> list[str]:
    return [
        "# Where complaints come from; one that is not listed is refused. Trusted: it has verified who is complaining.",
        "sources:",
        *(f"  - {{name: {SOURCES[each][0]}, trusted: {SOURCES[each][1]}}}" for each in answers.sources),
    ]


def _providers(answers: Company) -> list[str]:
    texts = (
        "  - {name: texts, kind: file, channel: sms, directory: var/texts}  # texts become files: docs/SMS.md goes on"
    )
    if answers.relay is None:
        return [
            "# Nothing leaves this machine: mails become files in var/outbox. A relay in place of it:",
            "#   - {name: relay, kind: smtp, channel: email, host: smtp.example.com, port: 587, tls: starttls}",
            "providers:",
            "  - {name: outbox, kind: file, channel: email, directory: var/outbox}",
            texts,
        ]
    relay = answers.relay
    return [
        "providers:",
        f"  - {{name: relay, kind: smtp, channel: email, host: {relay.host}, port: {relay.port}, tls: {relay.tls}}}",
        "    # with a login: username: NAME, password_file: /etc/notifier/relay-password",
        texts,
        "",
        "# While you try: only these get anything. Take it away when `notifier check --online` has no problem.",
        "delivery:",
        f"  only_to: [{in_one_line(relay.sender)}]",
    ]


def _on_call(answers: Company) -> list[str]:
    if not answers.people:
        return [
            "# Nobody is woken yet: an incident waits until somebody looks. docs/ON_CALL.md",
            "# on_call:",
            "#   people:",
            "#     - {name: Anna, sms: '+14155550101'}",
        ]
    lines = ["# Who is woken, in order; `notifier on-call test` tries it.", "on_call:", "  people:"]
    for person in answers.people:
        address = f"sms: '{person.sms}'" if person.sms else f"email: {in_one_line(person.email)}"
        lines.append(f"    - {{name: {_quoted(person.name)}, {address}}}")
    return lines


def _sender(answers: Company) -> list[str]:
    lines = ["# In whose name messages are sent; what customers see in every one of them.", "sender:"]
    lines.append(f"  company: {_quoted(answers.name)}")
    if answers.relay is not None:
        lines += [f"  address: {in_one_line(answers.relay.sender)}", f"  reply_to: {in_one_line(answers.relay.sender)}"]
    return [
        *lines,
        "  # postal_address: '1 Main St, Springfield'   # in the footer of mails",
        "  # phone: 555-0100                            # for questions",
        "  # public_url: https://outages.example.com    # where customers reach the links in mails",
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
