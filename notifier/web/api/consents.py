"""Consent of contact points as agents note it: what may be written for, words said by call, addresses stopped."""

from aiohttp import web
from msgspec import Struct

from notifier.domain.actor import KeyRole
from notifier.domain.consent import ConsentState, Purpose
from notifier.domain.customer import SuppressionReason
from notifier.web.route import Call, answer, get, post


class Said(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a customer said about a purpose, and where an agent has it from."""

    purpose: Purpose
    state: ConsentState
    source: str
    wording: str = ""
    basis: str = ""


class Stop(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why an address is to be written to no more."""

    source: str
    reason: SuppressionReason = SuppressionReason.OPTED_OUT
    wording: str = ""


class Resume(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where an agent has it from that an address may be written to again."""

    source: str


async def show(call: Call) -> web.StreamResponse:
    """Show what may be written to a contact point, why, and every word behind it."""
    call.query()
    return answer(await call.parts.consents.show(call.number()))


async def note(call: Call) -> web.StreamResponse:
    """Note what a customer said about a purpose."""
    body = await call.body(Said)
    view = await call.parts.consents.note(
        call.number(),
        body.purpose,
        body.state,
        source=body.source,
        wording=body.wording,
        basis=body.basis,
        actor=call.actor,
    )
    return answer(view)


async def suppress(call: Call) -> web.StreamResponse:
    """Write nothing to an address any more."""
    body = await call.body(Stop)
    view = await call.parts.consents.suppress(
        call.number(), body.reason, source=body.source, wording=body.wording, actor=call.actor
    )
    return answer(view)


async def unsuppress(call: Call) -> web.StreamResponse:
    """Write to an address again."""
    body = await call.body(Resume)
    return answer(await call.parts.consents.unsuppress(call.number(), source=body.source, actor=call.actor))


ROUTES = (
    get("/v1/contact-points/{id}/consents", KeyRole.AGENT, show),
    post("/v1/contact-points/{id}/consents", KeyRole.AGENT, note),
    post("/v1/contact-points/{id}/suppress", KeyRole.AGENT, suppress),
    post("/v1/contact-points/{id}/unsuppress", KeyRole.AGENT, unsuppress),
)
