"""What /openapi.json promises holds for requests nobody thought of: made by schemathesis from the description itself.

It tries every endpoint with what the description allows and with what it does not: no answer may be an error of ours,
and every answer keeps to what is said about it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.sandbox.processes import Process, free_port, notifier, wait_until_ready
from notifier.web.operations import JSON, OPERATIONS

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
hypothesis = pytest.importorskip("hypothesis")

EXAMPLES = int(os.environ.get("NOTIFIER_SCHEMATHESIS_EXAMPLES", "8"))
UNTRIED = {
    ("POST", "/v1/on-call/test"),  # wakes people, or waits for carriers
    ("POST", "/v1/test-sends"),
    ("POST", "/-/reload"),  # seconds each; tests/e2e/test_reload.py
    ("DELETE", "/v1/keys/{id}"),  # would take away its own key
}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Run a daemon that can reach nobody, and give its address and a manager's key."""
    folder = tmp_path_factory.mktemp("daemon")
    port = free_port()
    config = folder / "notifier.yaml"
    config.write_text(
        f"server: {{listen: '127.0.0.1:{port}', metrics_listen: '', token_file: '{folder / 'token'}'}}\n"
        f"storage: {{url: 'sqlite:///{folder / 'notifier.db'}'}}\n"
        f"providers: [{{name: outbox, kind: file, directory: '{folder / 'outbox'}'}},"
        f" {{name: texts, kind: file, channel: sms, directory: '{folder / 'texts'}'}}]\n"
    )
    process = Process(folder, "daemon", notifier("serve", "--migrate", "--config", str(config)))
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url, process)
        yield url, Path(folder / "token").read_text().strip()
    finally:
        process.stop()


def test_every_endpoint_keeps_to_its_description(daemon: tuple[str, str]) -> None:
    url, key = daemon
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    headers = {"Authorization": f"Bearer {key}"}
    tried, wrong = 0, list[str]()
    for found in schema.get_all_operations():
        operation = found.ok()
        endpoint = (operation.method.upper(), operation.path)
        described = OPERATIONS.get(endpoint)
        if endpoint in UNTRIED or described is None or described.body_type != JSON:  # lists: tests/web/test_bodies.py
            continue

        right, wrongly = (
            operation.as_strategy(generation_mode=mode)
            for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
        )
        has_input = operation.path != operation.path.partition("{")[0] or bool(described.query or described.takes)

        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        )
        @hypothesis.given(case=right | wrongly if has_input else right)
        def holds(case: "schemathesis.Case") -> None:
            case.call_and_validate(
                base_url=url,
                headers=headers,
                timeout=30,
                checks=[
                    schemathesis.checks.not_a_server_error,
                    schemathesis.checks.CHECKS.get_one("status_code_conformance"),
                    schemathesis.checks.CHECKS.get_one("content_type_conformance"),
                    schemathesis.checks.CHECKS.get_one("response_schema_conformance"),
                ],
            )

        try:
            holds()
        except Exception as error:  # noqa: BLE001 - all that is wrong at once
            wrong.append(f"{endpoint}: {error}")
        tried += 1
    assert wrong == []
    assert tried > 50
