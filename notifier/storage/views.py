"""Read models: what people and programs are shown, as the API sends it and the CLI prints it.

Instants are aware UTC and become RFC 3339 on the wire. Addresses of contact points appear only where an agent looks up
one customer; everywhere else they are masked.
"""

from datetime import datetime

from msgspec import Struct, field


class View(Struct, frozen=True, kw_only=True):
    """Common options: immutable, keyword-only."""


class RegionView(View, frozen=True, kw_only=True):
    """A region of an incident."""

    kind: str
    code: str
    name: str
    role: str  # place | attached


class EvidenceView(View, frozen=True, kw_only=True):
    """Why a cell is anomalous."""

    region: str  # "postal_code 94110"
    at: datetime
    window_from: datetime
    observed: int
    expected: float
    score: float
    grade: str
    distinct_customers: int
    verified: int


class CellScore(View, frozen=True, kw_only=True):
    """A cell as the detector sees it now."""

    region: str  # "postal_code 94110"
    service: str
    observed: int
    expected: float
    score: float
    grade: str  # likely | certain | "" below
    window_from: datetime
    verified: int


class PromiseView(View, frozen=True, kw_only=True):
    """One promise and what became of it."""

    id: int
    kind: str
    due_at: datetime
    state: str
    made_at: datetime
    ended_at: datetime | None
    automatic_in_row: int
    warned_at: datetime | None


class TimelineEntry(View, frozen=True, kw_only=True):
    """One thing that happened to an incident."""

    at: datetime
    event: str
    actor: str
    detail: dict[str, object]


class Waiting(View, frozen=True, kw_only=True):
    """Pending messages that must not go yet."""

    reason: str  # quiet_hours, frequency_cap
    messages: int
    until: datetime  # when the first of them may go


class Waits(View, frozen=True, kw_only=True):
    """Messages that would wait for their readers to wake."""

    until: datetime
    messages: int


class Progress(View, frozen=True, kw_only=True):
    """How far a broadcast is; the sum over `states` is what has been planned."""

    planned: bool  # the audience is complete
    customers_told: int
    customers_not_told: dict[str, int]  # reason -> customers
    states: dict[str, int]  # notification state -> notifications
    in_doubt_ever: int  # notifications that were in doubt at some time
    waiting: list[Waiting] = []  # of those pending: what the night or the cap holds back


class BroadcastView(View, frozen=True, kw_only=True):
    """One broadcast."""

    id: int
    incident_id: int
    kind: str
    state: str
    reason: str
    created_at: datetime
    created_by: str
    sent_at: datetime | None
    sent_by: str | None
    approved_by: str | None
    not_before_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    automatic: bool
    expected_customers: int
    facts: dict[str, object]
    progress: Progress
    rejected_by: str | None = None  # the second person who said no
    rejected_because: str = ""
    wake_reason: str = ""  # why the night holds nobody up; "" = it does
    part: str = ""  # the part it is for, where the incident has several; "" = everybody
    alone_reason: str = ""  # why it was sent without the second person it needed; "" = it was not
    round_id: int | None = None  # the others with which one number sends it


class IncidentCard(View, frozen=True, kw_only=True):
    """One incident in a list."""

    id: int
    service: str
    impact: str
    state: str
    place: str
    started_at: datetime
    opened_at: datetime
    opened_by: str
    customers: int  # affected now, by the directory
    told: int  # customers told by any broadcast
    eta_at: datetime | None
    next_update_by: datetime | None
    grade: str  # best evidence so far, or ""
    part_state: str
    assigned_to: str = ""  # who has it; "" = nobody was named
    kind: str = "unplanned"  # or planned: announced work
    window_from_at: datetime | None = None  # of planned work
    window_until_at: datetime | None = None


