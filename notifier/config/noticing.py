"""What makes an incident: complaints that are evidence, and what machines report."""

# ruff: noqa: E501  # one description per key, beside it

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, field

from notifier.config.settings import Settings


class Detection(Settings, frozen=True):
    """When complaints are evidence of an incident."""

    likely: Annotated[
        float,
        Meta(
            description="Score from which evidence is `likely`: opens a suspected incident. 8.5 is about 0.1 false ones per cell and month.",
            gt=0,
        ),
    ] = 8.5
    certain: Annotated[
        float,
        Meta(
            description="Score from which evidence is `certain`: shown to the commander. 15.5 is about 0.01 false ones per cell and month.",
            gt=0,
        ),
    ] = 15.5
    late_after: Annotated[
        timedelta, Meta(description="A complaint older than this on arrival feeds the baseline only.")
    ] = timedelta(minutes=15)
    unverified_at_most: Annotated[
        int, Meta(description="Unverified reporters that count per place and service within four hours.", ge=0)
    ] = 2
    automatic_per_hour_at_most: Annotated[
        int,
        Meta(
            description="Incidents that mode `automatic` confirms by itself within an hour, over all services; what comes beyond them is left to a person.",
            ge=0,
            le=20,
        ),
    ] = 3
    unverified_per_address_at_most: Annotated[
        int,
        Meta(
            description="Unverified complaints that count per address they were written from (`source_address`, else the reporter's own) within 24 hours, over all places and services.",
            ge=0,
        ),
    ] = 3


class Signals(Settings, frozen=True):
    """What machines report (`POST /v1/signals`): how its labels name a place and a service."""

    region_labels: Annotated[
        dict[str, str],
        Meta(
            description="Label of an alert that names a region -> kind of that region; an empty kind: the value is KIND:CODE, or a code that only one kind has."
        ),
    ] = field(default_factory=lambda: {"region": ""})
    sites_label: Annotated[
        str,
        Meta(
            description="Label that lists sites, `C-1001` or `C-1001,2`, with spaces or `;` between them; empty = none."
        ),
    ] = "sites"
    service_label: Annotated[str, Meta(description="Label that names the service.", min_length=1)] = "service"
    service: Annotated[
        str,
        Meta(description="Service of an alert without that label; empty = the only one there is, else none."),
    ] = ""
    name_labels: Annotated[
        tuple[str, ...],
        Meta(description="Labels by which people know an alarm; the first that an alert has.", min_length=1),
    ] = ("device", "alertname")
    reports: Annotated[
        int,
        Meta(
            description="Verified customers within 90 minutes, in the place of an open alarm and beyond what is normal there, who with it suspect an incident.",
            ge=2,
        ),
    ] = 3
    calls_every: Annotated[
        timedelta, Meta(description="An alarm that comes and goes calls people at most once in this time.")
    ] = timedelta(hours=1)
    lapses_after: Annotated[
        timedelta,
        Meta(
            description="An open alarm that is not reported again for this long lapses; longer than Alertmanager's repeat_interval."
        ),
    ] = timedelta(hours=48)
