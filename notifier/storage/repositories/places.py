"""Where, as people type it: regions and lists of sites, resolved to ids or refused.

Nothing here ever means everywhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from notifier.domain.errors import InvalidInput, Refused, nearest
from notifier.domain.incident import IncidentState
from notifier.domain.region import RegionKinds
from notifier.storage.database import Transaction
from notifier.storage.repositories import audience, directory, incidents, overlaps
from notifier.storage.repositories.audience import Scope

UNKNOWN_SHARE_AT_MOST = 0.05
UNKNOWN_SHOWN = 20
CODES_LOOKED_AT = 5_000  # for the nearest name of a mistyped one
LOOKED_UP_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteList:
    """A list of sites, and the lines of it that nobody knows."""

    site_ids: tuple[int, ...]
    unknown: tuple[str, ...]


def regions(tx: Transaction, typed: Sequence[str], kinds: RegionKinds) -> tuple[int, ...]:
    """Return the ids of regions typed as `postal_code:94110`, or as the code alone where only one kind has it.

    Raises `InvalidInput` for an empty, unknown or ambiguous one, and for whatever would mean everywhere.
    """
    found = dict.fromkeys(_region(tx, text, kinds) for text in typed)
    if not found:
        raise InvalidInput("no region is given", field="regions", expected="at least one, such as postal_code:94110")
    return tuple(found)


def sites(tx: Transaction, lines: Sequence[Sequence[str]]) -> SiteList:
    """Return the ids of sites given as (customer_id,) or (customer_id, site_id), as the company numbers them.

    Raises `InvalidInput` when the list is empty or more than 5 % of its lines are unknown.
    """
    wanted = [tuple(part.strip() for part in line) for line in lines]
    wanted = [line for line in wanted if any(line)]
    if not wanted:
        raise InvalidInput("the list of sites is empty", field="sites", expected="lines of customer_id[,site_id]")
    of_customer = _sites_by_customer(tx, {line[0] for line in wanted})
    ids: dict[int, None] = {}
    unknown: list[str] = []
    for line in wanted:
        every = of_customer.get(line[0], {})
        chosen = [every[line[1]]] if len(line) == 2 and line[1] in every else []
        if len(line) == 1 or (len(line) == 2 and not line[1]):
            chosen = list(every.values())
        if chosen:
            ids.update(dict.fromkeys(chosen))
        else:
            unknown.append(",".join(line))
    if len(unknown) > UNKNOWN_SHARE_AT_MOST * len(wanted):
        raise InvalidInput(
            f"{len(unknown)} of {len(wanted)} lines are unknown: {_some(unknown)}",
            field="sites",
            value=_some(unknown),
            expected="at most 5 % unknown customers or sites",
        )
    return SiteList(site_ids=tuple(ids), unknown=tuple(unknown))


def require_free(
    tx: Transaction, service: str, region_ids: Sequence[int], site_ids: Sequence[int], *, but: int = 0
) -> None:
    """Raise `Refused` when another confirmed incident than `but` is told about in this place already."""
    meets = [] if site_ids else overlaps.may_share(tx, service, region_ids, IncidentState.CONFIRMED)
    others = incidents.with_state(tx, IncidentState.CONFIRMED) if site_ids else [incidents.load(tx, i) for i in meets]
    for other in others:
        if other.id == but or other.service != service or other.is_planned:  # the work is none of the outage
            continue
        if lies_in(tx, other.id, service, region_ids, site_ids):
            raise Refused(
                f"incident {other.id} ({service}, {other.place}) is confirmed and lies there already; "
                "tell its customers by `eta`, or choose regions outside it"
            )


def lies_in(
    tx: Transaction, incident_id: int, service: str, region_ids: Sequence[int], site_ids: Sequence[int]
) -> bool:
    """Tell whether a site of these regions, or of this list, lies in the place of an incident."""
    scope = Scope(
        incident_id=incident_id,
        service=service,
        region_ids=tuple(incidents.place_regions(tx, incident_id)),
        channels=(),
    )
    return overlaps.overlaps(tx, incident_id, service, region_ids) or is_any_in_place(tx, site_ids, scope)


def is_any_in_place(tx: Transaction, site_ids: Iterable[int], scope: Scope) -> bool:
    """Tell whether one of these sites lies in the place of an incident."""
    condition = audience.in_place(scope, "s.id")
    return any(
        tx.scalar(
            f"SELECT 1 FROM sites AS s WHERE s.id IN ({audience.numbers(some)}) AND {condition} LIMIT 1",
            incident=scope.incident_id,
        )
        is not None
        for some in _chunks(sorted(site_ids))
    )


def _region(tx: Transaction, text: str, kinds: RegionKinds) -> int:
    typed = text.strip()
    if ":" in typed:
        try:
            key = kinds.parse(typed)
        except InvalidInput as error:
            raise InvalidInput(error.reason, field="regions", value=text, expected=error.expected) from None
        found = directory.region_id(tx, key.kind, key.code)
        if found is None:
            raise _unknown(tx, text, key.code, key.kind)
        return found
    if typed in ("", "*", "%"):
        raise InvalidInput(f"'{typed}' is no region", field="regions", value=text, expected="one place, never all")
    rows = tx.tuples("SELECT id, kind FROM regions WHERE lower(code) = lower(:code) ORDER BY kind", code=typed)
    if not rows:
        raise _unknown(tx, text, typed, None)
    if len(rows) > 1:
        choices = " or ".join(f"{kind}:{typed}" for _, kind in rows)
        raise InvalidInput(f"'{typed}' is ambiguous", field="regions", value=text, expected=choices)
    return int(rows[0][0])


def _unknown(tx: Transaction, text: str, code: str, kind: str | None) -> InvalidInput:
    known = [
        str(row[0])
        for row in tx.tuples(
            "SELECT code FROM regions WHERE (CAST(:kind AS TEXT) IS NULL OR kind = :kind) ORDER BY code LIMIT :most",
            kind=kind,
            most=CODES_LOOKED_AT,
        )
    ]
    where = f" {kind.replace('_', ' ')}" if kind else " region"
    return InvalidInput(
        f"there is no{where} '{code}' in the directory{nearest(code, known)}",
        field="regions",
        value=text,
        expected=f"one of {_some(known)}" if known else "a directory with regions; import one first",
    )


def _sites_by_customer(tx: Transaction, references: set[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for some in _chunks(sorted(references)):
        values = {f"r{number}": reference for number, reference in enumerate(some)}
        listed = ", ".join(f":{name}" for name in values)
        for customer, site, site_id in tx.tuples(
            f"""SELECT c.reference, s.reference, s.id FROM customers AS c JOIN sites AS s ON s.customer_id = c.id
                WHERE c.reference IN ({listed}) ORDER BY s.id""",
            **values,
        ):
            found.setdefault(str(customer), {})[str(site)] = int(site_id)
    return found


def _chunks(values: list) -> Iterable[list]:  # type: ignore[type-arg]  # of references, or of ids
    return (values[start : start + LOOKED_UP_AT_ONCE] for start in range(0, len(values), LOOKED_UP_AT_ONCE))


def _some(words: Sequence[str]) -> str:
    more = f" and {len(words) - UNKNOWN_SHOWN} more" if len(words) > UNKNOWN_SHOWN else ""
    return ", ".join(words[:UNKNOWN_SHOWN]) + more
