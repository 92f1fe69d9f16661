"""The API of a daemon whose pollers do not run: every part is real, and a test moves them one step at a time."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientResponse, ClientSession
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from notifier.app import App, Machine
from notifier.clock import SystemClock
from notifier.config import Config, Provider, ProviderKind, Sender, Server, Storage
from notifier.domain.actor import DAEMON, KeyRole
from notifier.settings import load_playbooks
from notifier.stages.reloading import Reading
from notifier.storage.database import Database
from notifier.web.server import build_app
from tests.api_contract import hold_against_openapi
from tests.sqlite_file import sqlite_file

ROWS = [
    {
        "customer_id": f"C-{number}",
        "site_id": "1",
        "name": f"Customer {number}",
        "address": f"{number} Oak St, Springfield",
        "services": "internet|power",
        "email": f"customer{number}@example.net",
        "regions": {"postal_code": "94110"},
    }
    for number in range(1, 6)
]
"""Five customers in one place."""


class Answer:
    """What a request got: status, headers, text, and its JSON when it is some."""

    def __init__(self, response: ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.body = response.status, response.headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


class Served:
    """A running API with one key of every role."""

    def __init__(
        self,
        folder: Path,
        *,
        playbook: Mapping[str, Any] | None = None,
        database: Database | None = None,
        **sections: Any,
    ) -> None:
        """Keep the folder; `playbook` replaces values of every playbook, `sections` those of the configuration.

        `database` is used in place of the file in the folder, and closed at the end.
        """
        self.folder = folder
        usual = {
            "server": Server(token_file=str(folder / "token")),
            "storage": Storage(url=f"sqlite:///{folder / 'notifier.db'}"),
            "providers": (Provider(name="outbox", kind=ProviderKind.FILE, directory=str(folder / "outbox")),),
            "sender": Sender(company="Bay & Sons"),
        }
        self.config = Config(**(usual | sections))
        self.database = database or sqlite_file(folder / "notifier.db")
        playbooks = {service: replace(plan, **playbook or {}) for service, plan in load_playbooks(self.config).items()}
        self.app = App(Reading(config=self.config, playbooks=playbooks, wording=""), SystemClock())
        self.keys: dict[KeyRole, str] = {}
        self.machine: Machine

    async def __aenter__(self) -> Self:
        self.machine = await self.app.build(self.database)
        self.app._not_ready.clear()
        for role in KeyRole:
            self.keys[role] = (await self.machine.parts.keys.create(f"a {role}", role, DAEMON)).key
        self.server = TestServer(build_app(self.machine.parts))
        await self.server.start_server()
        self.session = ClientSession(auto_decompress=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()
        await self.server.close()
        self.database.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        role: KeyRole | None = KeyRole.MANAGER,
        body: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        type_: str | None = "application/json",
    ) -> Answer:
        """Send a request with the key of a role; `body` is sent as JSON, `data` as it is."""
        sent = dict(headers or {})
        if role is not None:
            sent.setdefault("Authorization", f"Bearer {self.keys[role]}")
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None and type_ is not None:
            sent.setdefault("Content-Type", type_)
        skip = [] if "Content-Type" in sent else ["Content-Type"]
        async with self.session.request(
            method,
            self.server.make_url(path),
            data=data,
            headers=sent,
            skip_auto_headers=skip,
            allow_redirects=False,
        ) as response:
            found = Answer(response, await response.read())
        hold_against_openapi(method, path, found.status, found.headers.get("Content-Type", ""), found.body)
        return found

    async def get(self, path: str, **options: Any) -> Answer:
        """Send a GET."""
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        """Send a POST."""
        return await self.call("POST", path, body=body, **options)

    async def ndjson(self, path: str, *rows: Any, **options: Any) -> Answer:
        """Send a list; a row that is bytes is sent as it is."""
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        return await self.post(path, data=b"\n".join(lines), type_="application/x-ndjson", **options)

    async def import_customers(self) -> None:
        """Load five customers in 94110."""
        answer = await self.ndjson("/v1/customers/bulk", *ROWS)
        assert answer.lines[-1]["loaded"] == len(ROWS), answer.body

    def rows(self, sql: str) -> list[Any]:
        """Read from the store."""
        return self.database.read_now(lambda tx: tx.rows(sql))
