"""YAML as nodes: texts stay as written, places are kept, and nothing grows without bound."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.settings.tree import Items, Table, Text, parse


def reason(text: str) -> str:
    root, problems = parse(text, "f.yaml")
    assert root is None
    return str(problems[-1])


def test_texts_stay_as_they_were_written() -> None:
    root, problems = parse("country: NO\ncode: 02134\nat: 1:30\n", "f.yaml")
    assert isinstance(root, Table)
    assert not problems
    assert [node.value for node in root.nodes.values() if isinstance(node, Text)] == ["NO", "02134", "1:30"]


def test_a_node_knows_the_line_of_its_key() -> None:
    root, _ = parse("a: 1\nb:\n  - x\n  - y\n", "f.yaml")
    assert isinstance(root, Table)
    items = root.nodes["b"]
    assert isinstance(items, Items)
    assert str(items.place) == "f.yaml:2"
    assert [str(node.place) for node in items.nodes] == ["f.yaml:3", "f.yaml:4"]


def test_a_key_given_twice_is_a_problem_that_names_both_lines() -> None:
    _, problems = parse("a:\n  b: 1\n  b: 2\n", "f.yaml")
    assert [str(problem) for problem in problems] == ["f.yaml:3: a.b: is given twice, first in line 2"]


def test_an_alias_stands_for_what_it_names() -> None:
    root, problems = parse("a: &x [1, 2]\nb: *x\n", "f.yaml")
    assert isinstance(root, Table)
    assert not problems
    assert root.nodes["a"] == root.nodes["b"]


def test_a_billion_laughs_is_refused_at_once() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    began = time.monotonic()
    assert reason(bomb) == "f.yaml:6:10: holds more than 100000 values, aliases written out"
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("opening", ["[", "{a: "])
def test_a_nesting_bomb_is_refused_at_once(opening: str) -> None:
    began = time.monotonic()
    assert "is nested deeper than 12 levels" in reason("a: " + opening * 100_000)
    assert time.monotonic() - began < 1


def test_nesting_by_aliases_counts_as_well() -> None:
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 30))
    assert reason(text).endswith("is nested deeper than 12 levels")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a:\n\tb: 1\n", "f.yaml:2:1: is indented with a tab; expected spaces"),
        ("a: [1, 2\nb: 3\n", "f.yaml:2:2: is no YAML: did not find expected ',' or ']', begun in line 1"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here; expected one document, without '---'"),
        ("a: b: c\n", "f.yaml:1:5: has a ':' where none may be: the line is indented wrongly,"),
        ("a: %b\n", "f.yaml:1:4: has a text that begins with a special character"),
        ("a: *nothing\n", "f.yaml:1:4: a: refers to nothing; a text that begins with * must stand in quotes"),
        ("a: &a [*a]\n", "f.yaml:1:8: a[0]: refers to nothing"),
        ("? [a]\n: b\n", "f.yaml:1:3: has a key that is a list, a map or an alias; expected a name"),
        ("a: 1\nb: \x07\n", "f.yaml:2:4: is no text: it holds a control character"),
    ],
)
def test_broken_text_is_explained_to_an_operator(text: str, wrong: str) -> None:
    assert wrong in reason(text)


def test_a_tag_is_refused_and_builds_nothing() -> None:
    _, problems = parse("a: !!python/object/apply:os.system [echo]\n", "f.yaml")
    assert str(problems[0]) == "f.yaml:1: a: has a tag; a text that begins with ! must stand in quotes"


@given(st.text(max_size=200))
def test_any_text_ends_in_nodes_or_in_problems_of_one_line(text: str) -> None:
    _, problems = parse(text, "f.yaml")
    assert all("\n" not in str(problem) for problem in problems)
