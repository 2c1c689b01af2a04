"""The whole town at one glance: what is going on, where, and which devices are heard."""

from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardRegexMapOptions,
    Panel,
    RegexMap,
    ValueMappingResult,
)

from hub.config.shapes import Kind
from hub.dashboards.links import ALERT, DEVICE, ROW
from hub.dashboards.page import Book
from hub.dashboards.panels import Override, bars, coloured, geomap, renamed, stat, table
from hub.dashboards.query import ACTUAL, EACH, IN_TIME, InfluxQuery, constant, name, of

HEARD = {
    Kind.RIVER: "level_m",
    Kind.RAIN: "rain_mm",
    Kind.ANIMAL: "battery_v",
    Kind.SLOPE: "battery_v",
    Kind.WEATHER: "air_c",
    Kind.SIREN: "battery_v",
    Kind.GATEWAY: "battery_v",
}
"""By which quantity a kind of device is known to be heard."""


def dashboard(book: Book) -> Dashboard:
    return book.dashboard(
        "overview",
        ("町のようす", "town overview"),
        (
            "いま起きていることと、その場所。操作はハブの画面で行います。Grafanaは見るだけです。",
            "What is going on, and where. Act on the hub's own page: Grafana only shows.",
        ),
        [
            (5, [(24, _counts(book))]),
            (10, [(24, _alerts(book))]),
            (14, [(12, _where(book)), (12, _devices(book))]),
            (8, [(24, _over_time(book))]),
        ],
        hub=("now", "map"),
    )


def alert_id(book: Book) -> str:
    """The column that leads to an alert's page, for the end of what a table of alerts selects."""
    return ', "id"' if book.console else ""


def columns(book: Book) -> list[Override]:
    """How the columns of alerts are shown, as words and on colours."""
    cells = {"severity": book.severities(), "state": book.states()}
    plain = {"device": book.devices(), "kind": book.kinds(), "species": book.species()}
    plain["level"] = book.thresholds()
    titles = {
        "Time": ("時刻", "Time"),
        "device": ("機器", "Device"),
        "kind": ("種類", "Kind"),
        "severity": ("緊急度", "Urgency"),
        "state": ("状態", "State"),
        "level": ("水位の段階", "Threshold"),
        "species": ("動物", "Species"),
        "count": ("回数", "Count"),
        "confirmed": ("確認", "Confirmed"),
    }
    found: dict[str, dict[str, object]] = {}
    shown = [*coloured(cells), *((field, {"mappings": [mapping]}) for field, mapping in plain.items())]
    for field, different in [*shown, *renamed({field: book.say(said) for field, said in titles.items()})]:
        found.setdefault(field, {}).update(different)
    return [*found.items(), *([_page(book)] if book.console else [])]


def _page(book: Book) -> Override:
    open_it = ValueMappingResult(text=book.say(("開く", "open")), index=0)
    return (
        "id",
        {
            "displayName": book.say(("ハブの画面", "Hub")),
            "mappings": [RegexMap(options=DashboardRegexMapOptions(pattern=".+", result=open_it))],
        }
        | book.leading(ALERT, f"/alerts/{ROW}"),
    )


def _counts(book: Book) -> Panel:
    return stat(
        book.say(("種類ごとの警報の数", "Alerts by kind")),
        book.say(
            (
                "表示期間に始まった警報の件数（訓練・試験を除く）。",
                "How many alerts have begun in the time shown, drills and tests apart.",
            )
        ),
        [
            InfluxQuery(
                f'SELECT count(distinct("id")) AS "n" FROM "alert" WHERE {IN_TIME} AND {ACTUAL}'
                ' AND "state" = \'open\' GROUP BY "kind"',
                alias="$tag_kind",
            )
        ],
        unit="none",
        painted=False,
        overrides=book.named_kinds(),
        no_value=book.say(("警報なし", "no alert")),
    )


