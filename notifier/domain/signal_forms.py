"""The forms in which machines report alarms: the webhook body of Alertmanager (version 4), and our own JSON.

In comes parsed JSON that anybody may have written; out come reports, one for each alert that can be read, and the
reason for each that cannot: a bad alert in a good body does not lose the others. Labels are read per alert, because
those in common lack the region as soon as regions differ. Which label says what is configured.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from notifier.domain.errors import InvalidInput
from notifier.domain.signal import Report, SignalSource
from notifier.domain.text import clean_line

ALERTS_AT_MOST = 10_000
LABELS_AT_MOST = 64
VALUE_AT_MOST = 300  # characters of a label
NAME_AT_MOST = 80
ID_AT_MOST = 200
SITES_AT_MOST = 20_000
FIRST_YEAR = 1970  # Alertmanager writes 0001-01-01 where there is no time
_BETWEEN = re.compile(r"[\s;]+")
_FIELDS = ("id", "name", "status", "service", "region", "regions", "sites", "started_at", "ended_at", "summary")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Which labels of an alert say what."""

    regions: Mapping[str, str]  # label -> kind of the region, "" = the value says it
    sites: str
    service: str
    names: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An alert of a body that can never be right."""

    number: int  # from 1
    why: str


def read(body: object, labelled: Labels) -> tuple[SignalSource, list[Report | Unreadable], int]:
    """Return the form of a body, what each of its alerts says, and how many its sender cut off.

    Raises `InvalidInput` for what is neither form.
    """
    if not isinstance(body, dict):
        raise InvalidInput("this is no signal", expected="the body of an Alertmanager webhook, or our own JSON object")
    if "alerts" not in body:
        return SignalSource.JSON, [own(body)], 0
    alerts, cut = body["alerts"], body.get("truncatedAlerts")
    if not isinstance(alerts, list) or len(alerts) > ALERTS_AT_MOST:
        raise InvalidInput("alerts are no list", field="alerts", expected=f"a list of at most {ALERTS_AT_MOST:,}")
    left_out = cut if isinstance(cut, int) and not isinstance(cut, bool) and 0 < cut < 2**31 else 0
    found: list[Report | Unreadable] = []
    for number, alert in enumerate(alerts, start=1):
        try:
            found.append(of_alert(alert, labelled, left_out=left_out))
        except InvalidInput as error:
            found.append(Unreadable(number=number, why=str(error)))
    return SignalSource.ALERTMANAGER, found, left_out


def of_alert(alert: object, labelled: Labels, *, left_out: int = 0) -> Report:
    """Return what one alert of Alertmanager says; raise `InvalidInput`."""
    if not isinstance(alert, dict):
        raise InvalidInput("an alert is no object")
    labels, annotations = _texts(alert.get("labels"), "labels"), _texts(alert.get("annotations"), "annotations")
    if not labels:
        raise InvalidInput("an alert has no labels", field="labels")
    status = alert.get("status")
    if status not in ("firing", "resolved"):
        raise InvalidInput("the status of an alert is wrong", field="status", expected="firing or resolved")
    started_at = instant(alert.get("startsAt"), "startsAt")
    if started_at is None:
        raise InvalidInput("an alert does not say since when", field="startsAt", expected="an instant")
    alarm = alert.get("fingerprint")
    named = next((labels[each] for each in labelled.names if labels.get(each)), "")
    return Report(
        source=SignalSource.ALERTMANAGER,
        alarm=alarm if isinstance(alarm, str) and 0 < len(alarm) <= ID_AT_MOST else fingerprint(labels),
        name=(named or "an alert without a name")[:NAME_AT_MOST],
        is_open=status == "firing",
        started_at=started_at,
        ended_at=instant(alert.get("endsAt"), "endsAt") if status == "resolved" else None,
        service=labels.get(labelled.service, ""),
        regions=tuple((kind, labels[label]) for label, kind in labelled.regions.items() if labels.get(label)),
        sites=listed(labels.get(labelled.sites, "") if labelled.sites else ""),
        detail={
            "labels": {name: value[:VALUE_AT_MOST] for name, value in labels.items()},
            "summary": (annotations.get("summary") or annotations.get("description") or "")[:VALUE_AT_MOST],
        },
        left_out=left_out,
    )


def own(body: Mapping[str, Any]) -> Report:
    """Return what a signal in our own form says; raise `InvalidInput`."""
    unknown = sorted(str(name) for name in body if name not in _FIELDS)
    if unknown:
        raise InvalidInput(f"there is no field '{unknown[0][:NAME_AT_MOST]}'", expected="one of " + ", ".join(_FIELDS))
    texts = {name: _text(body.get(name), name) for name in ("id", "name", "status", "service", "region", "summary")}
    if not texts["id"] or len(texts["id"]) > ID_AT_MOST:
        raise InvalidInput("a signal has no id", field="id", expected=f"1 to {ID_AT_MOST} characters")
    status = texts["status"] or "firing"
    if status not in ("firing", "resolved"):
        raise InvalidInput("the status is wrong", field="status", value=status, expected="firing or resolved")
    regions = [texts["region"], *_list(body.get("regions"), "regions")]
    return Report(
        source=SignalSource.JSON,
        alarm=texts["id"],
        name=(texts["name"] or texts["id"])[:NAME_AT_MOST],
        is_open=status == "firing",
        started_at=instant(body.get("started_at"), "started_at"),
        ended_at=instant(body.get("ended_at"), "ended_at"),
        service=texts["service"],
        regions=tuple(("", region) for region in regions if region),
        sites=tuple(site for line in _list(body.get("sites"), "sites") for site in listed(line)),
        detail={"labels": {}, "summary": texts["summary"][:VALUE_AT_MOST]},
    )


def instant(value: object, field: str) -> datetime | None:
    """Return an instant with a zone, cut to microseconds, or None where there is none (also the year 1)."""
    if value is None or value == "":
        return None
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        if at is not None and at.tzinfo is not None:
            return None if at.year < FIRST_YEAR else at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput("this is no instant", field=field, value=value, expected="such as 2026-03-01T18:30:00Z")


def listed(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the sites of a label: `C-1001 C-1002,2`."""
    lines = tuple(tuple(line.split(",", 1)) for line in _BETWEEN.split(text) if line)
    if len(lines) > SITES_AT_MOST:
        raise InvalidInput("too many sites", field="sites", expected=f"at most {SITES_AT_MOST:,}")
    return lines


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return what stands for an alert whose sender gives no fingerprint: the same for the same labels."""
    text = "\n".join(f"{name}={labels[name]}" for name in sorted(labels))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _texts(value: object, field: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > LABELS_AT_MOST:
        raise InvalidInput(f"{field} are wrong", field=field, expected=f"an object of at most {LABELS_AT_MOST} texts")
    return {_text(name, field)[:VALUE_AT_MOST]: _label(text, field, name) for name, text in value.items()}


def _label(text: object, field: str, name: str) -> str:
    return _text(text, f"{field}.{name[:NAME_AT_MOST]}")


def _text(value: object, field: str) -> str:
    """Return a text on one line; without NUL, which no database holds, and without lone surrogates."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{field} is no text", field=field, expected="a text")
    return clean_line(value.encode("utf-8", "replace").decode())


def _list(value: object, field: str) -> Sequence[str]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > SITES_AT_MOST:
        raise InvalidInput(f"{field} are no list", field=field, expected=f"a list of at most {SITES_AT_MOST:,} texts")
    return [_text(each, field) for each in value]
