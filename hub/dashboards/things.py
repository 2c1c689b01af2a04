"""Devices: batteries, signal, and how often each is heard."""

from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    Panel,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
    VariableType,
)

from hub.config.shapes import Kind
from hub.dashboards.links import DEVICE, ROW
from hub.dashboards.page import Book
from hub.dashboards.panels import Override, bars, lines, renamed, table
from hub.dashboards.query import DEVICES, IN_TIME, SOURCE, InfluxQuery, each_device

CHOSEN = f'{IN_TIME} AND "device" =~ /^$device$/'
KINDS = (Kind.RIVER, Kind.RAIN, Kind.ANIMAL, Kind.TRAP, Kind.SLOPE, Kind.WEATHER, Kind.TRACKER, Kind.SIREN)


def dashboard(book: Book) -> Dashboard:
    return book.dashboard(
        "devices",
        ("機器", "devices"),
        (
            "電池・電波・通信の回数。機器を選べます。判断と通知はハブが行います。",
            "Batteries, signal, messages. Choose devices above. The hub judges and tells; this only shows.",
        ),
        [
            (11, [(24, _newest(book))]),
            (9, [(12, _volts(book)), (12, _percent(book))]),
            (9, [(12, _signal(book)), (12, _heard(book))]),
        ],
        hub=("devices",),
        variables=[_device(book)],
        since="now-7d",
    )


def _device(book: Book) -> VariableModel:
    return VariableModel(
        type_val=VariableType.QUERY,
        name="device",
        label=book.say(("機器", "Device")),
        description=book.say(("見たい機器", "The devices to show")),
        datasource=SOURCE,
        query=f'SHOW TAG VALUES FROM {DEVICES} WITH KEY = "device"',
        refresh=VariableRefresh.ON_TIME_RANGE_CHANGED,
        sort=VariableSort.ALPHABETICAL_ASC,
        multi=True,
        include_all=True,
        all_value=".*",
        current=VariableOption(selected=True, text=["All"], value=["$__all"]),
    )


def _named(book: Book) -> list[Override]:
    return book.named_devices(*KINDS, Kind.GATEWAY)


def _newest(book: Book) -> Panel:
    shown = {"Time": ("最後の測定", "Last reading"), "device": ("機器", "Device")}
    shown |= {"V": ("電池 (V)", "Battery (V)"), "%": ("電池 (%)", "Battery (%)")}
    titles = dict(renamed({field: book.say(said) for field, said in shown.items()}))
    titles["device"] |= {"mappings": [book.devices()]} | book.leading(DEVICE, f"/devices/{ROW}")
    return table(
        book.say(("機器ごとの最後の測定", "Last reading of each device")),
        book.say(
            (
                "電圧か残量の最後の値とその時刻。表に無い機器は声が届いていません。",
                "The last voltage or charge, and when. A device that is not here was not heard.",
            )
        ),
        [
            InfluxQuery(
                f'SELECT last("battery_v") AS "V" FROM {DEVICES} WHERE {CHOSEN} GROUP BY "device"',
                "A",
                table=True,
            ),
            InfluxQuery(
                f'SELECT last("battery_pct") AS "%" FROM {DEVICES} WHERE {CHOSEN} GROUP BY "device"',
                "B",
                table=True,
            ),
        ],
        unit="none",
        decimals=2,
        overrides=list(titles.items()),
    )


def _volts(book: Book) -> Panel:
    return lines(
        book.say(("電池の電圧", "Battery voltage")),
        book.say(("区間で最も低い電圧（V）。", "The lowest voltage of each interval.")),
        [each_device('min("battery_v") AS "value"', DEVICES, CHOSEN)],
        unit="volt",
        decimals=2,
        interval="1h",
        overrides=_named(book),
    )


def _percent(book: Book) -> Panel:
    days = ("何日もつかはハブの画面にあります。", " The days left are on the hub's own page.")
    return lines(
        book.say(("電池の残量", "Battery charge")),
        book.say(
            (
                "残量を自分で言う機種だけ（%）。",
                "Of models that tell it themselves, per cent.",
            )
        )
        + (book.say(days) if book.console else ""),
        [each_device('min("battery_pct") AS "value"', DEVICES, CHOSEN)],
        unit="percent",
        decimals=0,
        interval="1h",
        overrides=_named(book),
    )


def _signal(book: Book) -> Panel:
    return lines(
        book.say(("電波の強さ", "Signal")),
        book.say(
            (
                "受信した強さの平均（dBm）。0に近いほど強い。",
                "Mean strength at the receiver, dBm: the nearer to 0, the stronger.",
            )
        ),
        [each_device('mean("rssi_dbm") AS "value"', DEVICES, CHOSEN)],
        unit="suffix: dBm",
        decimals=0,
        interval="1h",
        overrides=_named(book),
    )


def _heard(book: Book) -> Panel:
    return bars(
        book.say(("届いた回数", "Times heard")),
        book.say(
            (
                "1時間ごとの測定の回数（電池の値で数えます）。",
                "Readings in each hour, counted by their battery value.",
            )
        ),
        [each_device('count("battery_v_qc") AS "value"', DEVICES, CHOSEN)],
        unit="none",
        interval="1h",
        overrides=_named(book),
    )
