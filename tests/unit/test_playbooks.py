"""Playbooks: every service has exactly one, the operator's own win over shipped ones, mistakes have their place."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from notifier.config import Config, Playbooks, Provider, ProviderKind, Service
from notifier.domain.errors import ConfigError
from notifier.domain.notification import Channel
from notifier.domain.playbook import Mode, NightRule, Overnight, Playbook
from notifier.settings import load_playbooks
from notifier.settings.playbooks import read_plans, without_unknown_codes
from tests.config_file import written

HEAD = "name: a\nservices: [gas]\n"
GAS = Config(services=(Service(name="gas"),))


def own(folder: Path, files: Mapping[str, str], config: Config | None = None) -> Config:
    """Return a configuration whose playbooks are these files of the operator's own."""
    for name, text in files.items():
        written(folder, text, name)
    services = config.services if config is not None else Config().services
    return Config(services=services, playbooks=Playbooks(directory=str(folder)))


def problems(folder: Path, files: Mapping[str, str], config: Config | None = None) -> list[str]:
    try:
        load_playbooks(own(folder, files, config))
    except ConfigError as error:
        return [problem.replace(f"{folder}/", "") for problem in error.problems]
    return []


def test_the_shipped_playbooks_propose_and_write_texts_before_mails() -> None:
    playbooks = load_playbooks(Config())
    assert set(playbooks) == {"internet", "power", "water"}
    assert {playbook.mode for playbook in playbooks.values()} == {Mode.PROPOSE}
    assert {playbook.channels for playbook in playbooks.values()} == {(Channel.SMS, Channel.EMAIL)}


def test_the_shipped_playbooks_wake_nobody_and_let_no_more_than_an_hour_pass_without_a_word() -> None:
    for playbook in load_playbooks(Config()).values():
        night = playbook.night
        assert (night.begins, night.ends) == ("21:00", "08:00")
        assert [night.down.rule, night.degraded.rule, night.intermittent.rule] == [
            NightRule.HOLD,
            NightRule.EMAIL_ONLY,
            NightRule.EMAIL_ONLY,
        ]
        assert not any(rule.safety for rule in (night.down, night.degraded, night.intermittent))
        assert playbook.next_update_within == timedelta(hours=1)
        assert playbook.overnight is Overnight.EMAIL


def test_of_a_shipped_playbook_only_the_channels_count_that_a_provider_carries() -> None:
    relay = Config(providers=(Provider(name="relay", kind=ProviderKind.SMTP),))
    assert {playbook.channels for playbook in load_playbooks(relay).values()} == {(Channel.EMAIL,)}


def test_what_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    playbook = load_playbooks(own(tmp_path, {"gas.yaml": "name: gas\nservices: [gas]\nwarn_before: 30 min\n"}, GAS))[
        "gas"
    ]
    assert playbook == Playbook(name="gas", services=("gas",), warn_before=timedelta(minutes=30))


def test_a_file_of_the_operator_takes_the_place_of_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    playbooks = load_playbooks(own(tmp_path, {"power.yaml": "name: ours\nservices: [power]\n"}))
    assert {service: playbook.name for service, playbook in playbooks.items()} == {
        "power": "ours",
        "internet": "internet",
        "water": "water",
    }


def test_a_file_of_another_name_takes_over_the_services_it_is_for(tmp_path: Path) -> None:
    playbooks = load_playbooks(own(tmp_path, {"wires.yaml": "name: wires\nservices: [power, internet]\n"}))
    assert [playbook.name for _, playbook in sorted(playbooks.items())] == ["wires", "wires", "water"]


def test_shipped_playbooks_of_services_that_are_not_configured_do_not_count() -> None:
    assert list(load_playbooks(Config(services=(Service(name="power"),)))) == ["power"]


