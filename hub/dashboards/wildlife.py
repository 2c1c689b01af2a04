"""Animals and traps: what came where and when. No place of a trap."""

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from hub.config.shapes import Kind
from hub.dashboards.links import PAST
from hub.dashboards.overview import alert_id, columns
from hub.dashboards.page import Book
from hub.dashboards.panels import bars, lines, strips, table
from hub.dashboards.query import ACTUAL, EACH, IN_TIME, InfluxQuery, each_device

ANIMALS = '"kind" =~ /^(animal|bear)$/'
BEGUN = f"{IN_TIME} AND {ACTUAL} AND {ANIMALS} AND \"state\" = 'open'"


def dashboard(book: Book) -> Dashboard:
    return book.dashboard(
        "wildlife",
        ("けもの", "wildlife"),
        (
            "動物の出没とわなのようす。わなの位置は入っていません。",
            "Where animals came, and how the traps stand. No place of a trap is in here.",
        ),
        [
            (8, [(12, _by_zone(book)), (12, _by_device(book))]),
            (10, [(24, _seen(book))]),
            (9, [(12, _traps(book)), (12, _trap_battery(book))]),
        ],
        hub=("deterrents", "history"),
        since="now-7d",
    )


def _by_zone(book: Book) -> Panel:
    zones = [
        (id, {"displayName": book.say((z.name, z.name_en))} | book.leading(PAST, f"/history?zone={id}"))
        for id, z in book.town.zones.items()
    ]
    return bars(
        book.say(("出没（区域ごと）", "Animals by zone")),
        book.say(
            (
                "1時間ごとの件数。続けて写った同じ動物は1件です。",
                "How many in each hour. One animal that is seen again and again counts once.",
            )
        ),
        [
            InfluxQuery(
                f'SELECT count(distinct("id")) AS "n" FROM "alert" WHERE {BEGUN}'
                f' GROUP BY {EACH}, "zone" fill(none)',
                alias="$tag_zone",
            )
        ],
        unit="none",
        interval="1h",
        overrides=zones,
    )


def _by_device(book: Book) -> Panel:
    return bars(
        book.say(("出没（機器ごと）", "Animals by device")),
        book.say(("1時間ごとの件数。", "How many in each hour.")),
        [each_device('count(distinct("id")) AS "n"', '"alert"', BEGUN)],
        unit="none",
        interval="1h",
        overrides=book.named_devices(Kind.ANIMAL),
    )


def _seen(book: Book) -> Panel:
    return table(
        book.say(("出没の記録", "Animals seen")),
        book.say(
            (
                "機器が見分けた動物。人が確かめたものではありません。「動物」は種類が分からないもの。",
                "The species as the device took it, not as somebody checked it. “animal”: it could not tell.",
            )
        ),
        [
            InfluxQuery(
                f'SELECT "device", "zone", "kind", "species", "severity", "count", "state"{alert_id(book)}'
                f' FROM "alert" WHERE {BEGUN} ORDER BY time DESC LIMIT 500',
                table=True,
            )
        ],
        unit="none",
        overrides=[
            *columns(book),
            (
                "zone",
                {
                    "displayName": book.say(("区域", "Zone")),
                    "mappings": [book.zones()],
                },
            ),
        ],
    )


def _traps(book: Book) -> Panel:
    return strips(
        book.say(("わなの作動", "Traps sprung")),
        book.say(
            (
                "作動してから片づくまで。色と文字で示します。",
                "From the moment a trap springs until it is dealt with, by colour and word.",
            )
        ),
        [
            InfluxQuery(
                f'SELECT "state" FROM "alert" WHERE {IN_TIME} AND {ACTUAL} AND "kind" = \'trap\''
                ' GROUP BY "device"',
                alias="$tag_device",
            )
        ],
        unit="none",
        mappings=[book.states()],
        overrides=book.named_devices(Kind.TRAP),
    )


def _trap_battery(book: Book) -> Panel:
    return lines(
        book.say(("わなの電池", "Batteries of the traps")),
        book.say(("センサーの電池電圧（V）。", "Voltage of the sensors' batteries.")),
        [each_device('min("battery_v") AS "v"', '"trap"')],
        unit="volt",
        decimals=2,
        interval="1h",
        overrides=book.named_devices(Kind.TRAP),
    )
