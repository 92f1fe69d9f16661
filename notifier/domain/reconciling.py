"""Reconciling: what a biller's own list says, held against the credit lines of a store that may have lost some.

In: the rows of the list, the lines that may be meant, and when the store was restored from a backup. Out: one verdict
for each row: both have it, it is here and was not known as posted, it was lost with the restore, or why nobody can
tell. Nothing is guessed: where two lines fit and one is meant, the row is refused.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from notifier.domain.credit import BILLED, GOODWILL, CreditState

_KEY = re.compile(r"credit-([0-9]{1,18})-[0-9]{1,18}")
_NAME = re.compile(r"credit-[0-9]{1,18}(-[0-9]{1,18})?")  # also without the moment, of a list that has no keys
_UNSETTLED = (CreditState.PROPOSED, CreditState.APPROVED, CreditState.POSTING, CreditState.FAILED)


class Found(StrEnum):
    """What became of one row of a biller's list."""

    AGREED = "agreed"  # both have it
    NOTED = "noted"  # it is here, and is posted from now on
    RECOVERED = "recovered"  # it was lost with the restore, and is a posted line again
    LEFT_OUT = "left_out"  # of an incident that a person says is gone for good
    REFUSED = "refused"  # nobody can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledRow:
    """One row of a biller's list; what it does not say is empty or None."""

    row: int
    amount: int | None  # minor units; a reversal is below zero
    key: str = ""
    line_id: int | None = None
    customer: str = ""
    incident: int | None = None
    tariff: str = ""
    reverses: int | None = None
    reference: str = ""
    bill_month: int = 0  # 202612
    problem: str = ""  # it could not be read

    @property
    def id_given(self) -> int | None:
        """Return the id of the line it is about, as it was when it was posted."""
        found = _KEY.fullmatch(self.key)
        return int(found[1]) if found else self.line_id

    @property
    def made_at(self) -> datetime | None:
        """Return when its line was made, by its key."""
        micros = self.key.rpartition("-")[2]
        try:
            return datetime.fromtimestamp(int(micros) / 1_000_000, UTC) if micros.isdecimal() else None
        except (OverflowError, ValueError, OSError):
            return None

    @property
    def name(self) -> str:
        """Return what a line is called that was matched with this row or recovered from it; "" without key and id."""
        return self.key or ("" if self.line_id is None else f"credit-{self.line_id}")

    @property
    def is_placed(self) -> bool:
        """Tell whether it names a customer, an incident and an amount."""
        return bool(self.customer) and self.incident is not None and self.amount is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class OurLine:
    """One credit line of this store."""

    id: int
    key: str  # under which it is posted
    incident_id: int
    customer_id: int
    customer: str
    tariff: str
    step: int
    amount: int
    state: CreditState
    made_at: datetime
    reference: str  # what billing calls it; of one that was matched or recovered, the key that it has there
    reverses: int | None
    reversed_by: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIncident:
    """An incident of this store; `id` is the one that it was merged into, if it was."""

    id: int
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What this store knows of what a list names."""

    lines: Mapping[int, OurLine]
    incidents: Mapping[int, KnownIncident]
    customers: Mapping[str, int]
    tariffs: Collection[str]  # by name, of the configuration
    restored_at: datetime | None
    renamed: Mapping[int, int] = field(default_factory=dict)  # an incident of the list -> which it is here
    gone: Collection[int] = ()  # incidents of the list that nobody will open again
    is_held: bool = False  # nothing was posted since the restore


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one row came to."""

    row: BilledRow
    found: Found
    why: str = ""  # of one that was refused
    line_id: int | None = None  # of this store; None: one is made
    incident_id: int | None = None  # of a line that is made
    customer_id: int | None = None
    tariff: str = ""
    reverses_line: int | None = None
    reverses_row: int | None = None  # what it takes back is made from this row


def judged(rows: Sequence[BilledRow], known: Known) -> list[Verdict]:
    """Return a verdict for each row, in their order."""
    return _Judging(rows, known).verdicts()


