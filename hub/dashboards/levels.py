"""Words and colours of urgency. Never a colour without its words.

Colours as the Cabinet Office fixed them on 2020-05-29 for 警戒レベル, for people who see colours differently.
"""

from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    RangeMap,
    ValueMap,
    ValueMappingResult,
)

from hub.config.shapes import LEVELS, Gauge
from hub.wording.values import words

Text = tuple[str, str]
"""Japanese, English."""

WHITE, YELLOW, RED, PURPLE, BLACK = (
    "rgb(255, 255, 255)",
    "rgb(242, 231, 0)",
    "rgb(255, 40, 0)",
    "rgb(170, 0, 170)",
    "rgb(12, 0, 12)",
)
"""Level 1 to 5."""
OWN = ("#8ab8ff", "#5794f2", "#3274d9", "#1f60c4", "#1250b0")
"""For levels that a town has set itself: none of the colours that mean a 警戒レベル."""
CALM = "#73bf69"
UNKNOWN = "#8e8e8e"

COLOUR = dict(zip(LEVELS, (UNKNOWN, YELLOW, RED, PURPLE, BLACK), strict=True))
"""水防団待機水位 is no 警戒レベル: grey."""
OWN_COLOUR = dict(zip(LEVELS, OWN, strict=True))
EQUIVALENT = {"caution": 2, "evac_judge": 3, "danger": 4, "overflow": 5}
"""警戒レベル○相当 of an official threshold. The first has none."""

SEVERITY: tuple[tuple[Text, str], ...] = (
    (("お知らせ", "Notice"), WHITE),
    (("注意", "Caution"), YELLOW),
    (("警戒", "Warning"), RED),
    (("危険", "Danger"), PURPLE),
    (("命の危険", "Danger to life"), BLACK),
)
STATE: dict[str, tuple[Text, str]] = {
    "open": (("継続中", "open"), RED),
    "resolved": (("終了", "over"), CALM),
    "cancelled": (("取消", "taken back"), UNKNOWN),
}
KIND: dict[str, Text] = {kind: said for kind, said in words()["alert_kind"].items() if kind != "unknown"}
THRESHOLD: dict[str, Text] = {
    "standby": ("待機", "standby"),
    "caution": ("注意", "caution"),
    "evac_judge": ("避難判断", "evacuation decision"),
    "danger": ("危険", "danger"),
    "overflow": ("堤防の高さ", "top of the bank"),
}
"""Where a gauge's own words are not known: short of those that only the river's manager may use."""
FLAG: dict[int, tuple[Text, str]] = {
    1: (("正常", "pass"), CALM),
    2: (("未検査", "not evaluated"), UNKNOWN),
    3: (("疑わしい", "suspect"), "#ff9830"),
    4: (("不良", "fail"), RED),
    9: (("欠測", "missing"), PURPLE),
}


def named(options: dict[str, tuple[str, str]]) -> ValueMap:
    """Value -> its words and colour; without a colour where that is empty."""
    return ValueMap(
        options={
            value: ValueMappingResult(text=text, color=colour or None, index=index)
            for index, (value, (text, colour)) in enumerate(options.items())
        }
    )


def threshold_name(gauge: Gauge, level: str, lang: int) -> Text:
    """(name, what is said of it): 氾濫注意水位, and 警戒レベル2相当 where the river's manager has set it."""
    own = next((names for key, names in gauge.names.items() if key == level), None)
    said = (own.ja, own.en)[lang] if own else words()["threshold"][level][lang]
    if not gauge.official or level not in EQUIVALENT:
        return said, ""
    number = EQUIVALENT[level]
    return said, (f"警戒レベル{number}相当の水位", f"equivalent to alert level {number}")[lang]


def set_levels(gauge: Gauge) -> list[tuple[str, float]]:
    """Its thresholds from the lowest on."""
    known = {str(level): metres for level, metres in gauge.levels_m.items()}
    return [(level, known[level]) for level in LEVELS if level in known]


def colour(gauge: Gauge, level: str) -> str:
    return (COLOUR if gauge.official else OWN_COLOUR)[level]


def stages(gauge: Gauge, lang: int) -> list[RangeMap]:
    """Between which thresholds a level lies, in words: for a panel that says where the river stands."""
    bounds = set_levels(gauge)
    found = [
        RangeMap(
            options=DashboardRangeMapOptions(
                from_val=-1000.0,
                to=(bounds[0][1] - 0.0001) if bounds else 1000.0,
                result=ValueMappingResult(
                    text=("基準水位より下", "Below every threshold")[lang], color=CALM, index=0
                ),
            )
        )
    ]
    for index, (level, metres) in enumerate(bounds):
        last = index + 1 == len(bounds)
        said, equivalent = threshold_name(gauge, level, lang)
        more = f"（{equivalent}）" if lang == 0 else f" ({equivalent})"
        over = f"{said}以上" if lang == 0 else f"{said} reached"
        found.append(
            RangeMap(
                options=DashboardRangeMapOptions(
                    from_val=metres,
                    to=1000.0 if last else bounds[index + 1][1] - 0.0001,
                    result=ValueMappingResult(
                        text=over + (more if equivalent else ""), color=colour(gauge, level), index=index + 1
                    ),
                )
            )
        )
    return found