def test_a_folder_may_be_relative_to_the_configuration_file(tmp_path: Path) -> None:
    written(tmp_path, "name: ours\nservices: [power]\n", "plans/power.yaml")
    config = Config(playbooks=Playbooks(directory="plans"))
    assert load_playbooks(config, tmp_path)["power"].name == "ours"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("services: [gas]\n", "gas.yaml:1: the key 'name' is missing; expected a text that is not empty"),
        ("name: a\nservices: []\n", "gas.yaml:2: services: is empty; expected a list with at least one item"),
        ("name: a\nservices: [gas, gas]\n", "gas.yaml:2: services[1]: 'gas' is listed twice"),
        (
            "name: a\nservices: [gaz]\n",
            "gas.yaml:2: services[0]: 'gaz' is no service; expected gas; did you mean 'gas'?",
        ),
        (HEAD + "mod: propose\n", "gas.yaml:3: mod: unknown key; did you mean 'mode'?"),
        (
            HEAD + "night: {begins: 9pm}\n",
            "gas.yaml:3: night.begins: '9pm' is not allowed; expected a time of day from 00:00 to 23:59, such as 08:00",
        ),
        (HEAD + "mode: auto\n", "gas.yaml:3: mode: 'auto' is not known; expected observe, propose or automatic"),
        (
            HEAD + "channels: [voice]\n",
            "gas.yaml:3: channels[0]: no provider carries voice; expected email or sms",
        ),
        (
            HEAD + "channels: [fax]\n",
            "gas.yaml:3: channels[0]: 'fax' is not known; expected email, s",
        ),
        (
            HEAD + "automatic_delays: 3\n",
            "gas.yaml:3: automatic_delays: '3' is out of bounds; expec",
        ),
        (
            HEAD + "stale_after: 0 s\n",
            "gas.yaml:3: stale_after: 0 s is out of bounds; expected more",
        ),
        (
            HEAD + "warn_before: 1 h\n",
            "gas.yaml:3: warn_before: 1 h is not shorter than next_update_within (1 h); expected less",
        ),
        (
            HEAD + "delay_before: 20 min\n",
            "gas.yaml:3: delay_before: 20 min is not shorter than warn_before (20 min); expected less",
        ),
        ("", "gas.yaml: is empty"),
    ],
)
def test_a_mistake_has_its_file_line_and_key(tmp_path: Path, text: str, wrong: str) -> None:
    found = problems(tmp_path, {"gas.yaml": text}, GAS)
    assert found[0].startswith(wrong)


def test_two_playbooks_may_not_share_a_service_or_a_name(tmp_path: Path) -> None:
    files = {"a.yaml": "name: x\nservices: [gas]\n", "b.yaml": "name: x\nservices: [gas]\n"}
    assert problems(tmp_path, files, GAS) == [
        "b.yaml:1: name: 'x' is also the name in a.yaml",
        "b.yaml:2: services[0]: 'gas' is already in a.yaml; expected it in exactly one playbook",
    ]


def test_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    files = {"a.yaml": "name: x\nservices: [gas]\nmode: no\n", "b.yaml": "nam: x\nservices: [gas]\n"}
    assert len(problems(tmp_path, files, GAS)) == 3


def test_a_service_without_a_playbook_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no playbook is for service 'gas'; expected a file gas.yaml with it"):
        load_playbooks(GAS)


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"playbooks.directory: .*nowhere is no folder"):
        load_playbooks(Config(playbooks=Playbooks(directory=str(tmp_path / "nowhere"))))


def test_a_phrase_that_nobody_worded_is_named_and_left_out(tmp_path: Path) -> None:
    text = "name: ours\nservices: [power]\nsafety: [wires, wirez]\nself_help: [fridge]\n"
    plans = read_plans(own(tmp_path, {"power.yaml": text}))
    known = {"safety": ["wires", "home-phone", "medical-alarm", "taps", "keep-water", "water-heater"]}
    kept, found = without_unknown_codes(
        [plan for plan in plans if plan.playbook.name == "ours"], lambda group, _: known.get(group, ["fridge"])
    )
    assert [plan.playbook.safety for plan in kept] == [("wires",)]
    assert [plan.playbook.self_help for plan in kept] == [("fridge",)]
    assert [line.replace(f"{tmp_path}/", "") for line in found] == [
        "power.yaml:3: safety[1]: 'wirez' is no phrase of safety for power; did you mean 'wires'?"
    ]
