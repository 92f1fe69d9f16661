"""Why a complaint is no evidence, for people: the reasons of `domain.complaint.NotCounted` in words."""

from notifier.cli.printing import words

_WHY_NOT = {
    "history": "history: baseline only",
    "late": "over 15 minutes old: baseline only",
    "repeat": "the same reporter counted there within 24 hours",
    "unverified_cap": "strangers count only up to a cap",
    "planned_work": "planned work explains it",
    "no_region": "nobody knows where: no region is named or on file",
    "not_served": "no active site of theirs has this service",
    "ambiguous_customer": "several customers share the address",
}


def why_not(reason: str | None) -> str:
    """Return a reason in words."""
    return _WHY_NOT.get(reason or "", words(reason or "no reason given"))
