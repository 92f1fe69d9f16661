"""Compiled templates: once for the same source and name, again for another, and never more than so many."""

from typing import Any

import pytest
from jinja2 import DictLoader, Environment

from notifier.messages import compiled
from notifier.messages.compiled import Compiled


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count what is compiled."""
    names: list[str] = []
    compile_ = Environment._compile

    def noted(self: Environment, source: str, filename: str) -> Any:
        names.append(filename)
        return compile_(self, source, filename)

    monkeypatch.setattr(Environment, "_compile", noted)
    return names


def rendered(kept: Compiled, **sources: str) -> list[str]:
    environment = Environment(loader=DictLoader(sources), bytecode_cache=kept)  # noqa: S701 - plain text
    return [environment.get_template(name).render(who="you") for name in sources]


def test_the_same_source_is_compiled_once_for_all_environments_that_share_it(compilations: list[str]) -> None:
    kept = Compiled()
    assert rendered(kept, one="for {{ who }}") == rendered(kept, one="for {{ who }}") == ["for you"]
    assert len(compilations) == 1


def test_a_template_that_changed_is_compiled_again(compilations: list[str]) -> None:
    kept = Compiled()
    assert rendered(kept, one="for {{ who }}") == ["for you"]
    assert rendered(kept, one="to {{ who }}") == ["to you"]
    assert rendered(kept, one="for {{ who }}") == ["for you"]
    assert len(compilations) == 2


def test_the_same_words_under_two_names_are_two_templates() -> None:
    assert rendered(
        Compiled(), one="{{ self._TemplateReference__context.name }}", two="{{ self._TemplateReference__context.name }}"
    ) == ["one", "two"]


def test_old_ones_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "KEPT_AT_MOST", 2)
    kept = Compiled()
    for number in range(5):
        rendered(kept, one=f"{number}")
    assert len(kept._code) <= 2
