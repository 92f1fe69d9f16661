"""Where the daemon listens, where and how long it keeps facts, and how it speaks to its operators."""

# ruff: noqa: E501, S105  # one description per key, beside it; `token_file` is a path

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from notifier.config.settings import Settings


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
    unused_addresses: Annotated[
        timedelta,
        Meta(
            description="Addresses that a directory took away from everybody they were linked to, once no message is kept that went there; 0 = for ever."
        ),
    ] = timedelta(days=90)
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
