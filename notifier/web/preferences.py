"""The preference page: what a contact point hears about, when, how and in which language, by a signed link.

The link is the key: no login, no cookies, no script. Opening it changes nothing. A form carries a token over the
settings it was shown with, so neither another site nor an old page can change anything. The page shows the masked
address, street lines and labels of sites, and nothing else that is personal. Tokens are never logged: the access log
has the template of the path.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qsl

from aiohttp import web

from notifier.domain.consent import Purpose
from notifier.domain.errors import NotFound
from notifier.domain.notification import Channel
from notifier.domain.preferences import Choices, Mistake, Preferences, clock_time
from notifier.messages.links import Purpose as LinkPurpose
from notifier.messages.links import is_form, read_versioned, sign_form
from notifier.stages.consents import Saved
from notifier.web.pages import Pages
from notifier.web.parts import Parts
from notifier.web.problem import Rejected
from notifier.web.rate_limit import RateLimit
from notifier.web.route import read_within

FORM_TYPE = "application/x-www-form-urlencoded"
FIELDS_AT_MOST = 1_000
SAVES_AT_ONCE, SAVE_EVERY = 10, timedelta(seconds=30)  # per contact point
VIEWS_AT_ONCE, VIEW_EVERY = 120, timedelta(seconds=1)
DONE = {"saved": "saved", "same": "unchanged", "stop": "stopped_now", "start": "started_now"}
STOP = "stop"  # in place of the settings shown: the token of the button that stops everything
_HOURS = (Mistake.HOURS_INCOMPLETE, Mistake.HOURS_WRONG, Mistake.HOURS_EQUAL)

Fields = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the page's form holds: the settings, or what was typed and is wrong."""

    locale: str
    purposes: frozenset[Purpose]
    channels: frozenset[Channel]
    quiet_from: str
    quiet_until: str
    sites: frozenset[int]
    paused: frozenset[int]


def routes(parts: Parts, pages: Pages) -> list[web.RouteDef]:
    """Return the two endpoints; the signed token is their key."""
    page = _Page(parts, pages)
    return [web.get("/p/{token}", page.show), web.post("/p/{token}", page.save)]


