"""Columns of other programs: guessed by name and content, never against what the cells say."""

from pathlib import Path

import pytest

from notifier.cli import column_maps
from notifier.cli.mapping import beginning
from notifier.domain.column_guess import Guess, Look, guess, look, plain
from notifier.domain.column_map import ColumnMap, folded, missing, problems, reader
from notifier.domain.column_words import SPELLINGS

FIXTURES = Path(__file__).parent.parent / "imports"


def guessed(text: str, encoding: str = "utf-8") -> Guess:
    head = beginning(text.encode(encoding))
    return guess(head.names, head.rows)


def rows(mapping: ColumnMap, data: bytes) -> list[dict[str, str]]:
    head = beginning(data)
    read, names = reader(mapping), [folded(name) for name in head.names]
    return [read({n: c for n, c in zip(names, row, strict=False) if c}) for row in head.rows]


def test_columns_are_known_by_their_names_in_several_languages() -> None:
    spanish = guessed("Número de Cliente;Medidor;Nombre;Dirección;Código Postal;Correo electrónico;Celular;Servicio\n")
    assert spanish.mapping.columns == {
        "customer_id": ("Número de Cliente",),
        "site_id": ("Medidor",),
        "name": ("Nombre",),
        "address": ("Dirección",),
        "services": ("Servicio",),
        "email": ("Correo electrónico",),
        "phone": ("Celular",),
        "region.postal_code": ("Código Postal",),
    }
    assert set(guessed("N° client,Nom,Prénom,Téléphone portable,Courriel,Ville\n").mapping.columns) == {
        "name",
        "phone",
        "email",
        "region.city",
    }
    german = guessed("Kundennummer\tVorname\tNachname\tStraße\tHausnummer\tPLZ\n1\tA\tB\tC\t2\t94110\n").mapping
    assert german.columns["name"] == ("Vorname", "Nachname")
    assert german.columns["address"] == ("Hausnummer", "Straße")


@pytest.mark.parametrize("name", ["Account Number", "account_number", "ACCOUNT-NUMBER", "accountNumber", "Account No"])
def test_a_name_may_be_spelt_in_many_ways(name: str) -> None:
    assert guessed(f"{name},x\n1,a\n2,b\n").mapping.columns["customer_id"] == (name,)


def test_a_spelling_belongs_to_one_column() -> None:
    spellings = [spelling for each in SPELLINGS.values() for spelling in each]
    assert sorted({each for each in spellings if spellings.count(each) > 1}) == []
    assert [each for each in spellings if plain(each) != each] == []


def test_cells_give_away_addresses_numbers_and_postal_codes() -> None:
    found = guessed(
        "id,a,b,c,d\n1,x@example.net,(415) 555-0101,94110,2024-01-05\n2,y@example.org,415-555-0102,94112,2024-02-01\n"
    )
    assert found.mapping.columns == {
        "customer_id": ("id",),
        "email": ("a",),
        "phone": ("b",),
        "region.postal_code": ("c",),
    }
    assert found.unused == {"d": "dates; none of ours is called so"}


def test_bare_digits_without_a_name_are_no_telephone_number() -> None:
    assert "phone" not in guessed("id,parcel\n1,4155550101\n2,4155550102\n").mapping.columns


def test_a_name_that_the_cells_contradict_does_not_count() -> None:
    found = guessed("Account,E-mail,Phone,Name\n1,sent,2024-01-05,ana@example.net\n2,open,2024-01-06,sam@example.net\n")
    assert found.mapping.columns == {"customer_id": ("Account",)}
    assert found.unused["E-mail"] == "is called so, but holds other text"
    assert found.unused["Phone"] == "is called so, but holds dates"
    assert found.unused["Name"] == "is called so, but holds mail addresses"


def test_a_site_is_one_only_where_customers_have_one_row() -> None:
    assert guessed("Account,x\n1,a\n2,b\n").mapping.same == {"site_id": "1"}
    twice = guessed("Account,x\n1,a\n1,b\n").mapping
    assert twice.same == {}
    assert [why for _, why in problems(twice) if "site_id" in why]


def test_words_of_a_status_and_a_service_are_translated_and_unknown_ones_stay() -> None:
    text = "Account,Status,Service\n1,Aktiv,Electric; Wasser\n2,Baja,gas\n"
    found = rows(guessed(text).mapping, text.encode())
    assert [(row["status"], row["services"]) for row in found] == [("active", "power|water"), ("ended", "gas")]


