"""Typed settings: every key documented once, here, with its type and its default.

`notifier.settings.load` makes a `Config` of one YAML file and the environment, or raises `ConfigError` with one line
per mistake. The reference (docs/CONFIGURATION.md) and the sample (config/notifier.yaml) are generated from these
structs. A key marked `secret` has a twin `KEY_file` and is never shown; a key marked `folder` is relative to the
configuration file and absolute once loaded; a key marked `restart` is read when the daemon starts, and not again.
"""

from notifier.config.config import Config
from notifier.config.credits import Credits, Posting, PostingKind
from notifier.config.customers import Consent, Inbound
from notifier.config.noticing import Detection, Signals
from notifier.config.on_call import OnCall, Person, WebhookKind
from notifier.config.places import NamedRegion, Overlay, Regions, Service, Source
from notifier.config.running import Log, Queue, Retention, Server, Storage
from notifier.config.sending import Caps, Delivery, InDoubt, InDoubtPolicy, Provider, ProviderKind, Tls
from notifier.config.settings import Settings, marked, secrets
from notifier.config.wording import Alphabet, Locales, Playbooks, Sender, Sms, Templates

__all__ = [
    "Alphabet",
    "Caps",
    "Config",
    "Consent",
    "Credits",
    "Delivery",
    "Detection",
    "InDoubt",
    "InDoubtPolicy",
    "Inbound",
    "Locales",
    "Log",
    "NamedRegion",
    "OnCall",
    "Overlay",
    "Person",
    "Playbooks",
    "Posting",
    "PostingKind",
    "Provider",
    "ProviderKind",
    "Queue",
    "Regions",
    "Retention",
    "Sender",
    "Server",
    "Service",
    "Settings",
    "Signals",
    "Sms",
    "Source",
    "Storage",
    "Templates",
    "Tls",
    "WebhookKind",
    "marked",
    "secrets",
]