class PartView(View, frozen=True, kw_only=True):
    """One part of an incident: its own cause, crew, time, and whether it is back."""

    id: int
    name: str  # the regions or the list that it was cut off by; "rest" = what was not
    state: str
    customers: int  # affected now
    cause: str
    crew: str
    eta_at: datetime | None
    next_update_by: datetime | None
    believed_back_at: datetime | None
    restored_at: datetime | None


class LooksOverView(View, frozen=True, kw_only=True):
    """Why an incident looks over: a suggestion to whoever works on it."""

    since: datetime  # when service came back, most likely
    chance: float  # that it is over, from 0 to 1
    complaints: int  # from the place since then
    ordinary: float  # complaints that come in that time on an ordinary day
    if_still_out: float  # complaints that would have come, were it still out
    said_on: int  # people who answered ON since then
    said_out: int
    alarms_over: list[str] = []  # alarms of it that are over, when none is open any more


class DoubtView(View, frozen=True, kw_only=True):
    """A region of which one cannot tell well whether it is out."""

    region: str  # "postal_code 94110"
    named: bool  # in the place: it would be told, though few callers show that it is out
    callers: int
    expected: float  # callers, if nothing were wrong
    sites: int
    chance: float  # that it is out


class SignalView(View, frozen=True, kw_only=True):
    """An alarm, one time that it went off."""

    id: int
    source: str  # alertmanager | json
    alarm: str  # the same each time it goes off
    name: str
    service: str  # as it was named; "" = none was
    regions: list[str]  # "node OLT-7"
    sites: int  # listed by name
    why_not: str  # why it is evidence nowhere; "" = it is
    state: str  # open | resolved | lapsed
    started_at: datetime
    ended_at: datetime | None
    received_at: datetime
    heard_at: datetime  # the newest report
    times: int  # reports of it
    left_out: int  # alerts that its sender had cut off behind it
    summary: str
    labels: dict[str, str]
    incidents: list[int]  # of which it is evidence


class IncidentView(View, frozen=True, kw_only=True):
    """One incident, whole."""

    card: IncidentCard
    playbook: str
    mode: str
    confirmed_at: datetime | None
    confirmed_by: str | None
    resolved_at: datetime | None
    closed_at: datetime | None
    dismissed_at: datetime | None
    dismiss_reason: str | None
    dismissed_by: str | None = None
    merged_into: int | None
    cause: str
    crew: str
    regions: list[RegionView]
    sites: int  # affected now
    priority_sites: int
    evidence: list[EvidenceView]  # newest per region
    promises: list[PromiseView]
    broadcasts: list[BroadcastView]
    timeline: list[TimelineEntry]
    replies: dict[str, int] = {}  # what customers wrote back (out, on, pause, ...) -> how many people did
    looks_over: LooksOverView | None = None
    parts: list[PartView] = []  # where there are several, the rest first
    rejected: list[int] = []  # broadcasts to which a second person said no, and nobody answered yet
    doubts: list[DoubtView] = []  # of a suspected one: regions of its place, and beside it, that may or may not be out
    signals: list[SignalView] = []  # alarms that are evidence of it, the oldest first


class Sample(View, frozen=True, kw_only=True):
    """A message as one recipient would see it."""

    contact_point: str  # masked
    channel: str
    locale: str
    subject: str
    text: str


