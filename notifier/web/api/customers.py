"""Customers: import as a stream of rows, find, show, and how many can be reached."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web
from msgspec.structs import replace

from notifier.domain.actor import KeyRole
from notifier.domain.errors import NotFound, Overloaded
from notifier.domain.seen_sites import SeenSites
from notifier.stages import customer_search
from notifier.stages.absent_sites import Absent, FullList
from notifier.stages.directory import DirectoryRow, LoadResult, RejectedRow, RowWarning
from notifier.storage.queries import customers
from notifier.storage.queries.place_reach import place_reach
from notifier.storage.views import ToldView
from notifier.web.ndjson import Answers, Line, lines, too_long
from notifier.web.problem import Rejected, shown
from notifier.web.route import Call, answer, get, post
from notifier.web.wire import decode, encode

ROWS_AT_MOST = 2_000  # in one transaction
BYTES_AT_MOST = 2 * 1024 * 1024  # of lines held in memory
PATIENCE_SECONDS = 0.1
COMPLETE = b'{"complete":true}'  # the last line of a full list: one that was cut off ends nothing
SUBJECTS_AT_MOST = 20  # messages whose subject is rendered for a customer, the newest


async def find(call: Call) -> web.StreamResponse:
    """Find customers by phone number, mail address or reference, or by words of a name or address."""
    wanted = call.query("q").get("q", "").strip()
    if not wanted:
        expected = "a phone number, a mail address, a customer reference, or words of a name or address"
        raise Rejected(422, "the query parameter 'q' is missing", field="q", expected=expected)
    country = call.parts.config.regions.country
    found = await customer_search.find(call.parts.database, call.parts.clock, wanted, country=country)
    response = answer(found.cards)
    if found.incomplete:
        response.headers["Notifier-Incomplete"] = found.incomplete
    return response


async def show(call: Call) -> web.StreamResponse:
    """Show one customer as a support agent needs them."""
    call.query()
    reference = call.request.match_info["reference"]
    basis = call.parts.consents.basis
    found = await call.parts.database.read(lambda tx: customers.show(tx, reference, basis))
    if found is None:
        raise NotFound("customer", reference)
    newest = [replace(told, subject=await _subject(call, told)) for told in found.told[:SUBJECTS_AT_MOST]]
    return answer(replace(found, told=[*newest, *found.told[SUBJECTS_AT_MOST:]]))


async def _subject(call: Call, told: ToldView) -> str:
    """Return the subject of a mail, or the words of a text."""
    letter = await call.parts.letters.show(told.notification_id)
    return letter.subject or " ".join(letter.text.split())


async def reach(call: Call) -> web.StreamResponse:
    """Say how many customers can be reached by which channel, and how many by none."""
    call.query()
    return answer(await call.parts.directory.reach())


async def reach_of_place(call: Call) -> web.StreamResponse:
    """Say how many an outage of a service in a region would concern, and how many of them could be told."""
    query = call.query("service", "region")
    for name, expected in (("service", "such as power"), ("region", "such as postal_code:94110, or 94110")):
        if not query.get(name, "").strip():
            raise Rejected(422, f"the query parameter '{name}' is missing", field=name, expected=expected)
    config = call.parts.config
    service, region = query["service"].strip(), query["region"].strip()
    if service not in {each.name for each in config.services}:
        expected = ", ".join(each.name for each in config.services)
        raise Rejected(422, f"'{service}' is not configured", field="service", value=service, expected=expected)
    kind, colon, code = region.partition(":")
    kinds = (kind,) if colon and kind in config.regions.kinds else config.regions.kinds
    found = code if len(kinds) == 1 and colon else region
    return answer(await call.parts.database.read(lambda tx: place_reach(tx, service, kinds, found)))


async def load(call: Call) -> web.StreamResponse:
    """Store rows as they arrive; report each that was refused, the totals after each batch, and reach at the end."""
    query = call.query("dry_run", "full", "however_many")
    dry_run, however_many = call.flag(query, "dry_run"), call.flag(query, "however_many")
    full = None
    if call.flag(query, "full"):
        full = await FullList.begin(call.parts.database, call.parts.clock, however_many=however_many)
    async with Answers(call) as answers:
        batch = _Batch(call, dry_run=dry_run, full=full)
        try:
            async for chunk in lines(call.request.content):
                for line in chunk:
                    batch.add(line)
                    if batch.is_full():
                        await answers.write(*await batch.store())
            await answers.write(*await batch.store())
            absent = await batch.end()
        finally:
            if (batch.loaded or batch.ended) and not dry_run:  # also when the client is gone: what was loaded is
                counts = {"loaded": batch.loaded, "rejected": batch.rejected}
                counts |= {"ended": batch.ended} if full else {}
                await call.parts.auditing.note(call.actor, "customers.import", "directory", **counts)
        reached = await call.parts.directory.reach()
        done = {"done": True, "loaded": batch.loaded, "rejected": batch.rejected, "reach": reached}
        await answers.write(encode(done | ({"absent": absent} if absent else {})))
    return answers.response


@dataclass(slots=True)
class _Batch:
    """Rows that wait to be stored together, and the totals so far."""

    call: Call
    dry_run: bool
    full: FullList | None = None  # the rows are everything there is
    loaded: int = 0
    rejected: int = 0
    ended: int = 0
    _rows: list[DirectoryRow] = field(default_factory=list)
    _lines: list[int] = field(default_factory=list)  # the number of each row
    _refused: list[RejectedRow] = field(default_factory=list)
    _bytes: int = 0
    _seen: SeenSites = field(default_factory=SeenSites)

    def add(self, line: Line) -> None:
        """Take one line; one that is no row is refused at once."""
        if self.full is not None and line.body == COMPLETE:
            self.full.is_complete = True
            return
        try:
            if line.body is None:
                raise too_long()
            row = decode(DirectoryRow, line.body)
        except Rejected as error:
            if self.full is not None:
                self.full.unknown()
            value = "" if error.value is None else str(shown(error.value))
            self._refused.append(RejectedRow(line=line.number, column=error.field, value=value, reason=error.detail))
            return
        self._rows.append(row)
        self._lines.append(line.number)
        self._bytes += len(line.body)

    def is_full(self) -> bool:
        """Tell whether the batch must be stored before more is taken."""
        return len(self._rows) + len(self._refused) >= ROWS_AT_MOST or self._bytes >= BYTES_AT_MOST

    async def store(self) -> list[bytes]:
        """Store what waits and return the lines of the answer; none when nothing waited."""
        if not self._rows and not self._refused:
            return []
        refused, answer_lines = self._refused, list[bytes]()
        if self._rows:
            result = await self._load()
            self.loaded += result.loaded
            refused += result.rejected
            self._note_refused(result.rejected)
            answer_lines += map(_warning, result.warnings)
        self.rejected += len(refused)
        self._rows, self._lines, self._refused, self._bytes = [], [], [], 0
        refused.sort(key=lambda row: row.line)
        return [*map(encode, refused), *answer_lines, encode({"loaded": self.loaded, "rejected": self.rejected})]

    async def end(self) -> Absent | None:
        """End the sites that a full list did not have; nothing for any other list."""
        if self.full is None:
            return None
        absent = await self.full.end(self._seen, dry_run=self.dry_run)
        self.ended = absent.ended
        return absent

    def _note_refused(self, refused: list[RejectedRow]) -> None:
        if self.full is None or not refused:
            return
        rows = dict(zip(self._lines, self._rows, strict=True))
        for each in refused:
            self.full.refused(rows[each.line], each.line)

    async def _load(self) -> LoadResult:
        """Load the rows, as often as it takes: a full writer makes the sender wait."""
        while True:
            try:
                directory = self.call.parts.directory
                return await directory.load(self._rows, lines=self._lines, dry_run=self.dry_run, seen=self._seen)
            except Overloaded:
                await asyncio.sleep(PATIENCE_SECONDS)


def _warning(found: RowWarning) -> bytes:
    return encode({"line": found.line, "column": found.column, "value": found.value, "warning": found.reason})


ROUTES = (
    post("/v1/customers/bulk", KeyRole.MANAGER, load, or_system=True),
    get("/v1/customers", KeyRole.AGENT, find),
    get("/v1/customers/{reference}", KeyRole.AGENT, show),
    get("/v1/reach", KeyRole.VIEWER, reach),
    get("/v1/reach/place", KeyRole.VIEWER, reach_of_place),
)
