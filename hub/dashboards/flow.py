"""The hub: how much comes in of which kind, how good it is, what ails it, and its gateways."""

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from hub.config.shapes import Kind
from hub.dashboards.overview import alert_id, columns
from hub.dashboards.page import Book
from hub.dashboards.panels import bars, lines, strips, table
from hub.dashboards.query import ACTUAL, DEVICES, EACH, IN_TIME, InfluxQuery, each_device

FAULTS = "/^(silent|gateway|battery|babble|clock|flapping|hub|missed)$/"
MEASUREMENTS: dict[str, tuple[str, str]] = {
    "river": ("水位計", "river gauges"),
    "animal": ("動物センサー", "animal sensors"),
    "trap": ("わな", "traps"),
    "slope": ("斜面", "slopes"),
    "rain": ("雨量計", "rain gauges"),
    "weather": ("気象", "weather"),
    "tracker": ("発信器", "trackers"),
    "siren": ("サイレン", "sirens"),
    "gateway": ("ゲートウェイ", "gateways"),
}


def dashboard(book: Book) -> Dashboard:
    return book.dashboard(
        "hub",
        ("ハブ", "the hub"),
        (
            "ハブからInfluxDBに届いたもの。ハブそのものの調子は /metrics と naruko doctor で見ます。",
            "Only what has come from the hub to InfluxDB. The hub's own health: /metrics and naruko doctor.",
        ),
        [
            (8, [(12, _income(book)), (12, _disk(book))]),
            (9, [(24, _faults(book))]),
            (8, [(12, _alive(book)), (12, _warm(book))]),
        ],
        hub=("now",),
    )


def _income(book: Book) -> Panel:
    return bars(
        book.say(("届いた測定（種類ごと）", "Readings that came, by kind")),
        book.say(
            (
                "10分ごとの回数（電池の値で数えます）。0になったら、ハブかInfluxDBを見ます。",
                "Readings in each 10 minutes, by their battery value. Where it falls to 0, look at the "
                "hub and at its way to InfluxDB.",
            )
        ),
        [
            InfluxQuery(
                f'SELECT count("battery_v_qc") AS "n" FROM {DEVICES} WHERE {IN_TIME}'
                f" GROUP BY {EACH} fill(none)",
                alias="$measurement",
            )
        ],
        unit="none",
        interval="10m",
        overrides=[(key, {"displayName": book.say(said)}) for key, said in MEASUREMENTS.items()],
    )


def _faults(book: Book) -> Panel:
    return table(
        book.say(("機器とハブの不調", "Faults of devices and the hub")),
        book.say(
            (
                "通信なし・電池・時計・ハブの不調。新しい順。",
                "Silent devices, batteries, clocks, trouble of the hub. Newest first.",
            )
        ),
        [
            InfluxQuery(
                f'SELECT "device", "kind", "severity", "state"{alert_id(book)} FROM "alert"'
                f' WHERE {IN_TIME} AND {ACTUAL} AND "kind" =~ {FAULTS} ORDER BY time DESC LIMIT 500',
                table=True,
            )
        ],
        unit="none",
        overrides=columns(book),
    )


def _disk(book: Book) -> Panel:
    return lines(
        book.say(("ゲートウェイの空き容量", "Free disk of the gateways")),
        book.say(("区間で最も少ない空き（%）。", "The least in each interval, per cent.")),
        [each_device('min("disk_free_pct") AS "value"', '"gateway"')],
        unit="percent",
        decimals=0,
        interval="10m",
        overrides=book.named_devices(Kind.GATEWAY),
    )


def _alive(book: Book) -> Panel:
    return strips(
        book.say(("ゲートウェイの電源", "Supply of the gateways")),
        book.say(
            (
                "区間で最も低い電圧（V）。帯の切れ目は声が届かなかった時間です。",
                "The lowest voltage in each interval. A gap: it was not heard.",
            )
        ),
        [each_device('min("battery_v") AS "value"', '"gateway"')],
        unit="volt",
        decimals=1,
        interval="10m",
        overrides=book.named_devices(Kind.GATEWAY),
    )


def _warm(book: Book) -> Panel:
    return lines(
        book.say(("ゲートウェイの基板温度", "Board temperature of the gateways")),
        book.say(("区間で最も高い温度（℃）。", "The highest in each interval, °C.")),
        [each_device('max("board_c") AS "value"', '"gateway"')],
        unit="celsius",
        decimals=0,
        interval="10m",
        overrides=book.named_devices(Kind.GATEWAY),
    )