class _Judging:
    """One list under way: which lines are spoken for, and what was found."""

    def __init__(self, rows: Sequence[BilledRow], known: Known) -> None:
        self._rows, self._known = rows, known
        self._claimed: dict[int, int] = {}  # line -> row
        self._found: dict[int, Verdict] = {}
        self._by_key = {line.key: line for line in known.lines.values()}
        self._by_name = {line.reference: line for line in known.lines.values() if _NAME.fullmatch(line.reference)}
        self._by_pair: defaultdict[tuple[int, int], list[OurLine]] = defaultdict(list)
        for line in known.lines.values():
            self._by_pair[line.incident_id, line.customer_id].append(line)
        self._by_id: dict[int, BilledRow] = {}  # rows by the id that they had with the biller
        for row in rows:
            if (given := row.id_given) is not None:
                self._by_id.setdefault(given, row)

    def verdicts(self) -> list[Verdict]:
        """Judge exact rows first, then what gives money, then what takes it back."""
        keys: dict[str, int] = {}
        for row in self._rows:
            if row.problem:
                self._refuse(row, row.problem)
            elif row.key and _KEY.fullmatch(row.key) is None:
                self._refuse(row, "its key is none of ours: expected one such as credit-7-1795273793412007")
            elif row.key and keys.setdefault(row.key, row.row) != row.row:
                self._refuse(row, f"{row.key} is in row {keys[row.key]} already: has billing booked it twice?")
        self._each(lambda row: not _is_negative(row), self._exactly)
        self._each(_is_negative, self._exactly)
        self._each(lambda row: not _is_negative(row), self._place)
        self._alike()
        self._each(_is_negative, self._taken_back)
        return [self._found[row.row] for row in self._rows]

    def _each(self, which: Callable[[BilledRow], bool], judge: Callable[[BilledRow], None]) -> None:
        for row in self._rows:
            if row.row not in self._found and which(row):
                judge(row)

    # --- by key or id -----------------------------------------------------------------------------------------------

    def _exactly(self, row: BilledRow) -> None:
        line = (self._by_key.get(row.key) if row.key else self._of_id(row)) or self._by_name.get(row.name)
        if line is None or (line.id in self._claimed and not row.key and row.is_placed):
            return
        if line.id in self._claimed:
            self._refuse(row, f"credit {line.id} is in row {self._claimed[line.id]} already")
        elif self._known.is_held and row.key == line.key and self._is_new(line):
            self._refuse(
                row,
                f"credit {line.id} was made after the restore, since when nothing was posted: is this billing's list?",
            )
        elif row.amount is not None and row.amount != line.amount:
            self._refuse(row, f"credit {line.id} has another amount here")
        elif row.customer and line.customer != row.customer and row.customer in self._known.customers:
            self._refuse(row, f"credit {line.id} is another customer's here: {line.customer}")
        elif row.tariff and line.tariff not in (row.tariff, BILLED):
            self._refuse(row, f"credit {line.id} is of another tariff here: {line.tariff}")
        else:
            self._take(row, line)

    def _of_id(self, row: BilledRow) -> OurLine | None:
        """Return the line with the id of a row that has no key, unless the id may have been given out again."""
        line = None if row.line_id is None else self._known.lines.get(row.line_id)
        return None if line is None or self._is_new(line) else line

    def _take(self, row: BilledRow, line: OurLine) -> None:
        if line.state is CreditState.REJECTED:
            self._refuse(row, f"credit {line.id} was rejected here, and billing has it: let billing take it back")
        elif line.reverses is not None and not self._is_billed(line.reverses):
            self._refuse(row, f"it takes back credit {line.reverses}, which is not in the list")
        else:
            self._claimed[line.id] = row.row
            found = Found.AGREED if line.state is CreditState.POSTED else Found.NOTED
            self._found[row.row] = Verdict(row=replace(row, amount=line.amount), found=found, line_id=line.id)

    def _is_billed(self, line_id: int) -> bool:
        line = self._known.lines.get(line_id)
        return line_id in self._claimed or (line is not None and line.state is CreditState.POSTED)

    # --- by customer, incident and amount ---------------------------------------------------------------------------

    def _place(self, row: BilledRow) -> None:
        """Refuse a row that no line has by key or id, unless it names a customer, an incident and an amount of ours."""
        wrong = self._misplaced(row) or self._elsewhere(row)
        if not wrong:
            return
        if row.is_placed and row.incident in self._known.gone:
            self._found[row.row] = Verdict(row=row, found=Found.LEFT_OUT)
        else:
            self._refuse(row, wrong)

    def _misplaced(self, row: BilledRow) -> str:
        known, name = self._known, row.name
        if known.restored_at is None and name:
            return f"{name} was never made here, and this store was not restored from a backup"
        if not row.is_placed or row.incident is None:
            return f"{name or 'it'} is not here, and the row does not name customer, incident and amount"
        if row.amount == 0:
            return "the amount is nothing"
        if row.customer not in known.customers:
            return f"customer '{row.customer}' is not here: import the directory first"
        return ""

    def _elsewhere(self, row: BilledRow) -> str:
        """Return why the incident of a row is none that is known to be the same here; ids are given out again."""
        known = self._known
        assert row.incident is not None  # noqa: S101 - it names one
        if row.incident in known.renamed:
            target = known.renamed[row.incident]
            return "" if target in known.incidents else f"there is no incident {target}"
        incident = known.incidents.get(row.incident)
        here = f"--incident {row.incident}=ID says which it is, --gone {row.incident} that nobody opens it again"
        if incident is None:
            return f"there is no incident {row.incident} here; {here}"
        if known.restored_at is not None and incident.opened_at >= known.restored_at:
            return f"incident {row.incident} was opened after the restore, and may be another one; {here}"
        if row.made_at is not None and row.made_at < incident.opened_at:
            return f"{row.key} is older than incident {row.incident} here, which is another one; {here}"
        return ""

    def _pair(self, row: BilledRow) -> tuple[int, int]:
        assert row.incident is not None  # noqa: S101 - it was placed
        incident = self._known.incidents[self._known.renamed.get(row.incident, row.incident)]
        return incident.id, self._known.customers[row.customer]

    def _alike(self) -> None:
        """Give rows the lines that are like them; what is left was lost, or may be one in another amount."""
        groups: defaultdict[tuple[object, ...], list[BilledRow]] = defaultdict(list)
        for row in self._rows:
            if row.row not in self._found and not _is_negative(row):
                groups[*self._pair(row), row.amount, row.tariff, self._was_lost(row)].append(row)
        for group in groups.values():
            lines = [line for line in self._candidates(group[0]) if line.amount == group[0].amount]
            if self._is_ambiguous(lines, len(group)):
                names = ", ".join(f"{line.id} ({line.tariff})" for line in lines[:4])
                for row in group:
                    self._refuse(row, f"several credits are like it: {names}; name the tariff or the id in the row")
                continue
            for row, line in zip(group, lines, strict=False):
                self._take(row, line)
        for rows in groups.values():
            for row in rows:
                if row.row not in self._found:
                    self._recover(row)

    def _is_ambiguous(self, lines: Sequence[OurLine], number: int) -> bool:
        """Tell whether only some of like lines are meant, and it matters which: of another tariff, or known by its key.

        Lines that were made after the restore are unknown to billing, so within a tariff one is as good as another.
        """
        posted = sum(line.state is CreditState.POSTED for line in lines)
        others = lines[posted:]
        differ = len({line.tariff for line in others}) > 1 or any(not self._is_new(line) for line in others)
        return posted < number < len(lines) and differ

    def _candidates(self, row: BilledRow) -> list[OurLine]:
        """Return the lines that a row may mean, posted ones first; one that was lost is none of the copy's."""
        only_new = self._was_lost(row)
        found = [
            line
            for line in self._by_pair[self._pair(row)]
            if line.id not in self._claimed
            and line.state is not CreditState.REJECTED
            and line.reverses is None
            and (not row.tariff or line.tariff in (row.tariff, BILLED))
            and (not only_new or (self._is_new(line) and not _NAME.fullmatch(line.reference)))
        ]
        return sorted(found, key=lambda line: (line.state is not CreditState.POSTED, line.tariff, line.step))

    def _recover(self, row: BilledRow) -> None:
        open_lines = [line for line in self._candidates(row) if line.state in _UNSETTLED and line.reversed_by is None]
        if open_lines:
            line = open_lines[0]
            does = "reject" if line.state is CreditState.PROPOSED else "reverse"
            self._refuse(
                row,
                f"credit {line.id} ({line.tariff}, {line.state}) may be the same money in another amount: {does} it",
            )
            return
        incident_id, customer_id = self._pair(row)
        is_known = row.tariff == GOODWILL or row.tariff in self._known.tariffs
        self._found[row.row] = Verdict(
            row=row,
            found=Found.RECOVERED,
            incident_id=incident_id,
            customer_id=customer_id,
            tariff=row.tariff if is_known else BILLED,
        )

    # --- what takes money back --------------------------------------------------------------------------------------

    def _taken_back(self, row: BilledRow) -> None:
        self._place(row)
        if row.row in self._found:
            return
        if row.reverses is None:
            like = [
                line
                for line in self._by_pair[self._pair(row)]
                if line.reverses is not None and line.amount == row.amount and line.id not in self._claimed
            ]
            if len(like) == 1:
                self._take(row, like[0])
            else:
                self._refuse(row, "it takes something back and does not say what (column reverses)")
            return
        first = self._by_id.get(row.reverses)
        verdict = None if first is None else self._found.get(first.row)
        line = self._known.lines.get(row.reverses) if first is None else None
        if verdict is not None and verdict.line_id is not None:
            line = self._known.lines[verdict.line_id]
        if first is None and line is not None and self._is_new(line):
            line = None  # its id was given out again
        if verdict is not None and verdict.found is Found.LEFT_OUT:
            self._found[row.row] = Verdict(row=row, found=Found.LEFT_OUT)
        elif line is not None and line.reversed_by is not None:
            self._take(row, self._known.lines[line.reversed_by])
        elif line is not None and line.amount == -(row.amount or 0) and self._is_billed(line.id):
            self._recovered_back(row, reverses_line=line.id)
        elif verdict is not None and verdict.found is Found.RECOVERED and first is not None:
            if first.amount == -(row.amount or 0):
                self._recovered_back(row, reverses_row=first.row)
            else:
                self._refuse(row, f"it takes back another amount than row {first.row} gives")
        else:
            self._refuse(row, f"it takes back credit {row.reverses}, which is neither here nor in the list")

    def _recovered_back(
        self, row: BilledRow, *, reverses_line: int | None = None, reverses_row: int | None = None
    ) -> None:
        twin = next(
            (
                other.row.row
                for other in self._found.values()
                if other.found is Found.RECOVERED
                and (other.reverses_line, other.reverses_row) == (reverses_line, reverses_row)
            ),
            None,
        )
        if twin is not None:
            self._refuse(row, f"row {twin} takes the same back already")
            return
        incident_id, customer_id = self._pair(row)
        self._found[row.row] = Verdict(
            row=row,
            found=Found.RECOVERED,
            incident_id=incident_id,
            customer_id=customer_id,
            reverses_line=reverses_line,
            reverses_row=reverses_row,
        )

    # --- parts ------------------------------------------------------------------------------------------------------

    def _is_new(self, line: OurLine) -> bool:
        """Tell whether a line was made after the restore, so that its id may have been another's before."""
        return self._known.restored_at is not None and line.made_at >= self._known.restored_at

    def _was_lost(self, row: BilledRow) -> bool:
        """Tell whether a row has a key, or an id, of which the copy knew nothing: no line of the copy is meant."""
        return bool(row.key) or (row.line_id is not None and row.line_id not in self._known.lines)

    def _refuse(self, row: BilledRow, why: str) -> None:
        self._found[row.row] = Verdict(row=row, found=Found.REFUSED, why=why)


def _is_negative(row: BilledRow) -> bool:
    return row.amount is not None and row.amount < 0
