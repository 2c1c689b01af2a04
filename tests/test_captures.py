"""The capture record: from the form to the row that the subsidy's paperwork asks for."""

import csv
import io
from pathlib import Path

import pytest

from hub import cli
from hub.acts import apply
from hub.config.load import load
from hub.config.policy import TrapPolicy
from hub.config.settings import LedgerSettings
from hub.ledger import Ledger
from hub.model import Stage
from hub.paperwork import captures
from hub.pipeline import Pipeline
from hub.state import State
from tests.config_towns import make_town
from tests.test_cli import NIGHT, sprung
from tests.timeline import SPRUNG, Timeline
from tests.towns import DAY, HOUR, MINUTE, person, town, trap

FORM = {
    "result": "captured",
    "species": "boar",
    "sex": "female",
    "age": "adult",
    "count": "2",
    "disposal": "buried",
    "evidence": "尾 A-17",
    "capturer": "yamane",
    "photo": "3f2a.jpg",
    "trap": "armed",
    "note": "親子",
}


def hills() -> Timeline:
    return Timeline(
        town(
            [trap("t-1", owner="yamane", heartbeat="24h")],
            people=[person("yamane", "hunter", name="山根 猛"), person("office", "official", name="役場")],
            trap=TrapPolicy(patrol_by=None),
        ),
        "2026-11-21 10:00",
        tick=MINUTE,
    )


def rows(t: Timeline) -> list[dict[str, object]]:
    acts = t.ledger.acts_of(("done",), 0, t.now + DAY)
    found = captures.captures(t.events, acts, t.alerts)
    return [dict(zip(captures.HEADINGS, row, strict=True)) for row in captures.rows(t.town, found)]


def test_a_form_is_a_row_with_the_place_and_the_number_of_its_trap():
    t = hills().says("t-1", SPRUNG).passes(HOUR)
    t.does("done", t.open()[0].id, who="office", **FORM)
    assert rows(t) == [
        {
            "捕獲日": "2026/11/21",
            "時刻": "11:00",
            "結果": "捕獲",
            "鳥獣の種類": "イノシシ",
            "性別": "メス",
            "成獣・幼獣": "成獣",
            "頭数": 2,
            "捕獲方法": "箱わな",
            "わな番号": "12",
            "標識番号": "",
            "捕獲場所": "t-1の所",
            "緯度": "36.06000",
            "経度": "137.97000",
            "捕獲者": "山根 猛",
            "処理方法": "埋設",
            "証拠部位の番号": "尾 A-17",
            "写真": "3f2a.jpg",
            "報告者": "役場",
            "備考": "親子",
        }
    ]


def test_what_is_left_open_is_filled_from_the_trap_and_who_reports():
    t = hills().says("t-1", SPRUNG)
    t.does("done", t.open()[0].id, who="山根 猛", result="captured", species="deer", trap="later")
    (row,) = rows(t)
    assert (row["頭数"], row["捕獲方法"], row["捕獲者"], row["報告者"]) == (1, "箱わな", "山根 猛", "山根 猛")
    assert (row["性別"], row["処理方法"]) == ("", "")


@pytest.mark.parametrize(("result", "count"), [("captured", 1), ("wrong", 1), ("empty", 0), ("escaped", 0)])
def test_a_row_has_an_animal_in_hand(result: str, count: int):
    t = hills().says("t-1", SPRUNG)
    t.does("done", t.open()[0].id, who="yamane", result=result, species="serow", trap="armed")
    assert len(rows(t)) == count


def test_a_second_tap_is_no_second_capture_and_a_new_catch_is():
    t = hills().says("t-1", SPRUNG)
    for _ in range(2):
        t.does("done", t.open()[0].id, who="yamane", **(FORM | {"trap": "later"})).passes(MINUTE)
    closed = t.open()[0].id
    t.does("trap_reset", "t-1").does("done", closed, who="yamane", **FORM)
    assert len(rows(t)) == 1
    t.passes(HOUR).says("t-1", SPRUNG).does("done", t.open()[0].id, who="yamane", **FORM)
    assert len(rows(t)) == 2


def test_of_two_who_report_in_the_same_moment_the_first_counts():
    t = hills().says("t-1", SPRUNG)
    t.ledger.add_act(t.now, who="yamane", source="web", kind="done", target=t.open()[0].id, form=FORM)
    t.does("done", t.open()[0].id, who="office", **(FORM | {"count": "5"}))
    assert [(row["頭数"], row["報告者"]) for row in rows(t)] == [(2, "山根 猛")]


@pytest.mark.parametrize("count", ["", "0", "-3", "many", "1.5", "９", "1" * 40])
def test_a_count_that_is_none_is_one(count: str):
    t = hills().says("t-1", SPRUNG)
    t.does("done", t.open()[0].id, who="yamane", **(FORM | {"count": count}))
    assert rows(t)[0]["頭数"] == 1


def test_by_telephone_the_office_takes_a_trap_finishes_it_and_prints_the_captures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = make_town(tmp_path / "town")
    ledger = Ledger.open(Path("naruko.db"), LedgerSettings())
    pipeline = Pipeline(load(folder, {}), State(), ledger.known)

    def store(outcome) -> None:
        ledger.insert(outcome)
        ledger.commit()

    def naruko(*arguments: object) -> int:
        code = cli.main([str(argument) for argument in (*arguments, "-c", folder)])
        store(apply(pipeline, ledger.acts_after(), NIGHT + HOUR))
        return code

    store(pipeline.run([sprung()], NIGHT))
    monkeypatch.setattr("hub.clock.SystemClock.now", lambda _: NIGHT + HOUR)
    assert naruko("trap", "take", "1", "--who", "山根", "--eta", "20") == 0
    (alert,) = pipeline.state.alerts.values()
    assert alert.task is not None
    assert (alert.task.stage, alert.task.eta) == (Stage.TAKEN, NIGHT + HOUR + 20 * MINUTE)
    assert naruko("trap", "arrive", "trap-1", "--who", "山根") == 0
    done = [
        "trap",
        "done",
        "1",
        "--who",
        "山根",
        "--result",
        "captured",
        "--species",
        "boar",
        "--sex",
        "male",
    ]
    assert naruko(*done, "--count", "1", "--disposal", "game_meat", "--trap", "armed") == 0
    assert pipeline.state.alerts == {}
    capsysbinary.readouterr()
    assert naruko("captures", "export", "--from", "2026-11-21", "--to", "2026-11-21") == 0
    (row,) = csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode("utf-8-sig")))
    assert (row["鳥獣の種類"], row["頭数"], row["処理方法"]) == ("イノシシ", "1", "食肉（ジビエ）")
    assert naruko("captures", "export", "--from", "2026-11-22", "-o", "none.csv") == 0
    assert capsysbinary.readouterr().out == b"none.csv: 0 rows\n"
    ledger.close()
