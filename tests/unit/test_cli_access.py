"""Where the daemon is and which key opens it: environment, configuration, working directory, in this order."""

from pathlib import Path

import click
import pytest

from notifier.cli import access


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def token_file(folder: Path, text: str = "ntf_abc\n", name: str = "var/token") -> Path:
    """Write a key where the daemon would."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_environment_says_it_all() -> None:
    found = access.find({"NOTIFIER_URL": "http://10.0.0.5:99/", "NOTIFIER_TOKEN": " ntf_abc\n"})
    assert (found.url, found.token, found.origin) == ("http://10.0.0.5:99", "ntf_abc", "NOTIFIER_TOKEN")


def test_without_an_environment_it_is_the_daemon_as_shipped(folder: Path) -> None:
    token_file(folder)
    found = access.find({})
    assert (found.url, found.token, found.origin) == ("http://127.0.0.1:8080", "ntf_abc", "var/token")


def test_the_configuration_says_where_both_are(folder: Path) -> None:
    token_file(folder, name="elsewhere/key")
    file = folder / "own.yaml"
    file.write_text("server:\n  listen: 0.0.0.0:9999\n  token_file: elsewhere/key\nsender: {link_secret_file: /nope}\n")
    found = access.find({"NOTIFIER_CONFIG": str(file)})
    assert (found.url, found.origin) == ("http://127.0.0.1:9999", "elsewhere/key")


def test_a_configuration_in_the_working_directory_is_found_as_serve_finds_it(folder: Path) -> None:
    token_file(folder)
    (folder / "config").mkdir()
    (folder / "config/notifier.yaml").write_text("server: {listen: '[::]:7000'}\n")
    assert access.find({}).url == "http://[::1]:7000"
    assert access.find({"NOTIFIER__SERVER__LISTEN": "127.0.0.1:7001"}).url == "http://127.0.0.1:7001"


def test_a_broken_configuration_says_that_the_daemon_goes_on_and_how_it_is_reached(
    folder: Path,
) -> None:
    token_file(folder)
    (folder / "config").mkdir()
    (folder / "config/notifier.yaml").write_text("server: {listen: '127.0.0.1:8085'\nsites: [")
    with pytest.raises(click.ClickException, match=r"line 2.*goes on.*NOTIFIER_URL=http://127\.0\.0\.1:8080 notifier"):
        access.find({})  # never at an address that it may not have meant
    found = access.find({"NOTIFIER_URL": "http://127.0.0.1:8085"})
    assert (found.url, found.token) == ("http://127.0.0.1:8085", "ntf_abc")
    assert found.warning.startswith("cannot read the configuration config/notifier.yaml, line 2")
    own = {"NOTIFIER_URL": "http://127.0.0.1:8085", "NOTIFIER__SERVER__TOKEN_FILE": "own"}
    (folder / "own").write_text("ntf_own")
    assert access.find(own).token == "ntf_own"


def test_a_key_that_is_not_there_says_who_writes_it() -> None:
    with pytest.raises(click.ClickException, match=r"var/token does not exist here.*first start.*NOTIFIER_TOKEN"):
        access.find({})


def test_a_key_that_may_not_be_read_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token_file(folder)

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)  # root may read everything
    with pytest.raises(click.ClickException, match=r"only by its owner \(\w+\).*keys create"):
        access.find({})


@pytest.mark.parametrize("text", ["", "two words", "ntf_\x1b[31m", "clé"])
def test_what_is_no_key_is_refused_without_being_repeated(folder: Path, text: str) -> None:
    token_file(folder, text)
    with pytest.raises(click.ClickException) as error:
        access.find({})
    assert error.value.message.startswith(("no key: var/token is empty", "var/token holds no key"))
    assert not text or text not in error.value.message


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "ftp://a", "http://", "http://a:b@c", "http://a:99999", "http://[::1"]
)
def test_what_is_no_address_is_wrong_usage(url: str) -> None:
    with pytest.raises(click.UsageError, match="NOTIFIER_URL is not an address"):
        access.find({"NOTIFIER_URL": url, "NOTIFIER_TOKEN": "ntf_abc"})


def test_a_configuration_that_cannot_be_read_points_to_check(folder: Path) -> None:
    (folder / "own.yaml").write_text("server: [")
    with pytest.raises(click.ClickException, match=r"own.yaml, line 1, column 10: .+; see `notifier check`"):
        access.find({"NOTIFIER_CONFIG": "own.yaml"})


def test_the_key_is_no_part_of_what_is_printed() -> None:
    assert "ntf_abc" not in repr(access.find({"NOTIFIER_URL": "http://a", "NOTIFIER_TOKEN": "ntf_abc"}))