class Preview(View, frozen=True, kw_only=True):
    """What a broadcast would do, before it does it."""

    broadcast_id: int
    kind: str
    customers: int  # the number to type
    notifications: int
    by_channel: dict[str, int]
    by_locale: dict[str, int]
    by_region: dict[str, int]  # "postal_code 94110" -> customers
    not_told: dict[str, int]  # reason -> customers
    first_contact: int  # notifications with the first-contact wording
    finishes_in_seconds: float  # at the configured rates, after the take-back time
    promise_due_at: datetime | None  # the open promise this must not miss
    fits: bool  # finishes before it
    done_at: datetime | None = None  # when its last message leaves, also of those that wait for the morning
    audience_limit: int
    needs_approval: bool
    warnings: list[str]  # for people, e.g. phrases without a wording
    samples: list[Sample]
    now: dict[str, int] = {}  # channel -> messages that go at once
    waits: list[Waits] = []  # texts that wait for the end of a night, the earliest first
    mail_instead: int = 0  # of those that go at once: mails in the place of texts, by night
    capped: dict[str, int] = {}  # channel -> messages that wait because their readers heard enough lately
    segments: int = 0  # of all texts; as long as the longest of each kind of reader
    segments_now: int = 0
    cost: str | None = None  # of all texts, in `currency`; null: the price of a segment is not configured
    currency: str = ""
    texts_take_seconds: float = 0.0  # what one sender number needs for all segments
    wake_reason: str = ""  # why the night holds nobody up
    doubts: list[DoubtView] = []  # of the first message: regions told, or not, that may or may not be out
    second_person: str = ""  # who on call is asked first for a second word; "" = there is nobody
    second_person_wait_seconds: float = 0.0  # how long that person has before it may be sent alone
    alone_from_at: datetime | None = None  # once somebody was asked: when it may be sent alone
    back_at: datetime | None = None  # of what says that service is back: since when, which the hold counts from
    hold_seconds: float = 0.0  # how long it has to hold before anybody is told
    begins_at: datetime | None = None  # with `back_at`: when the first message leaves, if it is sent now


class PhraseView(View, frozen=True, kw_only=True):
    """A coded fact that may be told, and what customers read for it."""

    code: str
    text: str  # in the default locale; "" where only others have a wording


class ChoicesView(View, frozen=True, kw_only=True):
    """What a commander may say about an incident, and what follows from saying it."""

    impacts: list[str]
    causes: list[PhraseView]  # those that fit its service
    crews: list[PhraseView]
    next_update_within_seconds: float  # the longest silence, and what is promised when nothing is said
    eta_at_most_seconds: float
    take_back_seconds: float  # between the number that is typed and the first message
    warn_before_seconds: float  # before a promise falls due, people on call are called
    on_call: list[str]  # who, in order; empty: nobody


class BriefView(View, frozen=True, kw_only=True):
    """The facts of an incident for others than its customers."""

    incident_id: int
    reader: str  # agent, ivr, social, web, stakeholders
    made_at: datetime
    is_pending: bool  # the update that says so has not begun: customers have not heard it
    told: int  # customers told of the incident by any update
    texts: dict[str, str]  # locale -> text


class WordsGroup(View, frozen=True, kw_only=True):
    """The same words of one or several customers, without contacts in them."""

    text: str  # as they were said last; "" = reported without words
    times: int
    people: int
    newest_at: datetime
    oldest_at: datetime
    how: dict[str, int]  # complaint, or the meaning of a reply (out, on, status, ...) -> times


class WordsView(View, frozen=True, kw_only=True):
    """What customers said of an incident in their own words."""

    incident_id: int
    people: int
    complaints: int
    replies: int
    groups: list[WordsGroup]  # those said last first
    left_out: int  # older groups


class Draft(View, frozen=True, kw_only=True):
    """The answer to every action that tells: the incident, and the broadcast that waits to be sent, if any."""

    incident: IncidentView
    broadcast: BroadcastView | None
    preview: Preview | None


class Need(View, frozen=True, kw_only=True):
    """One thing that needs a person, most urgent first."""

    # provider | source | ledger | paused_all | promise_missed | promise | approval | rejected | nobody_told |
    # cut_short | paused | delayed | suspected | complaints_again | held | draft
    kind: str
    incident_id: int | None
    broadcast_id: int | None
    text: str  # one line for people, without personal data
    due_at: datetime | None
    next: list[str]  # commands to type
    called: str = ""  # who on call was woken for it, and what they answered
    assigned_to: str = ""  # who has its incident
    event_id: int | None = None  # of a storm, for all of its incidents in one line


