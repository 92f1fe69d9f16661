"""Doubts about a place as people read them: what would happen, why it is not sure, and what to do about it."""

import pytest

from notifier.cli.place_doubts import SHOWN, said, show_doubts
from notifier.storage.views import DoubtView


def doubt(*, named: bool, callers: int, region: str = "postal_code 94110") -> DoubtView:
    return DoubtView(region=region, named=named, callers=callers, expected=0.21, sites=41, chance=0.4)


def test_each_kind_of_doubt_says_what_happens_and_what_to_do() -> None:
    assert said(doubt(named=True, callers=1)) == (
        "postal code 94110: told with weak support: 1 caller of 41 sites, 0.21 expected. Leave out with --regions"
    )
    assert said(doubt(named=False, callers=2)) == (
        "postal code 94110: not told; 2 callers of 41 sites, 0.21 expected: it may be out. Take in with --regions"
    )
    assert said(doubt(named=False, callers=0)) == (
        "postal code 94110: not told; nobody of 41 sites called, too few to say. Take in with --regions"
    )
    assert said(doubt(named=True, callers=0)) == (
        "postal code 94110: told although nobody of 41 sites called; too few to say. Leave out with --regions"
    )


def test_of_many_doubts_the_first_are_shown_and_the_rest_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    show_doubts([doubt(named=True, callers=1, region=f"node n{number}") for number in range(SHOWN + 3)])
    lines = capsys.readouterr().out
    assert lines.count("weak support") == SHOWN
    assert "3 more regions of which one cannot tell" in lines
    assert max(len(line) for line in lines.splitlines()) <= 72
