"""docs/API.md and the table of endpoints say the same."""

import re
from pathlib import Path

import msgspec
import pytest

from notifier.domain.actor import KeyRole
from notifier.web.route import Route
from notifier.web.server import ROUTES

TEXT = Path("docs/API.md").read_text()
SECTION = re.compile(r"^### (GET|POST|DELETE) (/\S+)\nRole: ([^.\n]*)", re.MULTILINE)
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/openapi.json"),
    ("GET", "/u/{token}"),
    ("POST", "/u/{token}"),
    ("GET", "/p/{token}"),
    ("POST", "/p/{token}"),
    ("POST", "/webhooks/twilio/sms"),
    ("POST", "/webhooks/twilio/status"),
    ("POST", "/webhooks/twilio/status"),
}


def documented() -> dict[tuple[str, str], str]:
    return {(method, path): role for method, path, role in SECTION.findall(TEXT)}


def section(route: Route) -> str:
    return TEXT.split(f"### {route.method} {route.path}\n")[1].split("\n### ")[0]


def test_every_endpoint_is_documented_and_every_documented_one_exists() -> None:
    assert set(documented()) == {(route.method, route.path) for route in ROUTES} | OPEN


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_the_documented_role_is_the_one_that_is_checked(route: Route) -> None:
    said = documented()[route.method, route.path].split(",")[0]
    assert said == str(route.role) + (" or system" if route.or_system else "")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_endpoint_has_an_example(route: Route) -> None:
    example = section(route)
    assert "```sh\ncurl " in example
    pattern = re.sub(r"\\\{\w+\\\}", r"[^/ ]+", re.escape(route.path))
    assert re.search(r"\$U" + pattern, example)


def test_every_role_is_described() -> None:
    for role in KeyRole:
        assert f"| `{role}` |" in TEXT


def test_every_body_refuses_unknown_fields_and_documents_its_own() -> None:
    for type_, method, path in bodies():
        assert type_.__struct_config__.forbid_unknown_fields, type_
        text = TEXT.split(f"### {method} {path}\n")[1].split("\n### ")[0]
        for field in msgspec.structs.fields(type_):
            assert f"`{field.encode_name}`" in text or f'"{field.encode_name}"' in text, (path, field.encode_name)


def bodies() -> list[tuple[type[msgspec.Struct], str, str]]:
    """Return every type of body with an endpoint that takes it."""
    from notifier.domain.directory import DirectoryRow
    from notifier.stages import credits as owed
    from notifier.stages import incidents
    from notifier.stages.intake import ComplaintRequest
    from notifier.web.api import consents, persons
    from notifier.web.api.broadcasts import Count, Reason
    from notifier.web.api.keys import NewKey
    from notifier.web.api.notifications import HeldCount

    return [
        (ComplaintRequest, "POST", "/v1/complaints"),
        (DirectoryRow, "POST", "/v1/customers/bulk"),
        (Count, "POST", "/v1/broadcasts/{id}/send"),
        (Count, "POST", "/v1/broadcasts/{id}/approve"),
        (Reason, "POST", "/v1/broadcasts/{id}/reject"),
        (consents.Said, "POST", "/v1/contact-points/{id}/consents"),
        (consents.Stop, "POST", "/v1/contact-points/{id}/suppress"),
        (consents.Resume, "POST", "/v1/contact-points/{id}/unsuppress"),
        (HeldCount, "POST", "/v1/broadcasts/{id}/held/resend"),
        (HeldCount, "POST", "/v1/broadcasts/{id}/held/abandon"),
        (NewKey, "POST", "/v1/keys"),
        (owed.Grant, "POST", "/v1/credits"),
        (owed.Decide, "POST", "/v1/credits/{id}/approve"),
        (owed.Because, "POST", "/v1/credits/{id}/reject"),
        (owed.Because, "POST", "/v1/credits/{id}/reverse"),
        (owed.Post, "POST", "/v1/credits/post"),
        (owed.Loaded, "POST", "/v1/credits/batches/{id}/loaded"),
        (owed.DecideAll, "POST", "/v1/incidents/{id}/credits/approve"),
        (owed.Because, "POST", "/v1/incidents/{id}/credits/reject"),
        (persons.WithReason, "POST", "/v1/customers/{reference}/hold"),
        (persons.WithReason, "POST", "/v1/customers/{reference}/release"),
        (persons.Forget, "POST", "/v1/customers/{reference}/forget"),
        (incidents.OpenIncident, "POST", "/v1/incidents"),
        (incidents.ConfirmIncident, "POST", "/v1/incidents/{id}/confirm"),
        (incidents.DismissIncident, "POST", "/v1/incidents/{id}/dismiss"),
        (incidents.SetEta, "POST", "/v1/incidents/{id}/eta"),
        (incidents.RestoreIncident, "POST", "/v1/incidents/{id}/restored"),
        (incidents.ReopenIncident, "POST", "/v1/incidents/{id}/reopen"),
    ]
