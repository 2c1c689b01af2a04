"""A town with three gauges at the peak of a real flood (厚東川 持世寺, 2023-07-01), for the console."""

import csv
import math
from dataclasses import replace
from itertools import pairwise

from hub.app import Hub
from hub.config.settings import Console, Web
from hub.config.shapes import Quantity
from hub.config.town import Town
from hub.model import Message
from tests.data import data_dir
from tests.hubs import up
from tests.towns import MINUTE, RIVER, device, gauge, town

STEP = 10 * MINUTE
KOTO = {"standby": 3.80, "caution": 5.00, "evac_judge": 5.10, "danger": 5.50}
BANK_TOP = {"caution": -1.50, "danger": -0.50, "overflow": 0.0}
"""危機管理型: 0 is the top of the bank."""


def valley() -> Town:
    """`koto`: a flood at its peak; `top`: negative levels, with every kind of doubt; `sawa`: never heard."""
    ranged = RIVER.model_copy(update={"quantities": {"level_m": Quantity(min=-5, max=12)}})
    names = {"river": "厚東川", "river_en": "Koto River", "station": "持世寺", "station_en": "Jiseiji"}
    bank = {"river": "大川", "river_en": "Okawa River", "station": "下橋", "station_en": "Shimobashi"}
    sawa = {"river": "上沢", "river_en": "Kamisawa stream", "station": "堰堤", "station_en": "check dam"}
    found = town(
        devices=[
            gauge("koto", KOTO, **names),
            gauge("top", BANK_TOP, north=50_000, **bank),
            gauge("sawa", {"caution": 0.6, "danger": 1.1}, official=False, **sawa),
            device("rain", "rain", north=900, name="厚東雨量計", name_en="Koto rain gauge"),
        ],
        profiles=[ranged],
    )
    return replace(found, hub=found.hub.model_copy(update={"web": Web(port=0, console=Console())}))


def wave() -> list[tuple[float, float]]:
    """(level in m, rain in mm) every 10 min of the three days up to the peak of 2023-07-01."""
    file = data_dir() / "river" / "jp_koto_jiseiji_2023-06-20_2023-07-06.csv"
    with file.open(encoding="utf-8") as lines:
        read = [(row["time_raw"], row["stage_m"], row["rain_cumulative_mm"]) for row in csv.DictReader(lines)]
    end = next(n for n, row in enumerate(read) if row[0] == "2023/07/01 04:40")
    part = read[end - 432 : end + 1]
    return [
        (float(level), max(0.0, float(fallen) - float(before[2])))
        for before, (_, level, fallen) in pairwise(part)
    ]


def doubtful(count: int) -> list[float | None]:
    """Levels under the top of the bank, with a jump, a value out of range and missing ones among them."""
    levels: list[float | None] = [round(-2.2 + 0.9 * math.sin((n + 132) / 40), 2) for n in range(count)]
    for back, level in ((20, 1.9), (60, 99.0), (61, 99.0), (90, None), (91, None)):
        levels[-back] = level
    return levels


async def feed(hub: Hub) -> None:
    """Three days of messages up to now."""
    now = hub.clock.now()
    flood = wave()
    began = now - len(flood) * STEP
    heard = []
    for n, ((level, rain), top) in enumerate(zip(flood, doubtful(len(flood)), strict=True), 1):
        when = began + n * STEP
        for id, said in (
            ("koto", {"level_m": level}),
            ("rain", {"rain_mm": rain}),
            ("top", {"level_m": top}),
        ):
            heard.append(Message(f"naruko/test/{id}/up", up(n, when, m=said), when))
    for start in range(0, len(heard), 300):
        await hub.handle(heard[start : start + 300])
