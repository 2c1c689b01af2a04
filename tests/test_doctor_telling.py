"""How the doctor speaks: two languages with the same values, any width of terminal, JSON, never for long."""

import ast
import json
import string
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cli import main
from hub.clock import monotonic
from hub.doctor import at_once, clock, finding, grafana, network
from hub.doctor.at_once import Look, all_at_once
from hub.doctor.finding import Finding, Level, bad, ok
from hub.doctor.telling import as_json, language, lines, summary, wrapped
from hub.ledger import opening
from hub.wording.columns import columns
from tests.data import ROOT
from tests.doctors import written

SOURCES = sorted((ROOT / "hub" / "doctor").glob("*.py"))
FINDINGS = finding.words()["findings"]


def asked() -> set[str]:
    """Codes in the source: what stands as text in a call of ok, warn or bad, or is put together there."""
    found: set[str] = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in FINDINGS:
                found.add(node.value)
    return found


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


# --- words ------------------------------------------------------------------------------------------


def test_every_finding_has_words_and_all_words_are_used() -> None:
    by_fault = {"early", "over", "name", "self_signed", "issuer", "file", "no_tls", "other"}
    assert set(FINDINGS) - asked() == {f"certificate.{fault}" for fault in by_fault}


@pytest.mark.parametrize("code", FINDINGS)
def test_both_languages_say_what_to_do_and_need_nothing_that_the_other_does_not(code: str) -> None:
    ja, en = FINDINGS[code]["ja"], FINDINGS[code]["en"]
    assert len(ja) == len(en) in (1, 2)
    given_ = fields(" ".join(ja)), fields(" ".join(en))
    assert given_[0] == given_[1] or code == "ledger.closed"


def test_what_was_looked_at_has_a_word_in_both_languages() -> None:
    firsts = {code.partition(".")[0] for code in FINDINGS} - {"doctor", "channel"}
    assert firsts <= set(finding.words()["what"])


def test_what_a_server_says_cannot_write_over_the_terminal() -> None:
    made = ok("influx.answers", where="a\x1b[2J\nb", version="1" * 1_000)
    assert "\x1b" not in made.said
    assert "\n" not in made.said
    assert len(made.said) < 500


def test_what_the_system_says_often_is_said_in_japanese() -> None:
    made = bad("broker.away", where="10.0.0.5:1883", reason="Connection refused")
    assert made.said_ja == "10.0.0.5:1883: 接続を拒否されました"
    assert made.said == "10.0.0.5:1883: Connection refused"
    assert "経路なし" in bad("channel.away", "mail", where="a:25", people=1, reason=network.NO_WAY).said_ja
    assert {network.TOO_SLOW, network.NO_WAY, grafana._said(None)} <= set(finding.words()["reason"])


def test_whatever_a_ledger_is_closed_for_there_is_something_to_do_in_japanese() -> None:
    kinds, waiting = {opening.LedgerError}, [opening.LedgerError]
    while waiting:
        below = waiting.pop().__subclasses__()
        kinds |= set(below)
        waiting += below
    assert {kind.__name__ for kind in kinds} == set(finding.words()["closed"])


# --- a terminal of any width ------------------------------------------------------------------------


TEXT = st.text(
    st.sampled_from("abc /.:-ブローカー権限、。（）12"), min_size=1, max_size=120
).filter(str.strip)  # fmt: skip


@given(TEXT, TEXT, st.integers(24, 140), st.sampled_from(["ja", "en"]))
def test_no_line_is_wider_than_the_terminal_and_nothing_is_lost(
    said: str, do: str, width: int, lang: str
) -> None:
    made = Finding("acl", Level.BAD, said, do, said, do)
    told = list(lines(made, "ja" if lang == "ja" else "en", width))
    assert max(map(columns, told)) <= width + 2  # what may not begin a line hangs over
    kept = "".join("".join(told).split())
    assert "".join(said.split()) in kept


def test_a_narrow_terminal_gets_the_text_below_its_head() -> None:
    made = Finding("broker", Level.BAD, "127.0.0.1:1883: Connection refused", "does the broker run?")
    assert list(lines(made, "en", 40)) == [
        "bad   broker",
        "  127.0.0.1:1883: Connection refused",
        "  → does the broker run?",
    ]


def test_japanese_is_broken_anywhere_but_not_before_a_full_stop() -> None:
    assert list(wrapped("機器どうしの権限。見えません", "", "", 16)) == ["機器どうしの権", "限。見えません"]


def test_the_language_is_that_of_the_terminal() -> None:
    assert language({"LANG": "ja_JP.UTF-8"}) == "ja"
    assert language({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}) == "en"
    assert language({}) == "en"