@pytest.mark.parametrize(
    ("cells", "seen"),
    [
        (["", " "], Look.EMPTY),
        (["a@example.net", "b@example.net; c@example.net"], Look.EMAIL),
        (["+1 415 555 0101", "4155550102"], Look.PHONE),
        (["94110", "94110-1234"], Look.POSTAL_CODE),
        (["2024-01-05", "1/5/24", "05.01.2024 10:00"], Look.DATE),
        (["Y", "n", ""], Look.YES_NO),
        (["12 Oak St", "94110"], Look.TEXT),
    ],
)
def test_what_cells_look_like(cells: list[str], seen: Look) -> None:
    assert look(cells) is seen


@pytest.mark.parametrize(
    ("data", "encoding", "separator"),
    [
        ("a,b\nZoé,1\n".encode(), "utf-8", ","),
        (b"\xef\xbb\xbfa;b\n1;2\n", "utf-8", ";"),
        ("a|b\nZoé|1\n".encode("windows-1252"), "windows-1252", "|"),
        ("a\tb\nZoé\t1\n".encode("utf-16"), "utf-16", "\t"),
        ("a,b\nZoé Müller,1\n".encode() + b"\xff,2\n", "utf-8", ","),
        (b"", "utf-8", ","),
    ],
)
def test_a_file_says_how_it_is_written(data: bytes, encoding: str, separator: str) -> None:
    head = beginning(data)
    assert (head.encoding, head.separator) == (encoding, separator)
    assert head.names == (["a", "b"] if data else [])


def test_columns_called_the_same_or_nothing_are_told_apart() -> None:
    assert beginning(b"Email,,Email\n1,2,3\n").names == ["Email", "column 2", "Email (2)"]


def test_a_shipped_map_reads_an_export_of_its_program() -> None:
    found = {name: (FIXTURES / f"{name}.csv").read_bytes() for name in column_maps.presets()}
    assert sorted(found) == ["cis", "freshdesk", "splynx"]
    cis = rows(column_maps.read(column_maps.presets()["cis"]), found["cis"])
    assert [(row["customer_id"], row["site_id"], row["services"], row["status"]) for row in cis] == [
        ("0010001", "77001", "power", "active"),
        ("0010001", "77002", "water", "active"),
        ("0010002", "77003", "power", "ended"),
    ]
    splynx = rows(column_maps.read(column_maps.presets()["splynx"]), found["splynx"])
    assert [row["status"] for row in splynx] == ["active", "paused", "ended"]
    assert (splynx[0]["email"], splynx[0]["phone"], splynx[0]["phone2"]) == (
        "ana@example.net",
        "+14155550101",
        "+14155550104",
    )
    freshdesk = rows(column_maps.read(column_maps.presets()["freshdesk"]), found["freshdesk"])
    assert [row.get("region.postal_code") for row in freshdesk] == ["94110", "94110", None]
    assert [row.get("phone") or row.get("phone2") for row in freshdesk] == ["+14155550101", "+14155550102", None]


@pytest.mark.parametrize("name", ["cis", "splynx"])
def test_what_is_shipped_for_a_program_is_nearly_what_would_be_guessed(name: str) -> None:
    data = (FIXTURES / f"{name}.csv").read_bytes()
    head = beginning(data)
    found = guess(head.names, head.rows).mapping.columns
    for ours in ("customer_id", "name", "status", "email", "phone", "region.postal_code"):
        assert {folded(each) for each in found[ours]} <= {
            folded(each) for each in column_maps.read(column_maps.presets()[name]).columns[ours]
        }


def test_a_map_says_what_a_file_lacks() -> None:
    mapping = ColumnMap(
        columns={"customer_id": ("No", "Id"), "email": ("Mail",)}, same={"site_id": "1", "services": "power"}
    )
    assert problems(mapping) == []
    assert missing(mapping, ["id"]) == {"email": "Mail"}


def test_what_is_wrong_with_a_map_is_said() -> None:
    mapping = ColumnMap(columns={"e-mail": ("x",)}, same={"customer_id": "1"}, separator="-", encoding="ebcdic")
    assert [key for key, _ in problems(mapping)] == [
        "columns.e-mail", "columns", "columns", "same.customer_id", "separator", "encoding",
    ]  # fmt: skip
