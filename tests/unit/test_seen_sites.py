"""A second row for a site is known by the line of the first one, however many lie between them."""

from notifier.domain.seen_sites import SeenSites


def test_a_site_is_known_by_its_first_line() -> None:
    seen = SeenSites()
    assert [seen.first_line(f"C-{n}", "1", n) for n in range(1, 20_001)] == list(range(1, 20_001))
    assert [seen.first_line(f"C-{n}", "1", 50_000) for n in (1, 9_999, 20_000)] == [1, 9_999, 20_000]


def test_the_same_reference_of_another_customer_is_another_site() -> None:
    seen = SeenSites()
    assert [seen.first_line("C-1", "1", 2), seen.first_line("C-2", "1", 3), seen.first_line("C-1", "2", 4)] == [2, 3, 4]


def test_a_line_that_is_checked_again_is_no_second_row() -> None:
    seen = SeenSites()
    assert [seen.first_line("C-1", "1", line) for line in (2, 9, 2, 9)] == [2, 2, 2, 2]
