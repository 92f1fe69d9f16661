"""The sample and the reference say what the code says: every key, its default, its description."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_origin

import pytest
from msgspec import Struct

from notifier.config import Config, ProviderKind, secrets
from notifier.domain.playbook import Playbook
from notifier.settings import load, load_playbooks
from notifier.settings.descriptions import description, hints, struct_of, unwrap
from notifier.settings.reference import reference
from notifier.settings.sample import sample

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "config" / "notifier.yaml"


def paths(struct: type[Struct], path: str = "") -> Iterator[str]:
    for name, annotation in hints(struct).items():
        at = f"{path}.{name}" if path else name
        inner = struct_of(annotation)
        if inner is not None:
            yield from paths(inner, f"{at}[]" if get_origin(unwrap(annotation)[0]) is tuple else at)
        else:
            yield at


def structs(struct: type[Struct]) -> Iterator[type[Struct]]:
    yield struct
    for annotation in hints(struct).values():
        if (inner := struct_of(annotation)) is not None:
            yield from structs(inner)


def test_the_sample_is_current() -> None:
    assert SAMPLE.read_text(encoding="utf-8") == sample(), "run: python -m notifier.settings.reference"


def test_the_reference_is_current() -> None:
    text = (ROOT / "docs" / "CONFIGURATION.md").read_text(encoding="utf-8")
    assert text == reference(), "run: python -m notifier.settings.reference"


def test_the_sample_equals_the_defaults() -> None:
    assert load(SAMPLE, {}) == Config()


@pytest.mark.parametrize("struct", [*structs(Config), Playbook])
def test_every_key_says_what_it_is(struct: type[Struct]) -> None:
    for name, annotation in hints(struct).items():
        assert description(annotation).endswith("."), f"{struct.__name__}.{name}"


@pytest.mark.parametrize("path", [*paths(Config)])
def test_the_sample_shows_every_key_with_its_description(path: str) -> None:
    section = path.partition(".")[0].removesuffix("[]")
    block = next(block for block in sample().split("\n\n") if f"\n{section}:\n" in block)
    assert f" {path.rpartition('.')[2]}:" in block


@pytest.mark.parametrize("path", [*paths(Config), *paths(Playbook)])
def test_the_reference_has_a_row_for_every_key(path: str) -> None:
    assert f"| `{path}` |" in reference()


def test_every_secret_has_its_twin_in_both() -> None:
    found = [name for struct in structs(Config) for name in secrets(struct)]
    assert found
    for name in found:
        assert f"{name}_file" in sample()
        assert f"{name}_file` |" in reference()


def test_nothing_can_leave_the_machine_as_shipped() -> None:
    config = load(SAMPLE, {})
    assert {provider.kind for provider in config.providers} == {ProviderKind.FILE}
    assert config.server.listen.startswith("127.0.0.1:")
    assert {str(playbook.mode) for playbook in load_playbooks(config).values()} == {"propose"}
