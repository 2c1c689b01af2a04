"""devices.csv, people.csv and roster.csv as Excel saves them: UTF-8 with BOM or cp932, Japanese or English
headers.

One row is one device, person or week. A cell that holds several values separates them by `;`, `、` or a
space. An empty cell is a value that is not given. `COLUMNS_OF_DEVICES` and its like list the headers.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from hub.config.document import Document, KeyPath, Problem, UnreadableError, shown
from hub.config.validate import suggestion

SEPARATORS = re.compile(r"[;；,，、\s]+")
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
LONGEST_CELL = 4_000
PRIVATE = re.compile(r"@|://|[0-9]{6}")
"""Addresses in the first row: the table has no header, and its cells are nobody else's business."""

YES_NO = {
    "はい": "true",
    "○": "true",
    "〇": "true",
    "有": "true",
    "いいえ": "false",
    "×": "false",
    "無": "false",
}
ROLES = {
    "農家": "farmer", "耕作者": "farmer", "猟友会": "hunter", "猟師": "hunter", "パトロール員": "patrol",
    "職員": "official", "役場": "official", "運用": "operator", "運用者": "operator", "消防団": "corps",
    "水防団": "corps", "住民": "resident", "福祉": "welfare",
}  # fmt: skip
LANGUAGES = {
    "日本語": "ja", "やさしい日本語": "ja-easy", "英語": "en", "ポルトガル語": "pt", "中国語": "zh",
    "ベトナム語": "vi",
}  # fmt: skip
DAYS = {
    f"{day}{end}": word
    for day, word in zip("月火水木金土日", ("mon", "tue", "wed", "thu", "fri", "sat", "sun"), strict=True)
    for end in ("", "曜", "曜日")
}
TRAPS = {"箱わな": "box", "くくりわな": "snare", "囲いわな": "corral"}
CONTACTS = {"開": "open", "閉": "closed"}
USES = {"追い払い": "deter", "警報": "warn"}
DATE = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?")


class Column(NamedTuple):
    """A header: where its value goes, its other names, and how a cell is read."""

    path: KeyPath
    names: tuple[str, ...]
    read: Callable[[str], Any] = str


def _plain(text: str) -> str:
    """Full-width digits and letters, as Japanese keyboards write them, made narrow."""
    return unicodedata.normalize("NFKC", text).strip()


def _word(words: Mapping[str, str]) -> Callable[[str], str]:
    return lambda text: words.get(text, _plain(text).lower())


def _words(words: Mapping[str, str]) -> Callable[[str], list[str]]:
    return lambda text: [words.get(one, _plain(one).lower()) for one in SEPARATORS.split(text) if one]


def _list(text: str) -> list[str]:
    return [_plain(one) for one in SEPARATORS.split(text) if one]


def _day(text: str) -> str:
    """`2026/4/6`, `2026年4月6日` -> `2026-04-06`; what is no date stays as it is."""
    plain = _plain(text)
    found = DATE.fullmatch(plain)
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}" if found else plain


COLUMNS_OF_DEVICES = (
    Column(("id",), ("id", "機器ID"), _plain),
    Column(("profile",), ("profile", "機種"), _plain),
    Column(("name",), ("name", "名称", "機器名")),
    Column(("name_en",), ("name_en", "名称_英語")),
    Column(("lat",), ("lat", "緯度"), _plain),
    Column(("lon",), ("lon", "経度"), _plain),
    Column(("place",), ("place", "場所", "設置場所")),
    Column(("place_en",), ("place_en", "場所_英語")),
    Column(("gateway",), ("gateway", "親機", "ゲートウェイ"), _plain),
    Column(("address",), ("address", "アドレス", "DevEUI"), _plain),
    Column(("heartbeat",), ("heartbeat", "通信間隔"), _plain),
    Column(("maintenance",), ("maintenance", "点検中"), _word(YES_NO)),
    Column(("gauge", "river"), ("river", "河川名")),
    Column(("gauge", "river_en"), ("river_en", "河川名_英語")),
    Column(("gauge", "station"), ("station", "観測所名")),
    Column(("gauge", "station_en"), ("station_en", "観測所名_英語")),
    Column(("gauge", "sensor_height_m"), ("sensor_height_m", "センサー高_m"), _plain),
    Column(("gauge", "probe_height_m"), ("probe_height_m", "プローブ高_m"), _plain),
    Column(("gauge", "zero_tp_m"), ("zero_tp_m", "零点高_TPm"), _plain),
    Column(("gauge", "bed_m"), ("bed_m", "河床高_m"), _plain),
    Column(("gauge", "bank_m"), ("bank_m", "堤防高_m"), _plain),
    Column(("gauge", "levels_m", "standby"), ("standby_m", "水防団待機水位_m"), _plain),
    Column(("gauge", "levels_m", "caution"), ("caution_m", "氾濫注意水位_m"), _plain),
    Column(("gauge", "levels_m", "evac_judge"), ("evac_judge_m", "避難判断水位_m"), _plain),
    Column(("gauge", "levels_m", "danger"), ("danger_m", "氾濫危険水位_m"), _plain),
    Column(("gauge", "levels_m", "overflow"), ("overflow_m", "氾濫発生水位_m"), _plain),
    Column(("gauge", "official"), ("official", "公式水位"), _word(YES_NO)),
    Column(("gauge", "assumed_air_c"), ("assumed_air_c", "想定気温_c"), _plain),
    Column(("trap", "no"), ("trap_no", "わな番号"), _plain),
    Column(("trap", "type"), ("trap_type", "わなの種類"), _word(TRAPS)),
    Column(("trap", "owner"), ("trap_owner", "わなの所有者"), _plain),
    Column(("trap", "tag_no"), ("tag_no", "標識番号")),
    Column(("trap", "sprung_when"), ("sprung_when", "作動時の接点"), _word(CONTACTS)),
    Column(("slope", "stream"), ("stream", "渓流名")),
    Column(("slope", "stream_en"), ("stream_en", "渓流名_英語")),
    Column(("siren", "use"), ("siren_use", "サイレン用途"), _words(USES)),
    Column(("siren", "sound_near_dwelling"), ("sound_near_dwelling", "住宅近くの音"), _word(YES_NO)),
    Column((), ("note", "備考")),
)