class StatusView(View, frozen=True, kw_only=True):
    """The daemon at a glance."""

    version: str
    now: datetime  # the daemon's wall clock, rehearsed or not
    paused: bool
    needs: list[Need]
    incidents: list[IncidentCard]
    complaints_last_hour: int
    detector_lag: int
    notifications: dict[str, int]  # state -> count, of broadcasts that are not finished
    waiting: list[Waiting] = []  # of those pending: what the night or the cap holds back
    providers: dict[str, str]  # name -> "up", or why it is stopped


class AttemptView(View, frozen=True, kw_only=True):
    """One hand-over."""

    number: int
    provider: str
    began_at: datetime
    ended_at: datetime
    outcome: str
    code: str
    answer: str


class ReceiptView(View, frozen=True, kw_only=True):
    """What a provider reported about one try after it had taken the message."""

    attempt: int
    provider: str
    received_at: datetime
    status: str
    code: str


class NotificationView(View, frozen=True, kw_only=True):
    """One notification with everything that explains it."""

    id: int
    broadcast_id: int | None
    incident_id: int | None
    kind: str
    channel: str
    contact_point: str  # masked
    state: str
    reason: str
    due_at: datetime
    attempts: list[AttemptView]
    receipts: list[ReceiptView] = field(default_factory=list)
    provider: str | None
    provider_id: str | None
    template_version: str | None
    planned_at: datetime
    ended_at: datetime | None
    in_doubt_at: datetime | None
    customers: int
    subject: str  # rendered again from the frozen facts
    text: str
    html: str


class ConsentView(View, frozen=True, kw_only=True):
    """What may be written to one contact point for one purpose, and the word or basis behind it."""

    purpose: str
    allowed: bool
    reason: str
    explanation: str  # the reason for people
    basis: str
    source: str  # "" where nothing was said
    wording: str
    changed_at: datetime | None


class SaidView(View, frozen=True, kw_only=True):
    """One word of the log of consent."""

    at: datetime
    purpose: str
    state: str
    basis: str
    source: str
    wording: str
    actor: str


class SuppressionView(View, frozen=True, kw_only=True):
    """Why an address is not written to."""

    reason: str
    source: str
    wording: str
    actor: str
    since: datetime | None


class ConsentsView(View, frozen=True, kw_only=True):
    """What one contact point may be written to about, and what it chose for itself."""

    id: int
    kind: str
    contact_point: str  # masked
    locale: str
    suppression: SuppressionView | None
    consents: list[ConsentView]
    channels_off: list[str]
    quiet_from: str | None  # "22:00", local
    quiet_until: str | None
    muted_sites: list[str]  # CUSTOMER/SITE references
    paused_incidents: list[int]
    history: list[SaidView]  # the newest first, at most 100


class ContactPointView(View, frozen=True, kw_only=True):
    """One way to reach a customer, in full: only for agents looking up this customer."""

    id: int
    kind: str
    address: str
    role: str
    locale: str
    suppressed: str | None
    sites: list[str]
    consents: list[ConsentView] = []  # per purpose
    suppression: SuppressionView | None = None
    channels_off: list[str] = []
    quiet_from: str | None = None  # "22:00", local
    quiet_until: str | None = None
    muted_sites: list[str] = []  # of `sites`
    paused_incidents: list[int] = []


class UnreachedView(View, frozen=True, kw_only=True):
    """One site whose customer a broadcast did not reach, for a person to call."""

    customer: str  # reference
    name: str
    site: str  # reference
    label: str
    address: str
    priority: bool
    call: list[str]  # telephone numbers on file
    why: list[str]  # per channel: "email: failed (permanent failure)"


class SiteView(View, frozen=True, kw_only=True):
    """One site of a customer."""

    id: int
    reference: str
    label: str
    address: str
    services: list[str]
    status: str
    priority: bool
    time_zone: str
    regions: list[str]  # "postal_code 94110", with " (from the phone number)" where derived


