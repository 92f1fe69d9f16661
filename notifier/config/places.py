"""Who complains, where, and about what: sources, regions and services."""

# ruff: noqa: E501  # one description per key, beside it

from typing import Annotated

from msgspec import Meta, field

from notifier.config.settings import Settings


class Source(Settings, frozen=True):
    """Where complaints come from."""

    name: Annotated[str, Meta(description="Name that a complaint gives as its source.", min_length=1)]
    trusted: Annotated[
        bool,
        Meta(description="Whether this source has verified who is complaining; only then can a complaint be verified."),
    ] = False


class Overlay(Settings, frozen=True):
    """Area codes that serve one and the same region."""

    name: Annotated[str, Meta(description="Code of the region the codes share.", min_length=1)]
    codes: Annotated[tuple[str, ...], Meta(description="Area codes, each in at most one overlay.", min_length=1)]


class NamedRegion(Settings, frozen=True):
    """A region with a name, a time zone, or both."""

    kind: Annotated[str, Meta(description="One of regions.kinds.")]
    code: Annotated[str, Meta(description="Its code, as in the region.KIND column of the directory.", min_length=1)]
    name: Annotated[str, Meta(description="What people call it.")] = ""
    time_zone: Annotated[str, Meta(description="IANA zone of its sites; empty = regions.time_zone.")] = ""


class Regions(Settings, frozen=True):
    """How places are divided."""

    kinds: Annotated[
        tuple[str, ...],
        Meta(
            description="Kinds of region from narrow to wide; the directory has a region.KIND column for each.",
            min_length=1,
        ),
    ] = ("node", "postal_code", "city", "area_code", "state")
    watched: Annotated[
        tuple[str, ...], Meta(description="Kinds in which the detector looks for incidents; each one of regions.kinds.")
    ] = ("node", "postal_code", "city", "area_code")
    time_zone: Annotated[
        str, Meta(description="IANA zone of the company: the clock of the baseline and of sites without their own.")
    ] = "America/Los_Angeles"
    country: Annotated[
        str,
        Meta(
            description="Two-letter country of phone numbers written without a country code.",
            min_length=2,
            max_length=2,
        ),
    ] = "US"
    named: Annotated[tuple[NamedRegion, ...], Meta(description="Regions with a name or a time zone of their own.")] = ()
    overlays: Annotated[
        tuple[Overlay, ...],
        Meta(
            description="Area-code overlays that are one region, in addition to those of the numbering plan; also those that override it."
        ),
    ] = ()


class Service(Settings, frozen=True):
    """Something customers are served with."""

    name: Annotated[
        str,
        Meta(
            description="Name in complaints, directory and templates: lower-case letters, digits, `-`.",
            pattern="^[a-z][a-z0-9-]*$",
        ),
    ]
    words: Annotated[
        dict[str, str],
        Meta(description="What customers call it, per locale, as in `your WORD`; a missing locale uses the name."),
    ] = field(default_factory=dict)
