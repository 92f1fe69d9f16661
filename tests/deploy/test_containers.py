"""The image is small and without rights; the manifests are what Kubernetes takes, and leave the pod little."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from notifier.settings import load

DOCKERFILE = Path("deploy/Dockerfile")
BASE, EXAMPLE = Path("deploy/kubernetes/base"), Path("deploy/kubernetes/example")
KUBERNETES = "1.30"


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, lines that go on joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [(line.split()[0], " ".join(line.split()[1:])) for line in lines]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    return found[max(index for index, (word, _) in enumerate(found) if word == "FROM") :]


def documents(folder: Path) -> dict[str, dict[str, Any]]:
    found = [
        document
        for path in sorted(folder.glob("*.yaml"))
        if path.name not in ("kustomization.yaml", "notifier.yaml")
        for document in yaml.safe_load_all(path.read_text())
    ]
    return {document["kind"]: document for document in found}


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = documents(BASE)["Deployment"]["spec"]["template"]["spec"]
    return spec


def container() -> dict[str, Any]:
    (found,) = pod()["containers"]
    return dict(found)


# the image


def test_it_runs_as_a_user_without_rights_by_number() -> None:
    users = [rest for word, rest in final_stage() if word == "USER"]
    assert users == ["10001:10001"]


def test_the_last_image_is_slim_and_builds_nothing() -> None:
    stage = final_stage()
    assert "slim" in dict(instructions())["ARG"]
    assert not any("pip" in rest or "apt" in rest for word, rest in stage if word == "RUN")
    assert not any(word == "ADD" for word, _ in instructions())


def test_what_is_installed_is_what_is_locked() -> None:
    runs = " ".join(rest for word, rest in instructions() if word == "RUN")
    assert "-r requirements.lock" in runs
    assert "--no-deps ." in runs


def test_signals_reach_the_daemon_and_its_health_is_looked_at() -> None:
    stage = dict(final_stage())
    assert stage["ENTRYPOINT"] == '["notifier"]'  # no shell in between
    assert stage["STOPSIGNAL"] == "SIGTERM"
    assert "/readyz" in stage["HEALTHCHECK"]


def test_everything_it_copies_is_there_and_let_through() -> None:
    allowed = {line[1:] for line in Path("deploy/Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            for name in rest.split()[:-1]:
                assert Path(name).exists(), name
                assert name in allowed, name


# Kubernetes


@pytest.mark.parametrize("folder", [BASE, EXAMPLE])
def test_every_manifest_keeps_to_its_schema(folder: Path) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="the package kubernetes-validate has the schemas")
    for document in documents(folder).values():
        validate.validate(document, KUBERNETES, strict=True)


def test_kustomize_puts_it_together() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not on PATH")
    done = subprocess.run([kubectl, "kustomize", str(EXAMPLE)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    made = {each["kind"]: each for each in yaml.safe_load_all(done.stdout)}
    named = made["ConfigMap"]["metadata"]["name"]
    volumes = made["Deployment"]["spec"]["template"]["spec"]["volumes"]
    assert {"name": "config", "configMap": {"name": named}} in volumes
    assert all(each["metadata"].get("namespace", "notifier") == "notifier" for each in made.values())


def test_every_file_is_named_by_its_kustomization() -> None:
    for folder in (BASE, EXAMPLE):
        named = yaml.safe_load((folder / "kustomization.yaml").read_text())
        files = {*named["resources"], *(f for each in named.get("configMapGenerator", ()) for f in each["files"])}
        there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert files - {"../base"} == there


def test_the_pod_has_no_rights_and_limits() -> None:
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["automountServiceAccountToken"] is False
    inside = container()["securityContext"]
    assert inside["readOnlyRootFilesystem"] is True
    assert inside["allowPrivilegeEscalation"] is False
    assert inside["capabilities"] == {"drop": ["ALL"]}
    assert set(container()["resources"]["limits"]) == {"cpu", "memory"}


def test_its_probes_ask_the_endpoints_there_are() -> None:
    asked = {name: container()[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert asked == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_one_pod_at_a_time_and_time_to_drain() -> None:
    spec = documents(BASE)["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
    assert pod()["terminationGracePeriodSeconds"] >= 45


def test_every_selector_finds_the_pod() -> None:
    found = documents(BASE)
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert found["Service"]["spec"]["selector"].items() <= labels.items()
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()


def test_only_what_customers_and_carriers_need_is_public() -> None:
    (rule,) = documents(EXAMPLE)["Ingress"]["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/u/", "/p/", "/webhooks/"]


def test_the_example_configuration_is_right(tmp_path: Path) -> None:
    secrets = {"database-url": "postgresql://notifier@db/notifier", "relay-password": "x", "link-secret": "x" * 32}
    for name, content in secrets.items():
        (tmp_path / name).write_text(content)
    file = tmp_path / "notifier.yaml"
    file.write_text((EXAMPLE / "notifier.yaml").read_text().replace("/etc/notifier-secrets", str(tmp_path)))
    config = load(file, {})
    assert config.server.listen.endswith(":8080")
    assert config.server.metrics_listen.endswith(":9464")
