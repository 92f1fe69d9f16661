"""What records of SPF, DKIM and DMARC say."""

from ipaddress import ip_address

import pytest

from notifier.domain.mail_dns import (
    Mechanism,
    Qualifier,
    dkim_key,
    holds,
    is_aligned,
    is_beside,
    organisation_of,
    parents,
    parse_dmarc,
    parse_spf,
    spf_records,
)


def test_only_texts_of_version_one_are_spf() -> None:
    assert spf_records(["v=spf1 -all", "v=spf10 -all", "V=SPF1", "google-site-verification=x"]) == [
        "v=spf1 -all",
        "V=SPF1",
    ]


def test_the_terms_of_a_record_are_read_in_order_and_redirect_last() -> None:
    terms = parse_spf("v=spf1 redirect=_spf.b.net IP4:192.0.2.0/24 ~include:A.net. a:x.net/24 exp=e.net nonsense:1")
    assert terms == [
        Mechanism(name="ip4", value="192.0.2.0/24"),
        Mechanism(name="include", value="a.net", qualifier=Qualifier.SOFT_FAIL),
        Mechanism(name="a", value="x.net/24"),
        Mechanism(name="redirect", value="_spf.b.net"),
    ]


def test_a_redirect_beside_all_is_never_followed() -> None:
    assert [each.name for each in parse_spf("v=spf1 -all redirect=b.net")] == ["all"]


@pytest.mark.parametrize(
    ("network", "address", "is_in"),
    [
        ("192.0.2.0/24", "192.0.2.7", True),
        ("192.0.2.0/24", "192.0.3.7", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("192.0.2.0/24", "2001:db8::1", False),
        ("nonsense", "192.0.2.7", False),
    ],
)
def test_a_network_holds_its_addresses(network: str, address: str, is_in: bool) -> None:
    assert holds(Mechanism(name="ip4", value=network), ip_address(address)) is is_in


def test_a_host_with_a_prefix_length_stands_for_its_network() -> None:
    host, other = ip_address("192.0.2.1"), ip_address("192.0.2.200")
    assert is_beside(host, "24", other)
    assert not is_beside(host, "", other)
    assert not is_beside(host, "24", ip_address("2001:db8::1"))


def test_dmarc_is_read_with_its_alignment() -> None:
    found = parse_dmarc(["other", "v=DMARC1; p=Reject; aspf=s; rua=mailto:a@b.net"])
    assert found is not None
    assert (found.policy, found.strict_spf, found.strict_dkim) == ("reject", True, False)


def test_two_dmarc_records_count_as_none() -> None:
    assert parse_dmarc(["v=DMARC1; p=none", "v=DMARC1; p=reject"]) is None


def test_a_dmarc_record_without_a_policy_says_so() -> None:
    found = parse_dmarc(["v=DMARC1; rua=mailto:a@b.net"])
    assert found is not None
    assert found.policy == ""


@pytest.mark.parametrize(
    ("texts", "key"),
    [
        (["v=DKIM1; k=rsa; p=MII B"], "MIIB"),
        (["k=rsa; p=MIIB"], "MIIB"),
        (["v=DKIM1; p="], ""),
        (["v=spf1 -all"], None),
        (["v=DKIM2; p=x"], None),
    ],
)
def test_a_key_is_told_from_a_withdrawn_one_and_from_none(texts: list[str], key: str | None) -> None:
    assert dkim_key(texts) == key


@pytest.mark.parametrize(
    ("domain", "organisation"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("m.example.co.uk", "example.co.uk"),
        ("x.de", "x.de"),
    ],
)
def test_an_organisation_is_guessed_from_a_name(domain: str, organisation: str) -> None:
    assert organisation_of(domain) == organisation


def test_the_domains_above_end_at_the_organisation() -> None:
    assert parents("a.b.example.com") == ["a.b.example.com", "b.example.com", "example.com"]
    assert parents("m.example.co.uk") == ["m.example.co.uk", "example.co.uk"]


def test_alignment_is_the_same_domain_or_the_same_organisation() -> None:
    assert is_aligned("bounces.valley.net", "valley.net", "valley.net", strict=False)
    assert not is_aligned("bounces.valley.net", "valley.net", "valley.net", strict=True)
    assert not is_aligned("valley.net.evil.org", "valley.net", "valley.net", strict=False)
    assert not is_aligned("notvalley.net", "valley.net", "valley.net", strict=False)