class ToldView(View, frozen=True, kw_only=True):
    """One message a customer was sent, or was to be sent."""

    notification_id: int
    incident_id: int | None
    kind: str
    channel: str
    address: str
    state: str
    reason: str
    at: datetime | None  # handed over, or its end state
    subject: str


class ComplaintView(View, frozen=True, kw_only=True):
    """One complaint."""

    id: int
    service: str
    source: str
    occurred_at: datetime
    received_at: datetime
    counted: bool
    not_counted: str | None
    text: str


class ReplyView(View, frozen=True, kw_only=True):
    """One text or mail that a customer wrote back."""

    id: int
    source: str  # sms | email
    sender: str
    meaning: str
    service: str
    text: str
    received_at: datetime
    incident_id: int | None


class CustomerCard(View, frozen=True, kw_only=True):
    """One customer in a list of those found."""

    id: int
    reference: str
    name: str
    sites: int
    address: str = ""  # of the first site


class CustomerView(View, frozen=True, kw_only=True):
    """One customer as a support agent needs them: what they have, said, were told and promised."""

    id: int
    reference: str
    name: str
    account_type: str
    plan: str
    sites: list[SiteView]
    contact_points: list[ContactPointView]
    complaints: list[ComplaintView]
    wrote: list[ReplyView] = []  # newest first
    told: list[ToldView]
    not_told: list[dict[str, object]]  # {"broadcast_id", "incident_id", "kind", "reason", "at"}
    promises: list[PromiseView]  # of the updates of which this customer was handed a message, or may have been


class AskerView(View, frozen=True, kw_only=True):
    """Whose key asks."""

    name: str
    role: str


class KeyView(View, frozen=True, kw_only=True):
    """One API key; the key itself is shown once, when it is made."""

    id: int
    name: str
    role: str
    prefix: str  # its first characters, to recognise it
    created_at: datetime
    revoked_at: datetime | None


class NewKeyView(KeyView, frozen=True, kw_only=True):
    """A key that was made just now, with its secret."""

    key: str


class PausedView(View, frozen=True, kw_only=True):
    """Whether pause-all is in force, and the change that made it so."""

    paused: bool
    changed_at: datetime
    changed_by: str


class AuditView(View, frozen=True, kw_only=True):
    """Who did what, on what, when, why and from where."""

    id: int
    at: datetime
    actor: str  # the name of a key, "daemon" or "customer"
    action: str  # "broadcasts.send"
    target: str  # "broadcast 7"
    origin: str  # the remote address; "" where there is none
    detail: dict[str, object]


class HeldPersonView(View, frozen=True, kw_only=True):
    """A customer under a legal hold, or released from it."""

    id: int
    reference: str
    legal_hold: str  # the reason; "" = none


class ForgottenView(View, frozen=True, kw_only=True):
    """A customer that is a number from here on."""

    id: int
    pseudonym: str
    changed: dict[str, int]  # kind of row -> how many


class ReloadView(View, frozen=True, kw_only=True):
    """What a reload took up, and what it left to a restart."""

    changed: list[str]  # keys, playbooks, "phrases and templates", "tariffs"
    needs_restart: list[str]  # keys that differ on disk and keep their old value
    warnings: list[str]
    reloaded_at: datetime


class Ready(View, frozen=True, kw_only=True):
    """Whether the daemon can work, and why not."""

    status: str  # ready | not ready
    reasons: list[str]


class CallRouteView(View, frozen=True, kw_only=True):
    """One way by which a person on call was, or is to be, reached."""

    route: str  # sms | email | webhook
    state: str  # waiting | handed_over | failed
    attempts: int
    handed_over_at: datetime | None
    problem: str  # what the last attempt said, without addresses
    receipt: str  # what the provider said later


class CallView(View, frozen=True, kw_only=True):
    """One person woken about one or more alarms."""

    id: int
    person: str
    reason: str  # the most urgent
    text: str
    incidents: list[int]
    called_at: datetime
    answered_at: datetime | None
    answered_by: str
    answer: str  # send | wait | no | ""
    outcome: str  # ringing | answered | elsewhere | over | unanswered | unreachable
    over: bool  # nothing it was about is open any more
    routes: list[CallRouteView]


