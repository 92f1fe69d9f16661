"""Typed settings: every key documented once, here, with its type and its default.

`notifier.settings.load` makes a `Config` of one YAML file and the environment, or raises `ConfigError` with one line
per mistake. The reference (docs/CONFIGURATION.md) and the sample (config/notifier.yaml) are generated from these
structs. A key marked `secret` has a twin `KEY_file` and is never shown; a key marked `folder` is relative to the
configuration file and absolute once loaded; a key marked `restart` is read when the daemon starts, and not again.
"""

from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, get_type_hints

from msgspec import Meta, Struct, field

from notifier.domain.consent import Basis, OptOutScope, Purpose
from notifier.domain.notification import Channel


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common options of every section: immutable, keyword-only, no unknown keys, secrets never shown."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Name each key with its value; a secret that is set is shown as `***`."""
        hidden = secrets(type(self))
        shown = [(name, getattr(self, name)) for name in self.__struct_fields__]
        return [(name, "***" if value and name in hidden else value) for name, value in shown]

    def __repr__(self) -> str:
        """Return the section for people, without its secrets."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


@cache
def marked(section: type[Struct], mark: str) -> frozenset[str]:
    """Return the keys of a section whose `Meta` carries a mark, such as `secret` or `folder`."""
    return frozenset(
        name
        for name, annotation in get_type_hints(section, include_extras=True).items()
        for meta in getattr(annotation, "__metadata__", ())
        if (meta.extra or {}).get(mark)
    )


def secrets(section: type[Struct]) -> frozenset[str]:
    """Return the keys of a section that hold a secret."""
    return marked(section, "secret")


class Server(Settings, frozen=True):
    """Where the daemon listens."""

    listen: Annotated[
        str, Meta(description="Address and port of the API and of signed links.", extra={"restart": True})
    ] = "127.0.0.1:8080"
    metrics_listen: Annotated[
        str,
        Meta(
            description="Address and port of /metrics, a listener of its own; empty switches it off.",
            extra={"restart": True},
        ),
    ] = "127.0.0.1:9464"
    token_file: Annotated[
        str,
        Meta(
            description="Where the first manager key is written once (mode 0600) when no key exists yet.",
            extra={"restart": True},
        ),
    ] = "var/token"
    drain: Annotated[
        timedelta,
        Meta(description="How long a stopping daemon finishes what it has begun before it leaves it in doubt."),
    ] = timedelta(seconds=20)


class Storage(Settings, frozen=True):
    """Where facts are kept."""

    url: Annotated[
        str,
        Meta(
            description="sqlite:///PATH, relative to the working directory, sqlite:////ABSOLUTE/PATH, or"
            " postgresql://USER@HOST/DATABASE; its password better in PGPASSWORD, or all of it in url_file.",
            extra={"secret": True, "restart": True},
        ),
    ] = "sqlite:///var/notifier.db"


class Queue(Settings, frozen=True):
    """How work is handed out."""

    url: Annotated[
        str,
        Meta(description="Only `embedded`: in the process, with the store as its truth.", extra={"restart": True}),
    ] = "embedded"


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


class Playbooks(Settings, frozen=True):
    """Where recovery plans are."""

    directory: Annotated[
        str,
        Meta(
            description="Folder of *.yaml playbooks, relative to the configuration file. Each takes the place of the shipped one of the same name; empty = those shipped.",
            extra={"folder": True},
        ),
    ] = ""


class Templates(Settings, frozen=True):
    """Where the wording of messages is."""

    directory: Annotated[
        str,
        Meta(
            description="Folder of templates, relative to the configuration file. Each takes the place of the shipped one of the same name; empty = those shipped.",
            extra={"folder": True},
        ),
    ] = ""
    phrases: Annotated[
        str,
        Meta(
            description="Folder of phrases (LOCALE.yaml), relative to the configuration file. Each takes the place of the shipped one of the same name; empty = those shipped.",
            extra={"folder": True},
        ),
    ] = ""


class ProviderKind(StrEnum):
    """What carries messages."""

    SMTP = "smtp"  # a mail relay
    TWILIO = "twilio"  # SMS by Twilio's API
    FILE = "file"  # a folder on this machine: nothing leaves it


class Tls(StrEnum):
    """How the connection to a relay is protected."""

    NONE = "none"  # plain text
    STARTTLS = "starttls"  # upgraded before anything is said; refused when the relay cannot
    IMPLICIT = "implicit"  # TLS from the first byte


class Provider(Settings, frozen=True):
    """A carrier for one channel."""

    name: Annotated[str, Meta(description="Name in the ledger and in metrics.", min_length=1)]
    kind: Annotated[
        ProviderKind,
        Meta(
            description="smtp (a mail relay), twilio (SMS) or file (a maildir, or a folder of texts, on this machine: nothing leaves it)."
        ),
    ]
    channel: Annotated[Channel, Meta(description="What it carries.")] = Channel.EMAIL
    rate: Annotated[float, Meta(description="Most messages per second; 0 = as fast as it takes them.", ge=0)] = 0
    connections: Annotated[int, Meta(description="Most connections, and messages in flight.", ge=1, le=64)] = 8
    timeout: Annotated[timedelta, Meta(description="Longest wait for any answer of it.")] = timedelta(seconds=60)
    directory: Annotated[str, Meta(description="file: the maildir, or the folder of texts.")] = "var/outbox"
    host: Annotated[str, Meta(description="smtp: name or address of the relay.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="smtp: its port.", ge=1, le=65535)] = 25
    tls: Annotated[Tls, Meta(description="smtp: none, starttls or implicit.")] = Tls.NONE
    tls_verify: Annotated[bool, Meta(description="smtp: check the relay's certificate.")] = True
    username: Annotated[str, Meta(description="smtp: login, when the relay asks for one.")] = ""
    password: Annotated[str, Meta(description="smtp: its password; better password_file.", extra={"secret": True})] = ""
    messages_per_connection: Annotated[
        int, Meta(description="smtp: a connection is closed after this many messages.", ge=1)
    ] = 10_000
    base_url: Annotated[str, Meta(description="twilio: address of its API.")] = "https://api.twilio.com"
    account_sid: Annotated[str, Meta(description="twilio: the account, `AC` and 32 hexadecimal digits.")] = ""
    auth_token: Annotated[
        str,
        Meta(
            description="twilio: its token, which also signs what Twilio sends us; better auth_token_file.",
            extra={"secret": True},
        ),
    ] = ""
    auth_token_secondary: Annotated[
        str,
        Meta(
            description="twilio: a second token that signatures may be made with, while tokens are changed.",
            extra={"secret": True},
        ),
    ] = ""
    sender: Annotated[
        str, Meta(description="twilio: the number that sends, such as +14155550100; or give messaging_service_sid.")
    ] = ""
    messaging_service_sid: Annotated[
        str, Meta(description="twilio: the Messaging Service that sends, `MG` and 32 hexadecimal digits.")
    ] = ""
    segments_per_second: Annotated[
        float,
        Meta(
            description="twilio: most segments per second; 0 = by the sender: 1 for a long code, 3 for toll-free, 100 for a short code.",
            ge=0,
        ),
    ] = 0
    price_per_segment: Annotated[
        str,
        Meta(
            description="What one segment costs, in sms.currency, for previews; such as 0.0079. Empty = not known.",
            pattern=r"^([0-9]{1,4}(\.[0-9]{1,6})?)?$",
        ),
    ] = ""
    risk_check: Annotated[
        bool,
        Meta(
            description="twilio: let its protection against SMS pumping judge each message; a burst to one area code can trip it."
        ),
    ] = False


class Alphabet(StrEnum):
    """The alphabet of SMS."""

    GSM7 = "gsm7"  # 160 characters in one segment; letters that it lacks are written without their accents
    UNICODE = "unicode"  # every letter as it is; 70 characters in one segment as soon as one needs it


class Sms(Settings, frozen=True):
    """How texts are written."""

    alphabet: Annotated[
        Alphabet,
        Meta(
            description="gsm7 (accents that it lacks are dropped, 160 characters a segment) or unicode (70 as soon as one letter needs it)."
        ),
    ] = Alphabet.GSM7
    segments_at_most: Annotated[int, Meta(description="Most segments of one text.", ge=1, le=6)] = 2
    currency: Annotated[
        str, Meta(description="Currency of price_per_segment, three letters.", pattern="^[A-Z]{3}$")
    ] = "USD"
    registration: Annotated[
        str,
        Meta(
            description="What carriers know your number by: the id of its campaign or of its verification, or `exempt` where no registration is asked for. Empty = not said; `notifier go-live` asks for it.",
            pattern="^[A-Za-z0-9._:/-]{0,80}$",
        ),
    ] = ""


class Inbound(Settings, frozen=True):
    """What customers and mail servers send us."""

    lmtp_listen: Annotated[
        str,
        Meta(
            description="Address and port for bounces and replies by LMTP; empty switches it off.",
            extra={"restart": True},
        ),
    ] = ""
    helpdesk_address: Annotated[
        str, Meta(description="Mail address that gets what customers write and no rule answers; empty = only stored.")
    ] = ""
    personal_every: Annotated[
        timedelta, Meta(description="Who writes again is told the newest facts at most this often.")
    ] = timedelta(minutes=30)
    wrote_within: Annotated[
        timedelta, Meta(description="Who wrote within this time is answered and told also at night.")
    ] = timedelta(minutes=60)


class Consent(Settings, frozen=True):
    """What customers have agreed to where nothing is stored for them."""

    outage: Annotated[
        bool, Meta(description="Whether the contract is the basis for messages about unplanned outages.")
    ] = True
    planned: Annotated[bool, Meta(description="Whether it is the basis for messages about planned work.")] = True
    survey: Annotated[bool, Meta(description="Whether it is the basis for asking if they are satisfied.")] = True
    offer: Annotated[bool, Meta(description="Whether it is the basis for offers.")] = False
    basis: Annotated[
        str, Meta(description="Name of that basis, as it is shown beside each decision.", min_length=1)
    ] = "service contract"
    optout_scope: Annotated[
        OptOutScope, Meta(description="What an opt-out stops: purpose (the kind of message it answers) or all.")
    ] = OptOutScope.PURPOSE
    optout_all_from: Annotated[
        str,
        Meta(
            description="Day (YYYY-MM-DD, local) from which an opt-out stops everything, whatever optout_scope says; empty = never. 47 CFR 64.1200(a)(10) names 2027-01-31.",
            pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$",
        ),
    ] = ""

    def covers(self) -> Basis:
        """Return the purposes that the basis covers, as decisions need them."""
        return Basis(name=self.basis, purposes=frozenset(each for each in Purpose if getattr(self, each)))


class Caps(Settings, frozen=True):
    """How often one contact point may hear from us, over all incidents."""

    every: Annotated[
        timedelta, Meta(description="At most one message in this time; what would exceed is merged into the next.")
    ] = timedelta(minutes=20)
    sms_per_day: Annotated[
        int, Meta(description="Most texts in 24 hours; restored, corrections and safety are exempt.", ge=1)
    ] = 6


class WebhookKind(StrEnum):
    """What a webhook of a person on call understands."""

    PAGERDUTY = "pagerduty"  # Events API v2
    SLACK = "slack"  # {"text": ...}; Mattermost and others take the same
    TEAMS = "teams"  # an Adaptive Card


class Person(Settings, frozen=True):
    """One person on call."""

    name: Annotated[str, Meta(description="Name, as shown to the others.", min_length=1)]
    sms: Annotated[str, Meta(description="Mobile number.")] = ""
    email: Annotated[str, Meta(description="Mail address.")] = ""
    key: Annotated[
        str,
        Meta(
            description="Name of this person's API key, so that nobody approves by text what they sent by key; empty = the same as `name`."
        ),
    ] = ""
    webhook: Annotated[str, Meta(description="Address that is posted to.", extra={"secret": True})] = ""
    webhook_kind: Annotated[WebhookKind, Meta(description="What it understands: pagerduty, slack or teams.")] = (
        WebhookKind.SLACK
    )
    webhook_key: Annotated[
        str, Meta(description="pagerduty: the routing key; better webhook_key_file.", extra={"secret": True})
    ] = ""


class OnCall(Settings, frozen=True):
    """Who is woken, in order."""

    answer_within: Annotated[
        timedelta, Meta(description="How long one person has to answer before the next one is called.")
    ] = timedelta(minutes=10)
    people: Annotated[tuple[Person, ...], Meta(description="People of the company, the first one first.")] = ()


class InDoubt(StrEnum):
    """What happens to a message of which nobody knows whether it was handed over."""

    RESEND = "resend"  # nobody is missed; a double is possible
    HOLD = "hold"  # nobody is told twice; a person decides


class InDoubtPolicy(Settings, frozen=True):
    """The policy per channel."""

    email: Annotated[InDoubt, Meta(description="E-mail whose hand-over is in doubt.")] = InDoubt.RESEND
    sms: Annotated[InDoubt, Meta(description="SMS whose hand-over is in doubt.")] = InDoubt.HOLD


class Delivery(Settings, frozen=True):
    """How messages are handed over."""

    in_doubt: Annotated[
        InDoubtPolicy, Meta(description="resend (nobody missed) or hold (nobody twice), per channel.")
    ] = field(default_factory=InDoubtPolicy)
    take_back: Annotated[
        timedelta, Meta(description="How long after `send` nothing leaves, so that it can be taken back.")
    ] = timedelta(seconds=30)
    only_to: Annotated[
        tuple[str, ...],
        Meta(
            description="Guest list, for trying out real providers: mail addresses and numbers that may be written to; everyone else is recorded as not_on_guest_list. Empty = everyone. People on call are not bound by it."
        ),
    ] = ()
    lease: Annotated[
        timedelta,
        Meta(
            description="How long a worker may hold a claimed message unless it renews; real time, also in rehearsals."
        ),
    ] = timedelta(minutes=5)


class Sender(Settings, frozen=True):
    """In whose name messages are sent."""

    company: Annotated[str, Meta(description="Name of the company, as customers know it.", min_length=1)] = (
        "Example Utility"
    )
    address: Annotated[str, Meta(description="From address of mails.")] = "outages@example.com"
    reply_to: Annotated[str, Meta(description="Where answers to mails go.")] = "help@example.com"
    bounce_domain: Annotated[
        str, Meta(description="Domain of envelope senders (bounces+TOKEN@DOMAIN); empty = the domain of `address`.")
    ] = ""
    dkim_selector: Annotated[
        str,
        Meta(description="Selector of the DKIM key that the relay signs with, for `check --online`; empty = unknown."),
    ] = ""
    postal_address: Annotated[str, Meta(description="Postal address in the footer of mails, on one line.")] = (
        "1 Example Plaza, Springfield"
    )
    phone: Annotated[str, Meta(description="Number for questions, as printed in messages.")] = "555-0100"
    public_url: Annotated[
        str,
        Meta(
            description="Where customers reach this daemon, for signed links, without a trailing slash; one-click opt-out needs https."
        ),
    ] = "http://127.0.0.1:8080"
    link_secret: Annotated[
        str,
        Meta(
            description="Secret that signs links; empty = made once and kept in the store. Better link_secret_file.",
            extra={"secret": True},
        ),
    ] = ""
    link_secret_previous: Annotated[
        str,
        Meta(
            description="The secret before link_secret: links made with it go on working. Keep it as long as mails that carry them may be opened.",
            extra={"secret": True},
        ),
    ] = ""


class Locales(Settings, frozen=True):
    """Languages of messages."""

    default: Annotated[str, Meta(description="Locale of contact points without one.")] = "en"
    available: Annotated[tuple[str, ...], Meta(description="Locales with templates and phrases.", min_length=1)] = (
        "en",
        "es",
        "fr",
    )


class PostingKind(StrEnum):
    """How approved credits reach the biller."""

    NONE = "none"  # they stay approved until somebody posts them otherwise
    WEBHOOK = "webhook"  # one signed POST per line
    CSV = "csv"  # a file per batch, confirmed by its control total


class Posting(Settings, frozen=True):
    """How approved credits reach the biller."""

    kind: Annotated[
        PostingKind, Meta(description="none, webhook (one signed POST per line) or csv (a file per batch).")
    ] = PostingKind.NONE
    by_itself: Annotated[
        bool, Meta(description="webhook: post what is approved without waiting for `notifier credits post`.")
    ] = False
    url: Annotated[
        str, Meta(description="webhook: address that is posted to; better url_file.", extra={"secret": True})
    ] = ""
    secret: Annotated[
        str,
        Meta(
            description="webhook: key of the HMAC-SHA256 signature, 16 characters or more; better secret_file.",
            extra={"secret": True},
        ),
    ] = ""
    timeout: Annotated[timedelta, Meta(description="webhook: longest wait for an answer.")] = timedelta(seconds=15)
    at_once: Annotated[int, Meta(description="webhook: most lines in flight.", ge=1, le=64)] = 8
    give_up_after: Annotated[
        timedelta,
        Meta(description="webhook: a line that could not be handed over for this long is `failed` and shown."),
    ] = timedelta(days=3)


class Credits(Settings, frozen=True):
    """What customers are owed for outages, by tariffs and by hand."""

    enabled: Annotated[
        bool,
        Meta(
            description="Whether credits are computed, granted and posted. What was restored before it was switched on gets none by itself."
        ),
    ] = False
    tariffs: Annotated[
        str,
        Meta(
            description="Folder of *.yaml tariffs, relative to the configuration file. Each takes the place of the shipped one of the same name; those shipped are examples and switched off.",
            extra={"folder": True},
        ),
    ] = ""
    currency: Annotated[
        str, Meta(description="Currency of every limit here and of every tariff that counts.", pattern="^[A-Z]{3}$")
    ] = "USD"
    customer_baseline: Annotated[
        str,
        Meta(
            description="Most that one customer gets for one incident without a manager; also what a manager may grant alone.",
            pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$",
        ),
    ] = "50"
    incident_baseline: Annotated[
        str,
        Meta(description="Most that one incident costs without a manager.", pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$"),
    ] = "5000"
    budget: Annotated[
        str,
        Meta(
            description="Most that one incident may cost; what is above waits until a manager goes over it by name.",
            pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$",
        ),
    ] = "25000"
    agent_baseline: Annotated[
        str,
        Meta(
            description="Most goodwill that agents and commanders may grant one customer for one incident.",
            pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$",
        ),
    ] = "25"
    bill_after_months: Annotated[
        int, Meta(description="On which bill goodwill is: so many months after its approval.", ge=0, le=12)
    ] = 1
    mail_waits: Annotated[
        timedelta,
        Meta(description="How long mails that service is restored wait until credits are computed, to name them."),
    ] = timedelta(minutes=2)
    posting: Annotated[Posting, Meta(description="How approved credits reach the biller.")] = field(
        default_factory=Posting
    )


class Retention(Settings, frozen=True):
    """How long facts are kept; docs/PRIVACY.md says what each kind holds, and why."""

    complaints: Annotated[
        timedelta, Meta(description="Complaints, with their text; the counts of the baseline stay.")
    ] = timedelta(days=400)
    replies: Annotated[timedelta, Meta(description="What customers wrote back, once it has been dealt with.")] = (
        timedelta(days=400)
    )
    notifications: Annotated[
        timedelta,
        Meta(
            description="Notifications, attempts and receipts of closed incidents with settled promises and credits; answers; reports of mail that came back."
        ),
    ] = timedelta(days=800)
    calls: Annotated[timedelta, Meta(description="Calls of people on call, and what they answered.")] = timedelta(
        days=800
    )
    signals: Annotated[timedelta, Meta(description="What machines reported, once it is over.")] = timedelta(days=400)
    former_customers: Annotated[
        timedelta,
        Meta(
            description="A customer none of whose sites has been served for this long is forgotten, as `notifier customers forget` does; 0 days = not by itself."
        ),
    ] = timedelta()


class Log(Settings, frozen=True):
    """How the daemon speaks to its operators."""

    level: Annotated[
        str, Meta(description="debug, info, warning or error.", pattern="^(debug|info|warning|error)$")
    ] = "info"
    format: Annotated[str, Meta(description="json (one object a line) or text.", pattern="^(json|text)$")] = "json"


class Config(Settings, frozen=True):
    """The whole configuration."""

    server: Annotated[Server, Meta(description="Where the daemon listens.")] = field(default_factory=Server)
    storage: Annotated[Storage, Meta(description="Where facts are kept.")] = field(default_factory=Storage)
    queue: Annotated[Queue, Meta(description="How work is handed out.")] = field(default_factory=Queue)
    sources: Annotated[
        tuple[Source, ...], Meta(description="Where complaints come from; a source not listed is refused.")
    ] = (
        Source(name="api", trusted=True),
        Source(name="cli", trusted=True),
        Source(name="import", trusted=True),
        Source(name="web", trusted=False),
        Source(name="sms", trusted=True),
        Source(name="email", trusted=False),
    )
    regions: Annotated[Regions, Meta(description="How places are divided.")] = field(default_factory=Regions)
    services: Annotated[tuple[Service, ...], Meta(description="What customers are served with.", min_length=1)] = (
        Service(name="internet", words={"en": "internet", "es": "internet", "fr": "internet"}),
        Service(name="power", words={"en": "power", "es": "luz", "fr": "courant"}),
        Service(name="water", words={"en": "water", "es": "agua", "fr": "eau"}),
    )
    detection: Annotated[Detection, Meta(description="When complaints are evidence of an incident.")] = field(
        default_factory=Detection
    )
    signals: Annotated[Signals, Meta(description="What machines report: how its labels name a place.")] = field(
        default_factory=Signals
    )
    playbooks: Annotated[Playbooks, Meta(description="Where recovery plans are.")] = field(default_factory=Playbooks)
    templates: Annotated[Templates, Meta(description="Where the wording of messages is.")] = field(
        default_factory=Templates
    )
    providers: Annotated[
        tuple[Provider, ...], Meta(description="What carries messages; the first of a channel is used.")
    ] = (
        Provider(name="outbox", kind=ProviderKind.FILE),
        Provider(name="texts", kind=ProviderKind.FILE, channel=Channel.SMS, directory="var/texts"),
    )
    delivery: Annotated[Delivery, Meta(description="How messages are handed over.")] = field(default_factory=Delivery)
    sms: Annotated[Sms, Meta(description="How texts are written.")] = field(default_factory=Sms)
    inbound: Annotated[Inbound, Meta(description="What customers and mail servers send us.")] = field(
        default_factory=Inbound
    )
    consent: Annotated[Consent, Meta(description="What customers have agreed to where nothing is stored for them.")] = (
        field(default_factory=Consent)
    )
    caps: Annotated[Caps, Meta(description="How often one contact point may hear from us, over all incidents.")] = (
        field(default_factory=Caps)
    )
    on_call: Annotated[OnCall, Meta(description="Who is woken, in order.")] = field(default_factory=OnCall)
    sender: Annotated[Sender, Meta(description="In whose name messages are sent.")] = field(default_factory=Sender)
    locales: Annotated[Locales, Meta(description="Languages of messages.")] = field(default_factory=Locales)
    credits: Annotated[Credits, Meta(description="What customers are owed for outages, by tariffs and by hand.")] = (
        field(default_factory=Credits)
    )
    retention: Annotated[
        Retention,
        Meta(description="How long facts are kept; the nightly job removes what is older. 0 days keeps for ever."),
    ] = field(default_factory=Retention)
    log: Annotated[Log, Meta(description="How the daemon speaks to its operators.")] = field(default_factory=Log)