COLUMNS_OF_PEOPLE = (
    Column(("id",), ("id",), _plain),
    Column(("name",), ("name", "氏名", "名前")),
    Column(("lang",), ("lang", "言語"), _word(LANGUAGES)),
    Column(("roles",), ("roles", "役割"), _words(ROLES)),
    Column(("zones",), ("zones", "区域"), _list),
    Column(("duty",), ("duty", "当番", "当番日"), _words(DAYS)),
    Column(("quiet",), ("quiet", "静かな時間"), _plain),
    Column(("channels", "mail"), ("mail", "メール")),
    Column(("channels", "ntfy"), ("ntfy",)),
    Column(("channels", "line"), ("line",)),
    Column(("channels", "sms"), ("sms", "電話")),
    Column(("channels", "telegram"), ("telegram",)),
    Column(("channels", "other"), ("other", "その他")),
    Column((), ("note", "備考")),
)
"""A channel's cell holds an Apprise URL, or an address for the `channels` of hub.yaml."""

COLUMNS_OF_ROSTER = (
    Column(("week",), ("week", "週", "週の月曜日"), _day),
    Column(("start",), ("from", "から", "開始日"), _day),
    Column(("end",), ("to", "まで", "終了日"), _day),
    Column(("people",), ("people", "当番", "担当", "担当者"), _list),
    Column((), ("note", "備考")),
)
"""Person ids, in a week that is named by its Monday, or from a day to a day."""


def read_table(
    raw: bytes, file: str, kind: str, columns: tuple[Column, ...]
) -> tuple[Document, list[Problem]]:
    """Rows of a table as a document `{kind: [row, ...]}` of strings and lists of strings.

    Raises UnreadableError where it is no table in a known encoding, or has no header.
    """
    text = _decode(raw, file)
    problems: list[Problem] = []
    rows = _rows(text, file)
    first = next(rows, None)
    if first is None:
        raise UnreadableError(Problem(file, 1, "is empty: the first row names the columns"))
    headings = _headings(*first, file, columns, problems)
    values: list[dict[str, Any]] = []
    lines: dict[KeyPath, int] = {(): first[0]}
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[len(headings) :]):
            problems.append(Problem(file, line, "has more cells than the first row has columns"))
        lines[(kind, len(values))] = line
        values.append(_row(headings, cells, line, file, problems))
    names = {column.path: name for name, column in headings if column and column.path}
    return Document(file, {kind: values}, lines, names), problems


def _decode(raw: bytes, file: str) -> str:
    if raw.startswith(UTF16_MARKS):
        raise UnreadableError(Problem(file, 1, "is UTF-16: save it as CSV UTF-8"))
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableError(Problem(file, 1, "is neither UTF-8 nor Shift_JIS (cp932): save it as CSV UTF-8"))


def _rows(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line on which it begins: a quoted cell may hold line breaks."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UnreadableError(Problem(file, line, f"is no CSV: {error}")) from None
        yield line, cells


def _headings(
    line: int, cells: list[str], file: str, columns: tuple[Column, ...], problems: list[Problem]
) -> list[tuple[str, Column | None]]:
    known = {_plain(name).lower(): column for column in columns for name in column.names}
    found: list[tuple[str, Column | None]] = []
    seen: set[KeyPath] = set()
    for cell in cells:
        name = cell.strip()
        column = known.get(_plain(name).lower())
        if column is None and name:
            near = suggestion(name, (one for column in columns for one in column.names))
            heading = f"number {len(found) + 1}" if PRIVATE.search(name) else shown(name)
            problems.append(Problem(file, line, f"unknown column {heading}{near}"))
        elif column and column.path in seen:
            problems.append(Problem(file, line, f"{name}: a second column of this kind"))
            column = None
        if column:
            seen.add(column.path)
        found.append((name, column))
    return found


def _row(
    headings: list[tuple[str, Column | None]], cells: list[str], line: int, file: str, problems: list[Problem]
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for (name, column), cell in zip(headings, cells, strict=False):
        text = cell.strip()
        if not text:
            continue
        if not name:
            problems.append(Problem(file, line, "a cell stands in a column without a name"))
        elif len(text) > LONGEST_CELL:
            problems.append(Problem(file, line, f"{name}: is longer than {LONGEST_CELL} characters"))
        elif column and column.path:
            inner = row
            for part in column.path[:-1]:
                inner = inner.setdefault(str(part), {})
            inner[str(column.path[-1])] = column.read(text)
    return row


def channels_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row of people.csv with its channel columns as the list that `Person` has."""
    cells: dict[str, str] = row.get("channels", {})
    listed = [
        {"kind": kind, "url": text} if "://" in text else {"kind": kind, "address": _plain(text)}
        for kind, cell in cells.items()
        for text in cell.split()
    ]
    return {**row, "channels": listed}
