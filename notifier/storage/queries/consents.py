"""Consent as agents see it: what may be written for, why, and every word behind it."""

from collections.abc import Mapping

from notifier.domain.consent import Basis, Purpose, StoredConsent, decide
from notifier.domain.contact import mask
from notifier.domain.customer import SuppressionReason
from notifier.domain.preferences import clock_time
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant
from notifier.storage.repositories import consents, contact_points, suppressions
from notifier.storage.views import ConsentsView, ConsentView, SaidView, SuppressionView


def view(tx: Transaction, contact_point_id: int, basis: Basis) -> ConsentsView:
    """Return everything about the consent of one contact point; raise `NotFound`."""
    point = contact_points.load(tx, contact_point_id)
    return ConsentsView(
        id=point.id,
        kind=point.kind,
        contact_point=mask(point.address),
        locale=point.locale,
        suppression=suppression(tx, point.id, point.suppressed),
        consents=per_purpose(consents.of_contact_point(tx, point.id), basis, point.suppressed),
        channels_off=sorted(point.channels_off),
        quiet_from=clock(point.quiet_from),
        quiet_until=clock(point.quiet_until),
        muted_sites=muted(tx, point.id),
        paused_incidents=paused(tx, point.id),
        history=[
            SaidView(
                at=said.changed_at,
                purpose=said.purpose,
                state=said.state,
                basis=said.basis,
                source=said.source,
                wording=said.wording,
                actor=actor,
            )
            for said, actor in consents.history(tx, point.id)
        ],
    )


def per_purpose(
    stored: Mapping[Purpose, StoredConsent], basis: Basis, suppressed: SuppressionReason | None
) -> list[ConsentView]:
    """Return the verdict for every purpose, with the word behind it."""
    views = []
    for purpose in Purpose:
        said = stored.get(purpose)
        verdict = decide(purpose, said, basis=basis, suppressed=suppressed)
        views.append(
            ConsentView(
                purpose=purpose,
                allowed=verdict.allowed,
                reason=verdict.reason,
                explanation=verdict.explain(basis),
                basis=(said.basis if said else basis.name),
                source=said.source if said else "",
                wording=said.wording if said else "",
                changed_at=said.changed_at if said else None,
            )
        )
    return views


def suppression(tx: Transaction, contact_point_id: int, reason: SuppressionReason | None) -> SuppressionView | None:
    """Return why an address is not written to, with what is known of it; None when it is."""
    if reason is None:
        return None
    row = suppressions.in_force(tx, contact_point_id)
    return SuppressionView(
        reason=reason,
        source=row["source"] if row else "",
        wording=row["wording"] if row else "",
        actor=row["actor"] if row else "",
        since=to_instant(row["created_at"]) if row else None,
    )


def muted(tx: Transaction, contact_point_id: int) -> list[str]:
    """Return the sites that a contact point does not want to hear about, as CUSTOMER/SITE."""
    return [
        f"{customer}/{site}"
        for customer, site in tx.tuples(
            """SELECT c.reference, s.reference FROM muted_sites AS m JOIN sites AS s ON s.id = m.site_id
               JOIN customers AS c ON c.id = s.customer_id WHERE m.contact_point_id = :id
               ORDER BY c.reference, s.reference""",
            id=contact_point_id,
        )
    ]


def paused(tx: Transaction, contact_point_id: int) -> list[int]:
    """Return the incidents that are going on and that a contact point wants nothing more about."""
    return [each.id for each in contact_points.open_incidents(tx, contact_point_id) if each.paused]


def clock(minutes: int | None) -> str | None:
    """Return a local time of the day, or None."""
    return None if minutes is None else clock_time(minutes)
