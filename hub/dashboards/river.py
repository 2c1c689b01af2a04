"""Rivers: level against the thresholds by name, how fast it rises, rain, and how good the values are."""

from grafana_foundation_sdk.models.dashboard import Dashboard, DashboardLink, Panel

from hub.config.shapes import Device, Gauge, Kind
from hub.dashboards.levels import FLAG, colour, named, set_levels, stages, threshold_name
from hub.dashboards.links import to_gauge
from hub.dashboards.page import Book
from hub.dashboards.panels import Override, bars, lines, stat, strips
from hub.dashboards.query import EACH, IN_TIME, InfluxQuery, constant, each_device, name, of

MOST_AT = 'max("level_m")'
"""The highest in each interval: a mean would hide the top of a wave."""
USABLE = '"level_m_qc" < 4'
"""What the hub judges by, too: no value that has failed a check."""


def dashboard(book: Book) -> Dashboard:
    gauges = [(device, device.gauge) for device in book.of(Kind.RIVER) if device.gauge]
    each = [(10, [(6, _stage(book, d, gauge)), (18, _level(book, d, gauge))]) for d, gauge in gauges]
    return book.dashboard(
        "river",
        ("川と雨", "rivers and rain"),
        (
            "水位は観測所の零点からの高さ（m）です。避難の判断と指示は町長が行います。",
            "Levels are m above each gauge's zero. Whether to evacuate is for the mayor to decide.",
        ),
        [
            *each,
            (8, [(12, _rise(book)), (12, _rain(book))]),
            (7, [(24, _flags(book))]),
        ],
        hub=("rivers",),
    )


def _station(book: Book, gauge: Gauge) -> str:
    return book.say((f"{gauge.river} {gauge.station}", f"{gauge.river_en}, {gauge.station_en}"))


def _on_hub(book: Book, device: Device) -> list[DashboardLink]:
    return to_gauge(book.console, device.id, book.say(("ハブの画面", "The hub's own page")))


def _stage(book: Book, device: Device, gauge: Gauge) -> Panel:
    return stat(
        book.say((f"{_station(book, gauge)} いまの段階", f"{_station(book, gauge)}: stage")),
        book.say(
            (
                "最新の水位がどの基準水位まで来ているか。色だけでなく言葉で示します。",
                "Which threshold the newest level has reached: in words, not by colour alone.",
            )
        ),
        [
            InfluxQuery(
                f'SELECT last("level_m") AS "m" FROM "river"'
                f" WHERE {of(device.id)} AND {USABLE} AND {IN_TIME}",
                alias=_station(book, gauge),
            )
        ],
        unit="lengthm",
        decimals=2,
        mappings=stages(gauge, book.lang),
        no_value=book.say(("水位が届いていません", "no level has come")),
        links=_on_hub(book, device),
    )


def _level(book: Book, device: Device, gauge: Gauge) -> Panel:
    water = book.say(("水位", "level"))
    selected = [f"{MOST_AT} AS {name(water)}"]
    overrides: list[Override] = [(water, {"color": _fixed("#3274d9"), "custom.lineWidth": 3})]
    for level, metres in set_levels(gauge):
        said, equivalent = threshold_name(gauge, level, book.lang)
        title = " ".join(part for part in (said, f"{metres:.2f} m", equivalent) if part)
        selected.append(f"{constant(MOST_AT, metres)} AS {name(title)}")
        dashes = {"fill": "dash", "dash": [12, 4]}
        overrides.append(
            (
                title,
                {"color": _fixed(colour(gauge, level)), "custom.lineStyle": dashes, "custom.lineWidth": 2},
            )
        )
    own = "" if gauge.official else book.say(("町が決めた基準です。", " The town's own thresholds."))
    return lines(
        book.say((f"{_station(book, gauge)} 水位", f"{_station(book, gauge)}: level")),
        book.say(
            (
                "区間ごとの最高水位と、基準水位の線（名前と高さは凡例）。不良の値は除きます。",
                "The highest level in each interval without failed values, and the thresholds: "
                "names and heights are in the legend.",
            )
        )
        + own,
        [
            InfluxQuery(
                f'SELECT {", ".join(selected)} FROM "river" WHERE {of(device.id)}'
                f" AND {USABLE} AND {IN_TIME} GROUP BY {EACH} fill(none)",
                alias="$col",
            )
        ],
        unit="lengthm",
        decimals=2,
        interval="2m",
        overrides=overrides,
        links=_on_hub(book, device),
    )


def _fixed(colour: str) -> dict[str, str]:
    return {"mode": "fixed", "fixedColor": colour}


def _rise(book: Book) -> Panel:
    return lines(
        book.say(("水位の上がる速さ", "Rise of the level")),
        book.say(
            (
                "1時間あたりの変化（m/h）。正は上昇、負は下降。",
                "Change in m an hour: above 0 it rises, below 0 it falls.",
            )
        ),
        [each_device(f'derivative({MOST_AT}, 1h) AS "m_h"', '"river"', f"{USABLE} AND {IN_TIME}")],
        unit="suffix: m/h",
        decimals=2,
        interval="10m",
        overrides=book.named_devices(Kind.RIVER),
    )


def _rain(book: Book) -> Panel:
    return bars(
        book.say(("雨量", "Rain")),
        book.say(("1時間ごとの雨量（mm）。", "Rain in each hour, mm.")),
        [each_device('sum("rain_mm") AS "mm"', '"rain"')],
        unit="lengthmm",
        decimals=1,
        interval="1h",
        overrides=[
            (device, different | {"custom.stacking": {"mode": "none", "group": "A"}})
            for device, different in book.named_devices(Kind.RAIN)
        ],
    )


def _flags(book: Book) -> Panel:
    return strips(
        book.say(("水位の品質", "Quality of the levels")),
        book.say(
            (
                "区間で最も悪い品質記号。疑わしい・不良・欠測のときは水位をそのまま信じないこと。",
                "The worst quality flag of each interval. Suspect, fail or missing: do not take "
                "the level as it stands.",
            )
        ),
        [each_device('max("level_m_qc") AS "flag"', '"river"')],
        unit="none",
        interval="10m",
        mappings=[named({str(flag): (book.say(text), paint) for flag, (text, paint) in FLAG.items()})],
        overrides=book.named_devices(Kind.RIVER),
    )