class _Page:
    """The page of every contact point."""

    def __init__(self, parts: Parts, pages: Pages) -> None:
        self._parts, self._pages = parts, pages
        self._saves = RateLimit(at_once=SAVES_AT_ONCE, every=SAVE_EVERY)
        self._views = RateLimit(at_once=VIEWS_AT_ONCE, every=VIEW_EVERY)
        self._languages = _names(parts.config.locales.available)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show the settings; changes nothing."""
        contact_point_id = self._contact_point(request)
        if contact_point_id is None:
            return self._pages.broken(request)
        seconds = self._views.wait(contact_point_id, self._parts.clock.monotonic())
        if seconds:
            return self._too_often(request, seconds)
        try:
            now = await self._parts.own_preferences.read(contact_point_id)
        except NotFound:
            return self._pages.broken(request)
        return self._page(now, done=DONE.get(request.query.get("done", ""), ""))

    async def save(self, request: web.Request) -> web.StreamResponse:
        """Save a form, or stop or start everything."""
        contact_point_id = self._contact_point(request)
        if contact_point_id is None:
            return self._pages.broken(request)
        seconds = self._saves.wait(contact_point_id, self._parts.clock.monotonic())
        if seconds:
            return self._too_often(request, seconds)
        fields = await _fields(request)
        try:
            return await self._save(request, contact_point_id, fields)
        except NotFound:
            return self._pages.broken(request)

    async def _save(self, request: web.Request, contact_point_id: int, fields: Fields) -> web.StreamResponse:
        token, do = _one(fields, "form"), _one(fields, "do")
        own = self._parts.own_preferences

        def was_shown(now: Preferences) -> bool:
            secrets = self._parts.link_secrets
            return any(is_form(secret, now.contact_point_id, now.fingerprint, token) for secret in secrets)

        def is_ours(now: Preferences) -> bool:  # of whatever age: no is no
            secrets = self._parts.link_secrets
            return was_shown(now) or any(is_form(each, now.contact_point_id, STOP, token) for each in secrets)

        if do == "stop":
            saved = await own.stop_all(contact_point_id, is_ours, wording="stop all messages")
        elif do == "start":
            saved = await own.start_again(contact_point_id, was_shown, wording="send me messages again")
        else:
            saved = await own.save(contact_point_id, _choices(fields), was_shown, wording="preference page saved")
            do = "saved" if saved.audit_id else "same"
        if saved.outdated or saved.mistakes:
            return self._again(saved, fields)
        here = f"{request.path}?done={do}#done"
        return web.Response(status=303, headers={"Location": here, "Cache-Control": "no-store"})

    def _again(self, saved: Saved, fields: Fields) -> web.Response:
        """Show the page again, with what was typed where that is what is wrong."""
        if saved.outdated:
            return self._page(saved.now, mistakes=["outdated"], status=409)
        wanted = _choices(fields)
        typed = Form(
            locale=wanted.locale,
            purposes=wanted.purposes,
            channels=wanted.channels,
            quiet_from=wanted.quiet_from,
            quiet_until=wanted.quiet_until,
            sites=wanted.sites,
            paused=wanted.paused,
        )
        wrong_hours = any(mistake in _HOURS for mistake in saved.mistakes)
        return self._page(saved.now, form=typed, mistakes=list(saved.mistakes), wrong_hours=wrong_hours, status=422)

    def _page(
        self,
        now: Preferences,
        *,
        form: Form | None = None,
        done: str = "",
        mistakes: list[str] | None = None,
        wrong_hours: bool = False,
        status: int = 200,
    ) -> web.Response:
        language = self._pages.language(now.locale)
        words = self._pages.words(language)
        return self._pages.page(
            "preferences",
            language,
            status=status,
            settings=now,
            form=form or self._form(now),
            form_token=sign_form(self._parts.link_secret, now.contact_point_id, now.fingerprint),
            stop_token=sign_form(self._parts.link_secret, now.contact_point_id, STOP),
            done=words[done] if done else "",
            mistakes=[words[mistake] for mistake in mistakes or ()],
            wrong_hours=wrong_hours,
            purposes=tuple(Purpose),
            languages=self._languages,
            services=self._services(language),
        )

    def _form(self, now: Preferences) -> Form:
        begin, end = now.quiet or (None, None)
        return Form(
            locale=now.language,
            purposes=now.purposes,
            channels=frozenset(now.channels) - now.channels_off,
            quiet_from="" if begin is None else clock_time(begin),
            quiet_until="" if end is None else clock_time(end),
            sites=frozenset(site.id for site in now.sites if site.heard_of),
            paused=frozenset(incident.id for incident in now.incidents if incident.paused),
        )

    def _services(self, language: str) -> dict[str, str]:
        return {each.name: each.words.get(language, each.name) for each in self._parts.config.services}

    def _contact_point(self, request: web.Request) -> int | None:
        return read_versioned(self._parts.link_secrets, LinkPurpose.PREFERENCES, request.match_info["token"])

    def _too_often(self, request: web.Request, seconds: float) -> web.Response:
        language = self._pages.language(request.headers.get("Accept-Language", "").partition(",")[0])
        words = self._pages.words(language)
        answer = self._pages.page(
            "message",
            language,
            status=429,
            heading=words["too_often"],
            lines=[words["too_often_text"]],
            preferences_url="",
        )
        answer.headers["Retry-After"] = str(math.ceil(seconds))
        return answer


async def _fields(request: web.Request) -> Fields:
    """Return the fields of a form; raise `Rejected` when it is none."""
    body = await read_within(request)
    if request.content_type != FORM_TYPE:
        raise Rejected(415, "this is no form", field="Content-Type", expected=FORM_TYPE)
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_AT_MOST, errors="replace"
        )
    except ValueError:
        raise Rejected(413, f"the form has more than {FIELDS_AT_MOST} fields") from None
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _choices(fields: Fields) -> Choices:
    return Choices(
        locale=_one(fields, "locale"),
        purposes=frozenset(Purpose(each) for each in fields.get("purpose", ()) if each in set(Purpose)),
        channels=frozenset(Channel(each) for each in fields.get("channel", ()) if each in set(Channel)),
        quiet_from=_one(fields, "quiet_from")[:20],
        quiet_until=_one(fields, "quiet_until")[:20],
        sites=_numbers(fields.get("site", [])),
        paused=_numbers(fields.get("pause", [])),
    )


def _one(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[0]


def _numbers(values: list[str]) -> frozenset[int]:
    return frozenset(int(each) for each in values if each.isascii() and each.isdecimal() and len(each) < 19)


def _names(locales: tuple[str, ...]) -> dict[str, str]:
    """Return what each language calls itself."""
    from babel import Locale

    return {each: (Locale.parse(each.replace("-", "_")).get_display_name() or each).capitalize() for each in locales}