def _alerts(book: Book) -> Panel:
    return table(
        book.say(("警報（機器と種類ごとに最新の1行）", "Alerts, newest line by device and kind")),
        book.say(
            (
                "継続中のものと、表示期間に終わったもの。わなの位置と人の名前は入っていません。",
                "Those that are open and those that ended in the time shown. No place of a trap, no person.",
            )
        ),
        [
            InfluxQuery(
                'SELECT last("severity") AS "severity", "state", "level", "species", "count", "confirmed"'
                f'{alert_id(book)} FROM "alert" WHERE {IN_TIME} AND {ACTUAL} GROUP BY "device", "kind"',
                table=True,
            )
        ],
        unit="none",
        overrides=columns(book),
    )


def _where(book: Book) -> Panel:
    site = book.town.site
    return geomap(
        book.say(("警報の場所", "Where the alerts are")),
        book.say(
            (
                "表示期間の警報と、その最新の緊急度。色と文字で示します。わなは地図に出しません。",
                "Alerts in the time shown with their newest urgency, in colour and words. No traps.",
            )
        ),
        [
            InfluxQuery(
                'SELECT last("severity") AS "severity", "state", "lat", "lon"'
                f'{alert_id(book)} FROM "alert" WHERE {IN_TIME} AND {ACTUAL} AND "lat" > -90'
                ' GROUP BY "device", "kind"',
                table=True,
            )
        ],
        (site.lat, site.lon),
        {
            "size": {"fixed": 9, "min": 2, "max": 15},
            "opacity": 0.9,
            "color": {"field": "severity", "fixed": "dark-green"},
            "text": {"mode": "field", "field": "severity", "fixed": ""},
            "textConfig": {"fontSize": 13, "offsetX": 0, "offsetY": 16, "textAlign": "center"},
            "symbol": {"mode": "fixed", "fixed": "img/icons/marker/triangle.svg"},
        },
        unit="none",
        overrides=columns(book),
    )


def _devices(book: Book) -> Panel:
    """The places stand in the dashboard, as the hub sends none but those of alerts."""
    site = book.town.site
    queries = []
    for device in book.public():
        kind = book.town.kind(device)
        if kind not in HEARD:
            continue
        value = f"last({name(_heard_by(book, device.id, kind))})"
        queries.append(
            InfluxQuery(
                f'SELECT {constant(value, device.lat)} AS "lat", {constant(value, device.lon)} AS "lon"'
                f' FROM {name(kind.value)} WHERE {of(device.id)} AND {IN_TIME} GROUP BY "device"',
                device.id,
                table=True,
            )
        )
    return geomap(
        book.say(("声の届いている機器", "Devices that are heard")),
        book.say(
            (
                "表示期間に測定値が届いた機器。無い点は届いていません。わなと携帯する機器は出しません。",
                "Devices of which readings came in the time shown; what is not there is not heard. "
                "No traps, and nothing that is carried.",
            )
        ),
        queries,
        (site.lat, site.lon),
        {
            "size": {"fixed": 6, "min": 2, "max": 15},
            "opacity": 0.8,
            "color": {"fixed": "blue"},
            "text": {"mode": "field", "field": "device", "fixed": ""},
            "textConfig": {"fontSize": 11, "offsetX": 0, "offsetY": 12, "textAlign": "center"},
            "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
        },
        unit="none",
        overrides=[("device", {"mappings": [book.devices()]} | book.leading(DEVICE, f"/devices/{ROW}"))],
    )


def _heard_by(book: Book, device: str, kind: Kind) -> str:
    """The quantity of this kind, or battery in per cent where the model gives no volts."""
    quantity = HEARD[kind]
    known = book.town.profiles[book.town.devices[device].profile].quantities
    return "battery_pct" if quantity == "battery_v" and "battery_v" not in known and known else quantity


def _over_time(book: Book) -> Panel:
    return bars(
        book.say(("警報の始まり（種類ごと）", "Alerts begun, by kind")),
        book.say(
            (
                "1時間ごとの件数。訓練・試験を除きます。",
                "How many in each hour. Drills and tests do not count.",
            )
        ),
        [
            InfluxQuery(
                f'SELECT count(distinct("id")) AS "n" FROM "alert" WHERE {IN_TIME} AND {ACTUAL}'
                f' AND "state" = \'open\' GROUP BY {EACH}, "kind" fill(none)',
                alias="$tag_kind",
            )
        ],
        unit="none",
        interval="1h",
        overrides=book.named_kinds(),
    )
