"""`naruko people`: who is told, who has not answered, invitations, and the way out."""

from pathlib import Path

import pytest

from hub import cli
from hub.acts import apply
from hub.app import resume
from hub.config.load import load
from hub.config.settings import LedgerSettings
from hub.ledger import Ledger
from hub.model import Act
from tests.roll import EMI, FORM
from tests.towns import at

# --- the command line --------------------------------------------------------------------------------

PAGES = """
site:
  id: test
  name: 試験町
  name_en: Testtown
  lat: 36.06
  lon: 137.97
  radius_km: 30
  contact: 役場 0263-00-0000
  info_url: https://example.jp/bosai
  hub_url: https://naruko.example.jp
web:
  port: 0
channels:
  mail: mailto://mail.example.jp?from=naruko@example.jp&to={address}
"""
PEOPLE = """people:
  - {id: ops, name: 防災係, roles: [operator, official], channels: [{kind: mail, address: ops@example.jp}]}
"""
DEVICES = "devices: []\n"


@pytest.fixture
def naruko(tmp_path, monkeypatch, capsys):
    """A town with pages, its ledger, and its command line: `naruko("list")` -> (exit code, out, err)."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "town"
    folder.mkdir()
    for name, text in (("hub.yaml", PAGES), ("people.yaml", PEOPLE), ("devices.yaml", DEVICES)):
        (folder / name).write_text(text, encoding="utf-8")
    ground = load(folder, {})

    def hub(*acts: Act) -> None:
        """The hub looks, and does these acts."""
        ledger = Ledger.open(ground.hub.ledger.path, LedgerSettings(ballast_mb=0))
        outcome = apply(resume(ground, ledger), [*ledger.acts_after(), *acts], at("2026-12-01 10:00"))
        ledger.insert(outcome)
        ledger.commit()
        ledger.close()

    hub()

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["people", *arguments, "-c", str(folder)])
        said = capsys.readouterr()
        return code, said.out, said.err

    run.hub = hub
    return run


def enrol_act(invitation: str, id: str = EMI) -> Act:
    at_ = at("2026-12-01 10:00")
    return Act(0, at_, who=id, source="web", kind="enrol", target=invitation, form=FORM | {"id": id})


def test_the_command_line_invites_lists_and_removes(naruko):
    code, out, err = naruko("invite", "--role", "farmer", "--name", "薄井えみ", "--html", "sheet.html")
    assert code == 0
    assert out.startswith("https://naruko.example.jp/j/")
    assert "▄" in out
    invitation = err.split("invitation ")[1].split(";")[0]
    assert "<svg" in Path("sheet.html").read_text(encoding="utf-8")
    naruko.hub(enrol_act(invitation))
    naruko.hub(Act(0, at("2026-12-01 10:05"), who="ops", source="web", kind="test_heard", target="ops"))
    code, out, err = naruko()
    rows = [row.split("  ") for row in out.splitlines()]
    assert rows == [
        [EMI, "薄井えみ", "enrolled", "mail", "farmer", "every place", "ja", "has never answered"],
        ["ops", "防災係", "file", "mail", "operator,official", "every place", "ja",
         "it rang 2026-12-01T10:05:00+09:00"],
    ]  # fmt: skip
    assert "2 people, 1 have not answered" in err
    assert "usui" not in out + err
    assert naruko("--missing")[1].splitlines() == out.splitlines()[:1]
    assert naruko("remove", EMI)[0] == 0
    naruko.hub()
    assert EMI not in naruko()[1]


def test_an_invitation_can_be_taken_back(naruko):
    _, _, err = naruko("invite", "--role", "farmer", "--uses", "30")
    naruko.hub()
    invitation = err.split("invitation ")[1].split(";")[0]
    assert f"invitation {invitation}: farmer  every place  used 0 of 30" in naruko()[2]
    assert naruko("withdraw", invitation)[0] == 0
    naruko.hub(enrol_act(invitation))
    assert EMI not in naruko()[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["invite"],
        ["invite", "--role", "wizard"],
        ["invite", "--role", "farmer", "--zones", "moon"],
        ["invite", "--role", "farmer", "--days", "0"],
        ["invite", "--role", "farmer", "--name", "山田", "--uses", "2"],
        ["remove", "nobody"],
        ["remove"],
        ["withdraw", "nothing"],
    ],
)
def test_what_cannot_be_meant_is_usage_2(arguments, naruko):
    code, out, err = naruko(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("naruko: ")


def test_without_pages_there_is_no_invitation(naruko):
    hub = Path("town/hub.yaml")
    hub.write_text(hub.read_text(encoding="utf-8").replace("web:\n  port: 0\n", ""), encoding="utf-8")
    assert naruko("invite", "--role", "farmer")[0] == 3


def test_who_does_not_fit_the_towns_files_any_more_is_named(naruko):
    _, _, err = naruko("invite", "--role", "farmer")
    naruko.hub(enrol_act(err.split("invitation ")[1].split(";")[0]))
    url = "url: 'mailto://mail.example.jp?from=naruko@example.jp&to=ops@example.jp'"
    Path("town/people.yaml").write_text(PEOPLE.replace("address: ops@example.jp", url), encoding="utf-8")
    Path("town/hub.yaml").write_text(PAGES.partition("channels:")[0], encoding="utf-8")
    assert f"enrolled {EMI}: hub.yaml has no URL for mail under channels any more" in naruko()[2]
