"""Channels and secrets: addresses that would tell nobody are found at load, and no secret is ever shown."""

import functools
import json
import pickle
import traceback
from pathlib import Path

import pytest
from apprise import Apprise
from apprise.manager_plugins import NotificationManager

from hub.config.channels import KIND_OF, faults, oddities
from hub.config.check import report
from hub.config.document import ConfigError
from hub.config.load import load
from hub.config.validate import reveal
from tests.config_towns import FIXTURES, Make, make_town, problems_of

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise 2.2 imports it with its plugins."""

PEOPLE = (FIXTURES / "good" / "people.yaml").read_text()
HUB = (FIXTURES / "good" / "hub.yaml").read_text()
ONE_MORE = """  - id: sato
    name: 佐藤
    roles: [resident]
    channels:
"""


@pytest.fixture
def town_with(tmp_path: Path) -> Make:
    return functools.partial(make_town, tmp_path / "town")


# --- URLs -----------------------------------------------------------------------------------------


def test_the_schemes_are_those_of_apprise() -> None:
    manager = NotificationManager()
    manager.load_modules()
    assert set(KIND_OF) <= set(manager.schemas())


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("mail", "mailtos://naruko:p%40ss%2Fw@smtp.example.jp?from=n@town.jp&to=a+b@docomo.ne.jp"),
        ("mail", "mailto://user:pass@gmail.com"),
        ("mail", "mailto://mail.test/a%40town.test?from=n@town.test"),
        ("ntfy", "ntfys://tk_token@ntfy.test/topic?priority=max"),
        ("line", "line://token%2Fmore%3D%3D/U123"),
        ("sms", "twilio://AC01234567890123456789012345678901:token@+12025550123/+819012345678"),
        ("sms", "smseagles://token@sms.test/09012345678"),
        ("telegram", "tgram://123456789:abcdefg_hijklmnop-ABCDEFGHIJ_12345/-100123"),
        ("other", "json://127.0.0.1:8000/hook"),
    ],
)
def test_a_url_without_fault_is_one_that_apprise_takes(kind: str, url: str) -> None:
    assert list(faults(kind, url)) == []
    assert list(oddities(kind, url)) == []
    assert Apprise.instantiate(url) is not None


@pytest.mark.parametrize(
    ("kind", "url", "fault"),
    [
        ("ntfy", "ntfys://hunters", "names no topic"),
        ("ntfy", "ntfys://hunters/", "names no topic"),
        ("ntfy", "ntfys:///hunters", "names no host or account"),
        ("line", "line://token", "names no user"),
        ("telegram", "tgram://123456789:abcdefg", "names no chat"),
        ("push", "https://push.example/abc", "is no subscription of a browser"),
        ("push", '{"endpoint": "/abc", "keys": {}}', "is no subscription of a browser"),
        (
            "push",
            '{"endpoint": "http://push.example/abc", "keys": {"p256dh": "A", "auth": "A"}}',
            "has an endpoint",
        ),
        ("push", '{"endpoint": "https://push.example/abc", "keys": {"auth": "A"}}', "has no keys"),
        ("mail", "mailto://mail.test", "names no recipient"),
        ("mail", "mailto://mail.test?to=sato@town.test", "names no sender"),
        ("mail", "mailto://mail.test?from=n@town.test&to=sato", "1 of its recipients is no mail address"),
        ("mail", "mialto://mail.test?to=a@b.test", "unknown scheme for mail; did you mean mailto?"),
        ("sms", "vonage://key:secret@naruko", "names no telephone number"),
        ("other", "sato@town.test", "is no Apprise URL"),
        ("mail", "sato@town.test", "is no Apprise URL"),
    ],
)
def test_a_url_that_would_tell_nobody_or_everybody_is_a_fault(kind: str, url: str, fault: str) -> None:
    (said,) = faults(kind, url)
    assert said.startswith(fault)


def test_an_address_is_put_into_the_url_of_its_kind_so_that_apprise_reads_it_back(town_with: Make) -> None:
    hub = HUB + "  line: line://${LINE_TOKEN}/{address}\n"
    people = (
        PEOPLE + ONE_MORE + "      - {kind: line, address: U1}\n      - {kind: mail, address: a+b@x.test}\n"
    )
    town = load(town_with({"hub.yaml": hub, "people.yaml": people}), {"LINE_TOKEN": "to/ken+=="})
    line, mail = (Apprise.instantiate(reveal(channel.url)) for channel in town.people["sato"].channels)
    assert (line.token, line.targets) == ("to/ken+==", ["U1"])
    assert mail.targets == [(False, "a+b@x.test")]


def test_a_password_from_the_environment_is_encoded_inside_a_url_and_a_whole_url_is_not(
    town_with: Make,
) -> None:
    people = (
        PEOPLE
        + ONE_MORE
        + '      - {kind: mail, url: "mailtos://n:${PW}@m.test?to=a@b.test"}\n'
        + '      - {kind: ntfy, url: "${WHOLE}"}\n'
    )
    env = {"PW": "p@ss/w:rd\n", "WHOLE": "ntfys://h.test/t%20x"}
    town = load(town_with({"people.yaml": people}), env)
    mail, ntfy = town.people["sato"].channels
    assert reveal(mail.url) == "mailtos://n:p%40ss%2Fw%3Ard@m.test?to=a@b.test"
    assert reveal(ntfy.url) == "ntfys://h.test/t%20x"


def test_secrets_are_read_from_files_beside_the_town(town_with: Make) -> None:
    hub = HUB + (
        "mqtt: {username: hub, password_file: secrets/mqtt}\n"
        "influx: {url: 'http://127.0.0.1:8086', token: '${TOKEN}'}\n"
    )
    people = PEOPLE + ONE_MORE + "      - {kind: line, url_file: secrets/line}\n"
    folder = town_with(
        {
            "hub.yaml": hub,
            "people.yaml": people,
            "secrets/mqtt": "\ufeffpa${ss} word\r\n",
            "secrets/line": "line://token/U1\n",
        }
    )
    town = load(folder, {"TOKEN": "abc"})
    assert reveal(town.hub.mqtt.password) == "pa${ss} word"
    assert town.hub.influx is not None
    assert reveal(town.hub.influx.token) == "abc"
    assert reveal(town.people["sato"].channels[0].url) == "line://token/U1"


def test_a_secret_that_is_missing_names_its_variable_or_its_key(town_with: Make) -> None:
    hub = HUB + "mqtt: {username: hub, password: '${MQTT_PASSWORD}', ca_file: no.pem}\n"
    people = PEOPLE + ONE_MORE + "      - {kind: line, url_file: secrets}\n"
    folder = town_with({"hub.yaml": hub, "people.yaml": people, "secrets/empty": ""})
    assert problems_of(folder, {"MQTT_PASSWORD": ""}) == [
        "hub.yaml:12: mqtt.ca_file: names no file",
        "hub.yaml:12: mqtt.password: environment variable MQTT_PASSWORD is not set",
        "people.yaml:22: people[3].channels[0].url_file: line: the file cannot be read: Is a directory",
    ]


SUBSCRIPTION = '{"endpoint": "https://push.example/hush", "keys": {"p256dh": "A", "auth": "A"}}'
WEB_PUSH = "web_push: {key_file: vapid.pem, subject: 'mailto:bosai@town.example'}\n"


def test_a_browsers_subscription_is_an_address_by_itself(town_with: Make) -> None:
    people = (
        PEOPLE
        + ONE_MORE
        + f"      - {{kind: push, address: '{SUBSCRIPTION}'}}\n"
        + "      - {kind: push, url_file: sato.json}\n"
    )
    files = {"hub.yaml": HUB + WEB_PUSH, "people.yaml": people, "vapid.pem": "key", "sato.json": SUBSCRIPTION}
    folder = town_with(files)
    town = load(folder, {})
    assert [reveal(channel.url) for channel in town.people["sato"].channels] == [SUBSCRIPTION] * 2
    assert town.hub.web_push is not None
    assert town.hub.web_push.key_file == folder / "vapid.pem"


def test_a_subscription_without_a_key_of_the_hub_is_an_error(town_with: Make) -> None:
    people = PEOPLE + ONE_MORE + f"      - {{kind: push, address: '{SUBSCRIPTION}'}}\n"
    (said,) = problems_of(town_with({"people.yaml": people}))
    assert said.endswith("channels[0]: push: hub.yaml has no web_push")
    assert "hush" not in said


def test_a_key_that_is_not_there_and_a_subject_that_is_no_address_are_errors(town_with: Make) -> None:
    hub = HUB + "web_push: {key_file: vapid.pem, subject: bosai}\n"
    said = problems_of(town_with({"hub.yaml": hub}))
    assert [one.partition("web_push.")[2] for one in said] == [
        "key_file: names no file: `vapid --gen` makes one",
        "subject: must begin with mailto: or https://",
    ]


# --- never shown ----------------------------------------------------------------------------------

SECRETS = ("hush-1", "hush-2", "hush-3", "hush-4", "hush-5", "hush-6", "hush-7")


def test_a_town_never_prints_a_secret(town_with: Make) -> None:
    hub = HUB + (
        "  ntfy: ntfys://hush-1@ntfy.test/{address}\n"
        "mqtt: {host: broker.test, username: hub, password: hush-2, topics: ['#']}\n"
        "influx: {url: 'http://127.0.0.1:8086', token_file: token}\n"
    )
    people = (
        PEOPLE
        + ONE_MORE
        + (
            "      - {kind: ntfy, address: hush-4}\n"
            "      - {kind: mail, url: 'mailto://u:${PW}@m.test?to=hush-6@b.test,c@b.test'}\n"
            "      - {kind: line, url_file: line}\n"
        )
    )
    folder = town_with(
        {"hub.yaml": hub, "people.yaml": people, "token": "hush-3", "line": "line://hush-7/U1"}
    )
    town = load(folder, {"PW": "hush-5"})
    urls = [reveal(channel.url) for channel in town.people["sato"].channels]
    assert [secret in "".join(urls) for secret in SECRETS] == [True, False, False, True, True, True, True]
    shown = [repr(town), str(town), f"{town.hub}", report(town), *town.warnings]
    shown += [person.model_dump_json() for person in town.people.values()]
    shown += [town.hub.model_dump_json(), str(town.people["sato"].model_dump())]
    assert not [secret for secret in SECRETS if any(secret in text for text in shown)]
    assert town.warnings


HIDING_PLACES = (
    "password: [hush9]", "password: {hush9: 1}", "password: *hush9", "password: !hush9 x",
    "password: 'hush9", "password: 0123456789", "password: hush9: 1", "passwrd: hush9",
    "password: hush9\n  password: hush9",
    "password: '${hush9'", "password: @hush9", "password: %hush9", "mailto://u:hush9@m.test: 1",
    "topics: [hush9, 'a/#/hush9']",
    "password_file: hush9", "username: [hush9]", "password: |\n    hush9\n   hush9", "tls: line://hush9/U1",
)  # fmt: skip


@pytest.mark.parametrize("text", HIDING_PLACES)
def test_no_problem_shows_a_password_however_it_is_miswritten(text: str, town_with: Make) -> None:
    said = "\n".join(problems_of(town_with({"hub.yaml": HUB + f"mqtt:\n  {text}\n"})))
    assert "hush9" not in said
    assert "0123456789" not in said


CHANNELS = (
    '{kind: ntfy, url: "ntfys://hush9"}', '{kind: mail, url: hush9}', '"mailto://u:hush9@m.test"', "[hush9]",
    "{kind: hush9, url: a}", '{kind: mail, url: ["hush9"]}', '{kind: mail, address: "hush9"}',
    "{kind: mail, adress: hush9}",
    '{kind: mail, url: "mailto://[hush9"}', '{kind: mail, url: "mailto://u:${hush9@m"}',
    "{kind: mail, url_file: hush9}",
    '{kind: mail, url_file: "mailto://u:hush9@m"}', '{kind: mail, url: "mailto://u@m.test:hush9?to=a@b"}',
    "{kind: mail, url: 00, address: hush9}", "hush9", "{kind: sms, address: 0hush9}",
)  # fmt: skip


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_problem_shows_an_address_however_it_is_miswritten(channel: str, town_with: Make) -> None:
    people = PEOPLE + ONE_MORE + f"      - {channel}\n"
    try:
        said = "\n".join(load(town_with({"people.yaml": people}), {}).warnings)
    except ConfigError as error:
        said = "".join(traceback.format_exception(error))
    assert "hush9" not in said


def test_no_problem_shows_an_address_of_a_table(town_with: Make) -> None:
    table = "ID,氏名,役割,メール,LINE,hush9@town.test\nkita,北,住民,hush9@town.test,line://hush9,\n"
    assert "hush9" not in "\n".join(problems_of(town_with({"people.csv": table})))


def test_problems_can_be_kept_and_compared(town_with: Make) -> None:
    folder = town_with({"policy.yaml": "a: 1\n"})
    with pytest.raises(ConfigError) as caught:
        load(folder, {})
    (problem,) = caught.value.problems
    assert json.loads(json.dumps([problem.file, problem.line, problem.message]))[1:] == [1, "a: unknown key"]
    assert pickle.loads(pickle.dumps(problem)) == problem  # noqa: S301


# --- the pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "web", "said"),
    [
        ("", "web: {}\n", "is missing: there are pages (web), and no message can link to them"),
        ("https://naruko.town.example", "", "leads nowhere: there are no pages (web)"),
        ("http://naruko.town.example", "web: {}\n", "is http: whoever sees a link on its way can act"),
        ("https://naruko.town.example", "web: {}\n", None),
        ("http://127.0.0.1:8470", "web: {}\n", None),
        ("", "", None),
    ],
)
def test_pages_without_an_address_and_an_address_without_pages_are_said(
    url: str, web: str, said: str | None, town_with: Make
) -> None:
    given = f"site:\n  hub_url: {url}\n" if url else "site:\n"
    folder = town_with({"hub.yaml": HUB.replace("site:\n", given, 1) + web})
    found = [warning for warning in load(folder, {}).warnings if "hub_url" in warning]
    assert len(found) == (said is not None)
    assert not said or said in found[0]
