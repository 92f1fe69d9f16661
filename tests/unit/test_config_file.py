"""The configuration file: what it gives holds, what it leaves out has its default, every mistake has its place."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from notifier.config import Config, Provider, ProviderKind
from notifier.domain.errors import ConfigError
from notifier.settings import find_file, load
from notifier.settings.sample import sample
from tests.config_file import problems, settings, written

SECRET = "correct-horse-battery-staple"


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}) == Config()


def test_the_file_in_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "log: {level: debug}", "config/notifier.yaml")
    assert load(None, {}).log.level == "debug"


def test_the_option_wins_over_the_variable_which_wins_over_the_working_directory() -> None:
    assert find_file(Path("a.yaml"), {"NOTIFIER_CONFIG": "b.yaml"}) == Path("a.yaml")
    assert find_file(None, {"NOTIFIER_CONFIG": "b.yaml"}) == Path("b.yaml")


def test_what_is_given_holds_and_the_rest_has_its_default(tmp_path: Path) -> None:
    config = settings(tmp_path, "delivery:\n  take_back: 45 s\n")
    assert config.delivery.take_back == timedelta(seconds=45)
    assert config.delivery.lease == Config().delivery.lease
    assert config.sender == Config().sender


def test_the_type_of_a_key_decides_how_its_text_is_read(tmp_path: Path) -> None:
    text = """
        regions:
          country: NO
          named:
            - {kind: postal_code, code: 02134, name: on}
        detection: {likely: 9}
    """
    regions = settings(tmp_path, text).regions
    assert (regions.country, regions.named[0].code, regions.named[0].name) == ("NO", "02134", "on")


def test_comments_alone_and_empty_sections_mean_the_defaults(tmp_path: Path) -> None:
    assert settings(tmp_path, "# nothing yet\n") == Config()
    assert settings(tmp_path, "server:\n  # listen: 0.0.0.0:80\nlog: {}\n") == Config()


def test_a_list_in_the_file_replaces_the_default_list(tmp_path: Path) -> None:
    assert [source.name for source in settings(tmp_path, "sources: [{name: crm}]").sources] == ["crm"]


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = """\
        server:
          lissten: 0.0.0.0:80
          drain: 20
        provders: []
        regions:
          watched: [postcode]
          time_zone: Mars/Olympus
        log: {level: warn}
        log: {}
    """
    found = problems(tmp_path, text)
    assert [problem.partition(";")[0] for problem in found] == [
        "notifier.yaml:2: server.lissten: unknown key",
        "notifier.yaml:3: server.drain: '20' has no unit",
        "notifier.yaml:4: provders: unknown key",
        "notifier.yaml:6: regions.watched[0]: 'postcode' is no kind of region",
        "notifier.yaml:7: regions.time_zone: 'Mars/Olympus' is no IANA time zone",
        "notifier.yaml:8: log.level: 'warn' is not allowed",
        "notifier.yaml:9: log: is given twice, first in line 8",
    ]
    assert found[0].endswith("; did you mean 'listen'?")
    assert found[5].endswith("; expected debug, info, warning or error; did you mean 'warning'?")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "notifier.yaml: is empty; expected keys, or at least a comment that says why not"),
        ("- a\n", "notifier.yaml:1: is no map; expected sections with keys, as in 'server:'"),
        ("server\n", "notifier.yaml:1: is no map; expected sections with keys, as in 'server:'"),
        ("server: 8080\n", "notifier.yaml:1: server: is a text; expected keys such as listen:, metrics_listen:,"),
        ("server: [a]\n", "notifier.yaml:1: server: is a list; expected keys such as listen:"),
        ("server: {listen: [a]}\n", "notifier.yaml:1: server.listen: is a list; expected a text"),
        ("server:\n  listen:\n", "notifier.yaml:2: server.listen: has no value; expected a text; write ''"),
        ("providers: {name: a}\n", "notifier.yaml:1: providers: is a map; expected a list, each with keys such as"),
        ("providers:\n", "notifier.yaml:1: providers: has no value; expected a list"),
        ("providers: [{kind: file}]\n", "providers[0]: the key 'name' is missing; expected a text that is not empty"),
        ("providers: [{name: a, kind: smpt}]\n", "expected smtp, twilio or file; did you mean 'smtp'?"),
        ("providers: [{name: a, kind: file, port: 0}]\n", "'0' is out of bounds; expected a whole number from 1 to"),
        ("providers: [{name: a, kind: file, port: 2.5}]\n", "'2.5' is no whole number"),
        (f"providers: [{{name: a, kind: file, port: {'9' * 5000}}}]\n", "is no whole number"),
        ("providers: [{name: a, kind: file, rate: .nan}]\n", "'.nan' is no number; expected a number of at least 0"),
        ("sources: [{name: a, trusted: yes}]\n", "'yes' is neither true nor false; expected true or false; did you"),
        ("services: []\n", "notifier.yaml:1: services: is empty; expected a list with at least one item"),
        ("services: [{name: a, words: [b]}]\n", "services[0].words: is a list; expected a map such as {en: internet}"),
        ("sender: {company: ''}\n", "sender.company: '' is empty; expected a text that is not empty"),
        ('sender: {company: "a\\nBcc: b"}\n', "sender.company: 'a\\nBcc: b' has a line break"),
        ("take_back: 30 s\n", "notifier.yaml:1: take_back: unknown key; it belongs under 'delivery:'"),
        ("zebra: 1\n", "notifier.yaml:1: zebra: unknown key; known here: server, storage, queue,"),
    ],
)
def test_a_mistake_says_what_is_wrong_and_what_would_be_right(tmp_path: Path, text: str, wrong: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert wrong in found[0]


def test_a_file_that_is_not_there_a_folder_and_a_binary_are_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\x7fELF\0\0")
    latin = tmp_path / "latin"
    latin.write_bytes("a: 1\nb: café\n".encode("latin-1"))
    large = tmp_path / "large"
    large.write_bytes(b"#" * 2_000_000)
    reasons = {
        tmp_path / "none": "there is no such file",
        tmp_path: "is a folder; expected a file",
        binary: "is no text but a binary file, or not in UTF-8",
        latin: "is not in UTF-8: line 2 holds the byte 0xe9",
        large: "is larger than 1048576 bytes",
    }
    for path, reason in reasons.items():
        with pytest.raises(ConfigError) as refused:
            load(path, {})
        assert str(refused.value) == f"{path}: {reason}"


def test_a_text_may_hold_any_letter_and_no_break_space_but_no_direction_mark(tmp_path: Path) -> None:
    assert settings(tmp_path, "sender: {company: 'Énergie\u202fÀ\u00a0Vous 電力'}").sender.company.endswith("電力")
    (found,) = problems(tmp_path, "sender: {company: 'a\u202eb'}")
    assert "'a\\u202eb' has a line break or a character that cannot be shown" in found


def test_of_very_many_problems_the_first_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    found = problems(tmp_path, "".join(f"zebra{n}: 1\n" for n in range(1_000)))
    assert len(found) == 201
    assert found[-1] == "... and 800 more like these"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "notifier.yaml"
    file.write_bytes(b"\xef\xbb\xbflog:\r\n  level: debug\r\n")
    assert load(file, {}).log.level == "debug"


def test_a_secret_comes_from_its_file_without_its_line_end(tmp_path: Path) -> None:
    written(tmp_path, f"{SECRET}\n", "secrets/link")
    assert settings(tmp_path, "sender: {link_secret_file: secrets/link}").sender.link_secret == SECRET


@pytest.mark.parametrize(
    ("content", "wrong"),
    [(None, "there is no such file"), ("", "is empty"), ("\n", "is empty"), ("a\nb\n", "holds more than one line")],
)
def test_a_secret_file_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, wrong: str) -> None:
    if content is not None:
        written(tmp_path, content, "link")
    (found,) = problems(tmp_path, "sender:\n  link_secret_file: link\n")
    assert found.startswith(f"notifier.yaml:2: sender.link_secret_file: link: {wrong}")


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    written(tmp_path, SECRET, "link")
    (found,) = problems(tmp_path, f"sender:\n  link_secret: {SECRET}\n  link_secret_file: link\n")
    assert found.endswith("sender.link_secret_file: is given together with link_secret; expected one of the two")
    assert settings(tmp_path, "sender: {link_secret: '', link_secret_file: link}").sender.link_secret == SECRET


@pytest.mark.parametrize(
    "text",
    [
        f"sender: {{link_secret: [{SECRET}]}}",
        f"sender: {{link_secret: {{{SECRET}: 1}}}}",
        f"sender: {{link_secret: *{SECRET}}}",
        f"sender: {{link_secret: !{SECRET} x}}",
        f"sender: {{link_secret: @{SECRET}}}",
        f"sender: {{link_secret: a: {SECRET}}}",
        f'sender: {{link_secret: "{SECRET}\\n{SECRET}"}}',
        f"sender: {{link_secret: '{SECRET}}}",
        f"providers: [{{name: a, kind: smtp, password: {SECRET}}}]",
        f"storage: {{url: 'postgresql://me:{SECRET}@host/'}}",
        f"sender: {{public_url: 'https://me:{SECRET}@example.com'}}",
    ],
)
def test_no_message_shows_a_secret(tmp_path: Path, text: str) -> None:
    found = problems(tmp_path, text)
    assert found
    assert SECRET not in "\n".join(found)


def test_no_dump_shows_a_secret() -> None:
    provider = Provider(name="relay", kind=ProviderKind.SMTP, username="me", password=SECRET)
    config = Config(providers=(provider,))
    assert "password='***'" in repr(provider)
    assert SECRET not in f"{config!r}{config}{provider.__rich_repr__()}"


def test_folders_are_relative_to_the_configuration_file_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    assert settings(tmp_path, "templates: {directory: own}").templates.directory == str(tmp_path / "own")
    (found,) = problems(tmp_path, "playbooks: {directory: nowhere}\n")
    assert (
        found
        == f"notifier.yaml:1: playbooks.directory: {'nowhere'} is no folder; expected one, or '' for what is shipped"
    )


def test_a_rule_is_silent_while_what_it_reads_is_wrong_by_itself(tmp_path: Path) -> None:
    found = problems(tmp_path, "regions:\n  kinds: node\n  watched: [node]\n")
    assert found == [
        "notifier.yaml:2: regions.kinds: is a text; expected a list with at least one item, such as [a, b]"
    ]


LINES = sample().splitlines()
WORDS = (
    "",
    "~",
    "[]",
    "{}",
    "- ",
    ": ",
    "'",
    '"',
    "\t",
    "#",
    "&a",
    "*a",
    "!x",
    "|",
    "30 s",
    "-1",
    "true",
    "\x00",
    "é",
    "---",
)


@st.composite
def mutated_samples(draw: st.DrawFn) -> str:
    lines = list(LINES)
    for _ in range(draw(st.integers(min_value=1, max_value=4))):
        at = draw(st.integers(min_value=0, max_value=len(lines) - 1))
        other = draw(st.integers(min_value=0, max_value=len(lines) - 1))
        column = draw(st.integers(min_value=0, max_value=len(lines[at])))
        word = draw(st.sampled_from(WORDS) | st.text(max_size=5))
        match draw(st.sampled_from(["cut", "swap", "double", "insert", "truncate", "replace"])):
            case "cut":
                lines[at] = ""
            case "swap":
                lines[at], lines[other] = lines[other], lines[at]
            case "double":
                lines.insert(at, lines[other])
            case "insert":
                lines[at] = lines[at][:column] + word + lines[at][column:]
            case "truncate":
                lines = [*lines[:at], lines[at][:column]]
            case _:
                lines[at] = lines[at].partition(":")[0] + ": " + word
    return "\n".join(lines)


@given(mutated_samples())
@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_of_the_sample_gives_settings_or_a_list_of_problems(tmp_path: Path, text: str) -> None:
    file = tmp_path / "notifier.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    found: tuple[str, ...] = ()
    try:
        load(file, {})
    except ConfigError as error:
        found = error.problems or ("an error without a problem",)
    assert all(problem.startswith(str(file)) and "\n" not in problem for problem in found)