class AlarmView(View, frozen=True, kw_only=True):
    """A need that wakes people on call."""

    id: int
    reason: str
    about: str
    incident_id: int | None
    broadcast_id: int | None
    opened_at: datetime
    answered_at: datetime | None
    answered_by: str
    answer: str
    rests_until: datetime | None  # nobody is called about it before
    assigned_to: str = ""  # who has its incident


class OnCallPerson(View, frozen=True, kw_only=True):
    """One person on call, in the order in which they are called."""

    name: str
    routes: dict[str, str]  # route -> where, masked


class OnCallView(View, frozen=True, kw_only=True):
    """Who is woken, what they are being woken for, and the newest calls."""

    people: list[OnCallPerson]
    answer_within_seconds: float
    alarms: list[AlarmView]
    calls: list[CallView]  # newest first
    sources: list[str]  # intake sources with enough history to notice their silence


class CreditLineView(View, frozen=True, kw_only=True):
    """One credit line."""

    id: int
    incident_id: int
    customer: str  # reference
    tariff: str
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


class EventCard(View, frozen=True, kw_only=True):
    """One event: incidents under one commander."""

    id: int
    kind: str  # storm
    name: str
    service: str
    regions: list[str]  # "postal_code 94110"; nothing = everywhere
    commander: str
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str | None
    estimate_by: datetime | None  # by when customers are promised a first estimate
    incidents: dict[str, int]  # state -> how many
    not_assessed: int  # of those that are out: nobody may give them a time
    customers: int  # out now, each once
    told: int  # of them: told of one of its incidents, or may have been
    next_promise_at: datetime | None  # the first open one
    next_promise_of: int | None  # of this incident


class EventView(View, frozen=True, kw_only=True):
    """One event, whole."""

    card: EventCard
    incidents: list[IncidentCard]  # oldest first
    assessed: list[int]  # those of them that may be given a time
    waiting: list[int] = []  # rounds that wait for a second person, oldest first
    newest_round: int | None = None


class RoundLine(View, frozen=True, kw_only=True):
    """One incident of a round."""

    incident_id: int
    broadcast_id: int
    place: str
    kind: str
    state: str  # of its broadcast
    reason: str
    customers: int
    no_way: int = 0  # of them cannot be reached; before it is sent
    promised_by: datetime | None = None  # the first time that it gives
    started_at: datetime | None = None


class LeftOut(View, frozen=True, kw_only=True):
    """One incident that is not in a round."""

    incident_id: int
    why: str


class RoundPreview(Preview, frozen=True, kw_only=True):
    """What a round would do: the fields of a preview count all of its messages, and each customer once."""

    round_id: int
    event_id: int
    event: str  # "storm 3 Ada (power)"
    in_several: int  # customers in more than one of its incidents: a message for each
    take_back_seconds: float
    sent_by: str | None = None  # who waits for a second person with it
    drafted_by: str = ""
    lines: list[RoundLine]
    left_out: list[LeftOut]
    more: int  # incidents that are to be told by the next round


class RoundView(View, frozen=True, kw_only=True):
    """One word to several incidents of an event."""

    id: int
    event_id: int
    event: str  # "storm 3 Ada (power)"
    state: str  # as a broadcast's: that of its incidents which is furthest from done
    created_at: datetime
    created_by: str
    sent_at: datetime | None
    sent_by: str | None
    approved_by: str | None
    not_before_at: datetime | None
    started_at: datetime | None  # when the first of them began
    expected_customers: int  # each once
    planned: bool  # all of its audiences are complete
    states: dict[str, int]  # of messages
    waits: list[Waiting]  # of them: what must not go yet, the earliest first
    lines: list[RoundLine]
    left_out: list[LeftOut]
    wake_reason: str = ""
    alone_reason: str = ""
