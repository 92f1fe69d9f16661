"""Signed links in messages: unsubscribe with one click (RFC 8058).

Opening the link shows a page with a button and changes nothing, because mail scanners open every link. The POST opts
out at once, without cookies, key or redirect, as often as it comes: of what the message was for, or of everything where
that is the configured scope of the day. No page shows an address.
"""

from aiohttp import web

from notifier.domain.consent import OptOutScope, Purpose
from notifier.domain.errors import NotFound
from notifier.messages.links import Purpose as LinkPurpose
from notifier.messages.links import read_unsubscribe, sign_versioned
from notifier.stages.consents import Sources
from notifier.web.pages import Pages
from notifier.web.parts import Parts
from notifier.web.problem import Rejected
from notifier.web.route import read_within

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def routes(parts: Parts, pages: Pages) -> list[web.RouteDef]:
    """Return the two endpoints; the signed token is their key."""

    def opts_out(request: web.Request) -> tuple[int, Purpose] | None:
        return read_unsubscribe(parts.link_secrets, request.match_info["token"])

    def effect(purpose: Purpose) -> str:
        """Return the end of the names of the words that say what an opt-out of this moment stops."""
        scope = parts.consents.scope(parts.clock.now())
        return "all" if scope is OptOutScope.ALL else str(purpose)

    def settings_of(contact_point_id: int) -> str:
        return f"/p/{sign_versioned(parts.link_secret, LinkPurpose.PREFERENCES, contact_point_id)}"

    async def show(request: web.Request) -> web.StreamResponse:
        found = opts_out(request)
        if found is None:
            return pages.broken(request)
        try:
            now = await parts.own_preferences.read(found[0])
        except NotFound:
            return pages.broken(request)
        language = pages.language(now.locale)
        return pages.page(
            "unsubscribe",
            language,
            effect=pages.words(language)[f"unsubscribe_{effect(found[1])}"],
            preferences_url=settings_of(found[0]),
        )

    async def opt_out(request: web.Request) -> web.StreamResponse:
        found = opts_out(request)
        if found is None:
            return pages.broken(request)
        if await read_within(request) and request.content_type not in FORMS:
            raise Rejected(415, "this is no form", field="Content-Type", expected=" or ".join(FORMS))
        contact_point_id, purpose = found
        try:
            stops = effect(purpose)
            await parts.consents.opt_out(contact_point_id, Sources.LINK, purpose=purpose)
            now = await parts.own_preferences.read(contact_point_id)
        except NotFound:
            return pages.broken(request)
        language = pages.language(now.locale)
        words = pages.words(language)
        lines = [words[f"unsubscribe_done_{stops}"], pages.fill(words["questions"])]
        return pages.page(
            "message",
            language,
            heading=words["unsubscribe_done"],
            lines=lines,
            preferences_url=settings_of(contact_point_id),
        )

    return [web.get("/u/{token}", show), web.post("/u/{token}", opt_out)]
