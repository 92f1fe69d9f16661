"""Credits: what customers are owed, and what billing says it has."""

from datetime import datetime

from notifier.storage.views.view import View


class CreditLineView(View, frozen=True, kw_only=True):
    """One credit line."""

    id: int
    incident_id: int
    customer: str  # reference
    tariff: str
    site: str = ""  # reference; "" = owed to the customer as a whole
    step: int
    amount: str  # "25.00", "-25.00" of a reversal
    currency: str
    state: str
    reason: str
    note: str
    bill_month: str  # "2026-12", "" until it is approved
    created_at: datetime
    created_by: str
    decided_at: datetime | None
    decided_by: str | None
    posted_at: datetime | None
    reference: str  # of billing
    problem: str  # why billing did not take it
    attempts: int
    batch_id: int | None
    reverses: int | None
    reversed_by: int | None


class CreditSum(View, frozen=True, kw_only=True):
    """Lines of one tariff in one state."""

    tariff: str
    state: str
    lines: int
    customers: int
    amount: str


class CreditsView(View, frozen=True, kw_only=True):
    """The credits of one incident: what is granted, what waits, what the limits are."""

    incident_id: int
    enabled: bool
    currency: str
    owed: str  # approved and further, reversals taken off
    waiting: str  # proposed
    waiting_lines: int
    within: str = "0"  # of it, what whoever asks may approve within the budget
    within_lines: int = 0
    over: str = "0"  # and with a reason to go over it
    over_lines: int = 0
    own_lines: int = 0  # whoever asks has granted them: another manager approves
    budget: str
    counted: bool  # every run is finished
    sums: list[CreditSum]


class CreditsPreview(View, frozen=True, kw_only=True):
    """What counting would grant now; nothing is stored."""

    incident_id: int
    currency: str
    at: datetime  # as if service came back then, where it is out
    customers: int
    lines: int
    amount: str
    by_rule: str  # of it, approved without a person
    held: dict[str, int]  # why the rest would wait -> lines
    by_tariff: dict[str, str]


class CreditsDecidedView(View, frozen=True, kw_only=True):
    """What became of many lines at once."""

    incident_id: int | None
    decided: int
    amount: str
    over_budget: int = 0  # left, because the budget stops them
    own: int = 0  # left, because whoever asked has granted them


class CreditBatchView(View, frozen=True, kw_only=True):
    """A file of lines for billing."""

    id: int
    created_at: datetime
    created_by: str
    lines: int
    total: str
    currency: str
    loaded_at: datetime | None
    loaded_by: str


class ReconciledSum(View, frozen=True, kw_only=True):
    """Rows of a biller's list that came to the same, or lines of ours that are not in it."""

    lines: int
    amount: str


class ReconciledRow(View, frozen=True, kw_only=True):
    """A row that was refused."""

    row: int
    why: str


class ReconciledView(View, frozen=True, kw_only=True):
    """A biller's own list, held against the credits of this store."""

    applied: bool  # False: this is what would be done
    held: bool  # nothing is posted until a list agrees
    currency: str
    rows: ReconciledSum  # all of the list
    agreed: ReconciledSum  # both have it
    noted: ReconciledSum  # here, and not known as posted until now
    recovered: ReconciledSum  # not here: posted lines again
    left_out: ReconciledSum  # of incidents that are gone
    refused: ReconciledSum
    refusals: list[ReconciledRow]  # the first of them
    not_there: ReconciledSum  # posted here, and not in the list
    not_there_ids: list[int]  # the first of them
