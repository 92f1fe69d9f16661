"""The whole configuration: every section under its name."""

from typing import Annotated

from msgspec import Meta, field

from notifier.config.credits import Credits
from notifier.config.customers import Consent, Inbound
from notifier.config.noticing import Detection, Signals
from notifier.config.on_call import OnCall
from notifier.config.places import Regions, Service, Source
from notifier.config.running import Log, Queue, Retention, Server, Storage
from notifier.config.sending import Caps, Delivery, Provider, ProviderKind
from notifier.config.settings import Settings
from notifier.config.wording import Locales, Playbooks, Sender, Sms, Templates
from notifier.domain.notification import Channel


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
