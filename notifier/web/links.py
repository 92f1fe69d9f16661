"""Signed links in messages: unsubscribe with one click (RFC 8058).

Opening the link shows a page with a button and changes nothing, because mail scanners open every link. The POST opts
out at once, without cookies, key or redirect, as often as it comes. No page shows an address.
"""

import html

from aiohttp import web

from notifier.messages.links import Purpose, read_token
from notifier.web.parts import Parts
from notifier.web.problem import Rejected
from notifier.web.route import read_within

SOURCE = "link"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}}
button{{font:inherit;padding:.6rem 1.2rem}}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
_FORM = """<p>We will no longer write to you at this address when your service is interrupted.</p>
<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">
<button type="submit">Stop these messages</button></form>"""
_DONE = "<p>We will not write to this address about interruptions any more.</p><p>Questions? Call {phone}.</p>"
_BROKEN = "<p>Nothing was changed. Is the link whole? Or call {phone}, and we stop the messages for you.</p>"


def routes(parts: Parts) -> list[web.RouteDef]:
    """Return the two endpoints; the signed token is their key."""
    company, phone = parts.config.sender.company, html.escape(parts.config.sender.phone)

    def broken() -> web.Response:
        return _page("This link does not work", _BROKEN.format(phone=phone), status=404)

    async def show(request: web.Request) -> web.StreamResponse:
        if _contact_point(request, parts) is None:
            return broken()
        return _page(f"Stop messages from {company}?", _FORM)

    async def opt_out(request: web.Request) -> web.StreamResponse:
        contact_point_id = _contact_point(request, parts)
        if contact_point_id is None:
            return broken()
        if await read_within(request) and request.content_type not in FORMS:
            raise Rejected(415, "this is no form", field="Content-Type", expected=" or ".join(FORMS))
        await parts.suppressions.opt_out(contact_point_id, SOURCE)
        return _page("Done", _DONE.format(phone=phone))

    return [web.get("/u/{token}", show), web.post("/u/{token}", opt_out)]


def _contact_point(request: web.Request, parts: Parts) -> int | None:
    return read_token(parts.link_secret, Purpose.UNSUBSCRIBE, request.match_info["token"])


def _page(title: str, body: str, *, status: int = 200) -> web.Response:
    text = _PAGE.format(title=html.escape(title), body=body)
    return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)