def test_the_summary_counts() -> None:
    made = [Finding("a", Level.BAD, ""), Finding("a", Level.WARN, ""), Finding("a", Level.OK, "")]
    assert summary(made) == "1 wrong, 1 to look at, 1 well."
    assert summary(made, "ja") == "異常 1、注意 1、良好 1。"
    assert summary(made[2:]) == "All is well."


def test_as_json_it_has_both_languages_and_the_same_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "town", 1)
    (folder / "policy.yaml").write_text("health: {max_per_minite: 3}\n")
    assert main(["doctor", "--json", "-c", str(folder)]) == 3
    said = json.loads(capsys.readouterr().out)
    first = said["findings"][0]
    assert (first["code"], first["level"]) == ("config.one_wrong", "bad")
    assert "naruko check" in first["do"]
    assert "naruko check" in first["do_ja"]
    assert main(["doctor", "--lang", "ja", "-c", str(folder)]) == 3
    assert "異常  設定" in capsys.readouterr().out
    assert json.loads(as_json([], 5)) == {"at": 5, "findings": []}


# --- all at once ------------------------------------------------------------------------------------


def test_a_look_that_hangs_keeps_what_it_found_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()

    def hanging() -> Iterator[Finding]:
        yield ok("acl.heard")
        hangs.wait(30)

    began = monotonic()
    looks = [Look("acl", hanging, 0.3), Look("dns", lambda: iter([ok("dns.none")]), 0.3)]
    found = list(all_at_once(looks))
    hangs.set()
    assert [one.code for one in found] == ["acl.heard", "doctor.slow", "dns.none"]
    assert monotonic() - began < 10


def test_looks_are_made_at_the_same_time() -> None:
    together = threading.Barrier(3)

    def meeting() -> Iterator[Finding]:
        together.wait(10)
        yield ok("dns.none")

    assert len(list(all_at_once([Look("dns", meeting)] * 3))) == 3


def test_a_look_that_fails_is_a_finding_without_what_it_had_in_hand() -> None:
    def failing() -> Iterator[Finding]:
        raise ValueError("mailto://user:secret@host")
        yield

    (found,) = all_at_once([Look("mail", failing)])
    assert (found.what, found.level) == ("mail", Level.BAD)
    assert "ValueError" in found.said
    assert "secret" not in found.said + found.said_ja


def test_each_of_many_has_its_own_thread_and_what_does_not_end_is_none() -> None:
    hangs = threading.Event()
    found = at_once.each(lambda wait: hangs.wait(30) if wait else "well", [True, False], 0.2)
    hangs.set()
    assert found == [None, "well"]


# --- the battery clock ------------------------------------------------------------------------------

NOW = 1_795_000_000_000


def rtc(folder: Path, model: str = "Raspberry Pi 5 Model B\0", **files: object) -> list[str]:
    (folder / "model").write_text(model)
    (folder / "rtc").mkdir()
    if files:
        (folder / "rtc" / "rtc0").mkdir()
        for name, content in files.items():
            (folder / "rtc" / "rtc0" / name).write_text(f"{content}\n")
    return [one.code for one in clock.battery_clock(folder / "rtc", folder / "model", NOW)]


def test_a_raspberry_pi_without_a_battery_clock_is_told_and_another_machine_is_not(tmp_path: Path) -> None:
    for name, model, told in (("pi", "Raspberry Pi 4", ["rtc.none"]), ("pc", "", [])):
        (tmp_path / name).mkdir()
        assert rtc(tmp_path / name, model) == told


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"since_epoch": NOW // 1000}, "rtc.right"),
        ({"since_epoch": NOW // 1000 - 600}, "rtc.wrong"),
        ({"since_epoch": NOW // 1000, "battery_voltage": 12_000}, "rtc.no_battery"),
        ({"since_epoch": NOW // 1000, "battery_voltage": 2_980_000}, "rtc.right"),
    ],
)
def test_a_battery_clock_is_compared_with_the_time(
    tmp_path: Path, files: dict[str, object], code: str
) -> None:
    assert rtc(tmp_path, **files) == [code]


def test_a_machine_that_asks_for_the_time_and_hears_nothing_is_told_whom_it_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = {"show": "yes\n", "show-timesync": "ntp.nict.jp\n"}
    monkeypatch.setattr(clock, "_told", lambda *command: said[command[1]])
    assert clock.time_servers() == "ntp.nict.jp"
    said["show"] = "no\n"
    assert clock.time_servers() == ""
