"""What this installation must reach, and who must reach it: store, carriers, its own public address, the right time."""

import asyncio
import os
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from notifier.cli.online.finding import Finding, ok, problem, warning
from notifier.config import Config, Provider, ProviderKind
from notifier.domain.delivery import Outcome, Result
from notifier.domain.errors import NotifierError
from notifier.settings.addresses import is_loopback
from notifier.web.health import INSTANCE

STORE_SECONDS = 15.0
LOGIN_SECONDS = 20.0
HTTP_SECONDS = 10.0
CLOCK_WARNS, CLOCK_IS_WRONG = timedelta(seconds=30), timedelta(minutes=5)
HEALTH = "/healthz"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - what is listened on, not by us

# "Sun, 22 Nov 2026 03:44:41 +0000", as Exim and Sendmail greet
_DATE = re.compile(r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A clock of somebody else: what it showed when ours showed `ours_at`."""

    whose: str
    shown_at: datetime
    ours_at: datetime


async def check_store(config: Config) -> Finding:
    """Return whether the database can be reached and written to, and has its schema."""
    what = "database"
    try:
        async with asyncio.timeout(STORE_SECONDS):
            return await asyncio.to_thread(_store, what, config.storage.url)
    except TimeoutError:
        return problem(what, f"no answer within {STORE_SECONDS:.0f} s", "see that its server runs and can be reached")


def _store(what: str, url: str) -> Finding:
    from notifier.storage import migrate
    from notifier.storage.opening import store_at

    try:
        store = store_at(url)
        stored, newest = store.revision(), migrate.revisions()[-1]
        if stored is None:
            return warning(what, f"{store.name} is empty", "run `notifier db upgrade`, or `notifier serve --migrate`")
        if stored < newest:
            return problem(what, f"{store.name} has schema {stored}, older than {newest}", "run `notifier db upgrade`")
        store.try_write()
    except (NotifierError, sqlite3.Error, OSError) as error:
        return problem(what, str(error), "see storage.url, the rights of this user, and the disk")
    return ok(what, f"{store.name} is there and takes writes")


# --- carriers


async def check_provider(settings: Provider) -> tuple[Finding, list[Clock]]:
    """Return whether a provider lets us in, and what its clock shows where it says so. Nothing is sent."""
    from notifier.providers import create

    what = f"provider {settings.name} ({settings.kind})"
    provider = create(settings)
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            outcome = await provider.try_login()
    except TimeoutError:
        return problem(what, f"no answer within {LOGIN_SECONDS:.0f} s", "see its address, and firewalls between"), []
    finally:
        await provider.close()
    return _let_in(what, settings, outcome), _of_greeting(settings.host, outcome.answer)


def _let_in(what: str, settings: Provider, outcome: Outcome) -> Finding:
    if outcome.result is Result.ACCEPTED:
        return ok(what, _where(settings))
    said = f"{outcome.code} {outcome.answer}".strip() or str(outcome.result)
    if outcome.code[:3] in ("530", "535", "538", "401", "403"):
        return problem(
            what, said, "see its login: " + ("username, password" if _is_mail(settings) else "account_sid, auth_token")
        )
    return problem(
        what, said, "see " + ("host, port and tls" if _is_mail(settings) else "its address, and rights on the folder")
    )


def _where(settings: Provider) -> str:
    match settings.kind:
        case ProviderKind.SMTP:
            login = "logged in" if settings.username else "no login is configured"
            return f"{settings.host}:{settings.port} answers, tls {settings.tls}, {login}"
        case ProviderKind.TWILIO:
            return f"{urlsplit(settings.base_url).hostname} knows the account"
        case ProviderKind.FILE:
            return f"{settings.directory} takes files"


def _is_mail(settings: Provider) -> bool:
    return settings.kind is ProviderKind.SMTP


def _of_greeting(whose: str, words: str) -> list[Clock]:
    found = _DATE.search(words)
    shown = _instant(found[0]) if found else None
    return [] if shown is None else [Clock(whose=whose, shown_at=shown, ours_at=datetime.now(UTC))]


# --- our own address


async def check_public_url(config: Config) -> tuple[list[Finding], list[Clock]]:
    """Return whether the public address leads to this daemon, and what the clock in front of it shows."""
    what, url = "public URL", config.sender.public_url.rstrip("/")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HTTP_SECONDS)) as session:
        here = await _health(session, f"http://{_own_address(config.server.listen)}")
        there = await _health(session, url)
    if isinstance(there, str) and isinstance(here, str):
        found = f"no daemon answers at {config.server.listen} ({here}), nor at {url} ({there})"
        return [problem(what, found, "start it: notifier serve")], []
    if isinstance(there, str):
        do = "see the proxy in front of the daemon, its certificate, and the name in the DNS"
        return [problem(what, f"{url}{HEALTH}: {there}", do)], []
    if isinstance(here, str):
        unknown = f"{url} answers; whether by this daemon is not known: none answers at {config.server.listen}"
        findings = [warning(what, unknown, "run this on the daemon's machine")]
    elif not here.instance or here.instance != there.instance:
        do = f"let the proxy hand {url} to {config.server.listen}"
        findings = [problem(what, f"{url} answers, but not this daemon", do)]
    else:
        findings = [ok(what, f"{url} leads to this daemon")]
    return [*findings, *_who_can_follow(what, url)], there.clocks


def _own_address(listen: str) -> str:
    """Return where a daemon of this machine answers that listens everywhere."""
    host, _, port = listen.rpartition(":")
    return f"{_EVERYWHERE.get(host, host)}:{port}"


def _who_can_follow(what: str, url: str) -> list[Finding]:
    parts = urlsplit(url)
    if is_loopback(parts.hostname or ""):
        return [warning(what, f"{url} is this machine: customers cannot follow its links", "set sender.public_url")]
    if parts.scheme != "https":
        return [warning(what, f"{url} is plain http: no one-click opt-out, no callbacks of carriers", "use https")]
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class _Health:
    """An answer of /healthz."""

    instance: str
    clocks: list[Clock]


async def _health(session: aiohttp.ClientSession, url: str) -> "_Health | str":
    """Return who answers at an address, or why nobody does."""
    try:
        async with session.get(url + HEALTH, allow_redirects=False) as response:
            if response.status != 200:
                return f"the answer is {response.status}"
            return _Health(instance=response.headers.get(INSTANCE, ""), clocks=_of_answer(url, response))
    except aiohttp.ClientConnectorCertificateError:
        return "its certificate is not valid"
    except aiohttp.ClientConnectorError as error:
        return os.strerror(error.os_error.errno).lower() if error.os_error.errno else "no connection"
    except TimeoutError:
        return f"no answer within {HTTP_SECONDS:.0f} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"no answer that can be read ({type(error).__name__})"


# --- the time


async def clocks_of_carriers(providers: Sequence[Provider]) -> list[Clock]:
    """Return what the APIs of carriers show as the time, in the head of whatever they answer."""
    urls = dict.fromkeys(each.base_url for each in providers if each.kind is ProviderKind.TWILIO)
    found: list[Clock] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HTTP_SECONDS)) as session:
        for url in urls:
            try:
                async with session.head(url, allow_redirects=False) as response:
                    found += _of_answer(url, response)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                continue  # that it cannot be reached is said where its login is tried
    return found


def check_clock(clocks: Sequence[Clock]) -> Finding:
    """Return whether our clock agrees with the others."""
    if not clocks:
        return ok("clock", "nobody tells another time: there is no other clock to compare with")
    worst = max(clocks, key=lambda clock: abs(clock.shown_at - clock.ours_at))
    apart = abs(worst.shown_at - worst.ours_at)
    said = f"{apart.total_seconds():.0f} s from that of {worst.whose}"
    do = "let this machine follow a time server: chrony, systemd-timesyncd"
    if apart >= CLOCK_IS_WRONG:
        return problem("clock", said, do)
    return warning("clock", said, do) if apart >= CLOCK_WARNS else ok("clock", said)


def _of_answer(url: str, response: aiohttp.ClientResponse) -> list[Clock]:
    shown = _instant(response.headers.get("Date", ""))
    whose = urlsplit(url).hostname or url
    if shown is None or is_loopback(whose):  # our own clock, on its way back
        return []
    return [Clock(whose=whose, shown_at=shown, ours_at=datetime.now(UTC))]


def _instant(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
