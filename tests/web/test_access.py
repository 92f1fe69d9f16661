"""Every endpoint needs a key with the right role; a revoked key opens nothing any more."""

import pytest

from notifier.domain.actor import KeyRole
from notifier.web.route import Route
from notifier.web.server import ROUTES
from tests.served import Served

LADDER = [KeyRole.VIEWER, KeyRole.AGENT, KeyRole.COMMANDER, KeyRole.MANAGER]


def may(role: KeyRole, route: Route) -> bool:
    if role is KeyRole.SYSTEM:
        return route.or_system
    return LADDER.index(role) >= LADDER.index(route.role)


def path_of(route: Route) -> str:
    return route.path.replace("{id}", "999").replace("{reference}", "X")


@pytest.mark.parametrize("role", list(KeyRole))
async def test_every_endpoint_lets_exactly_its_roles_in(served: Served, role: KeyRole) -> None:
    wrong = []
    for route in ROUTES:
        answer = await served.call(route.method, path_of(route), role=role)
        if (answer.status != 403) != may(role, route):
            wrong.append((route.method, route.path, answer.status))
    assert wrong == []


async def test_without_a_key_nothing_is_let_in(served: Served) -> None:
    for route in ROUTES:
        answer = await served.call(route.method, path_of(route), role=None)
        assert answer.status == 401, route.path
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer ntf_wrong", "Basic bm90OmE=", "ntf_x", "Bearer \xe9"]
)
async def test_a_wrong_key_is_401(served: Served, header: str) -> None:
    answer = await served.get("/v1/status", role=None, headers={"Authorization": header})
    assert answer.status == 401
    assert answer.json["detail"]


async def test_the_scheme_is_read_whatever_its_case(served: Served) -> None:
    header = f"bearer {served.keys[KeyRole.VIEWER]}"
    assert (await served.get("/v1/status", role=None, headers={"Authorization": header})).status == 200


async def test_a_role_that_is_too_low_is_told_what_is_needed(served: Served) -> None:
    answer = await served.post("/v1/pause-all", role=KeyRole.AGENT)
    assert answer.status == 403
    assert answer.json["detail"] == "key 'a agent' has the role agent; this needs commander or above"


async def test_a_key_is_made_used_and_revoked_over_http(served: Served) -> None:
    made = await served.post("/v1/keys", {"name": "ann", "role": "viewer"})
    assert made.status == 201
    headers = {"Authorization": f"Bearer {made.json['key']}"}
    assert (await served.get("/v1/status", role=None, headers=headers)).status == 200
    revoked = await served.call("DELETE", f"/v1/keys/{made.json['id']}")
    assert revoked.status == 200
    assert revoked.json["revoked_at"]
    assert (await served.get("/v1/status", role=None, headers=headers)).status == 401
    assert (await served.call("DELETE", f"/v1/keys/{made.json['id']}")).status == 200


async def test_a_list_of_keys_shows_no_secret(served: Served) -> None:
    answer = await served.get("/v1/keys")
    assert {key["name"] for key in answer.json} == {f"a {role}" for role in KeyRole} | {"operator"}
    for secret in served.keys.values():
        assert secret.encode() not in answer.body


async def test_the_first_manager_key_is_in_a_file_of_its_owner_only(served: Served) -> None:
    file = served.folder / "token"
    assert file.stat().st_mode & 0o777 == 0o600
    headers = {"Authorization": f"Bearer {file.read_text().strip()}"}
    assert (await served.get("/v1/keys", role=None, headers=headers)).status == 200
    assert not (served.folder / "token.new").exists()


async def test_answers_are_not_to_be_cached(served: Served) -> None:
    assert (await served.get("/v1/status")).headers["Cache-Control"] == "no-store"
