"""Panels without their place, and a page of them: rows from the top, 24 columns wide."""

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import (
    DashboardFieldConfigSourceOverrides,
    DashboardLink,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldConfig,
    FieldConfigSource,
    GridPos,
    MatcherConfig,
    Panel,
    RangeMap,
    Threshold,
    ThresholdsConfig,
    ThresholdsMode,
    ValueMap,
)

from hub.dashboards.query import SOURCE, InfluxQuery

COLUMNS = 24
TILES = "https://cyberjapandata.gsi.go.jp/xyz/pale/{z}/{x}/{y}.png"
ATTRIBUTION = "地理院タイル"
LEGEND = {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []}

Override = tuple[str, dict[str, Any]]
"""The name of a field, and what is different about it."""


def panel(
    type_val: str,
    title: str,
    description: str,
    queries: Sequence[InfluxQuery],
    *,
    unit: str,
    options: Mapping[str, Any],
    custom: Mapping[str, Any] | None = None,
    mappings: Sequence[ValueMap | RangeMap] = (),
    overrides: Sequence[Override] = (),
    transformations: Sequence[DataTransformerConfig] = (),
    links: Sequence[DashboardLink] = (),
    decimals: int | None = None,
    interval: str | None = None,
    no_value: str | None = None,
) -> Panel:
    """A panel of any type. `unit` as Grafana names it; `none` for a bare count or text."""
    targets: list[Dataquery] = list(queries)
    mapped: list[Any] = list(mappings)
    return Panel(
        type_val=type_val,
        title=title,
        description=description,
        datasource=SOURCE,
        targets=targets,
        interval=interval,
        options=dict(options),
        transformations=list(transformations) or None,
        links=list(links) or None,
        field_config=FieldConfigSource(
            defaults=FieldConfig(
                unit=unit,
                decimals=decimals,
                mappings=mapped,
                no_value=no_value,
                custom=dict(custom or {}),
                thresholds=ThresholdsConfig(mode=ThresholdsMode.ABSOLUTE, steps=[Threshold(None, "#73bf69")]),
            ),
            overrides=[
                DashboardFieldConfigSourceOverrides(
                    matcher=MatcherConfig(id_val="byName", options=field),
                    properties=[DynamicConfigValue(key, value) for key, value in different.items()],
                )
                for field, different in overrides
            ],
        ),
    )


def lines(title: str, description: str, queries: Sequence[InfluxQuery], **more: Any) -> Panel:
    """Values over time, points joined over gaps of up to an hour: a sensor is not asked every minute."""
    custom = {
        "drawStyle": "line",
        "lineWidth": 2,
        "fillOpacity": 0,
        "showPoints": "auto",
        "spanNulls": 3_600_000,
    }
    options = {"legend": LEGEND, "tooltip": {"mode": "multi", "sort": "none"}}
    return panel("timeseries", title, description, queries, options=options, custom=custom, **more)


def bars(title: str, description: str, queries: Sequence[InfluxQuery], **more: Any) -> Panel:
    """Amounts per interval, stacked."""
    custom = {
        "drawStyle": "bars",
        "lineWidth": 1,
        "fillOpacity": 80,
        "stacking": {"mode": "normal", "group": "A"},
    }
    options = {"legend": LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, description, queries, options=options, custom=custom, **more)


def strips(title: str, description: str, queries: Sequence[InfluxQuery], **more: Any) -> Panel:
    """A strip a series, coloured and named by state."""
    options = {
        "showValue": "auto",
        "mergeValues": True,
        "rowHeight": 0.8,
        "alignValue": "left",
        "legend": LEGEND | {"showLegend": False},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    custom = {"fillOpacity": 80, "lineWidth": 0, "spanNulls": 3_600_000}
    return panel("state-timeline", title, description, queries, options=options, custom=custom, **more)


def stat(
    title: str, description: str, queries: Sequence[InfluxQuery], *, painted: bool = True, **more: Any
) -> Panel:
    """The newest value of each series, large; `painted`: on the colour of what it says."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background_solid" if painted else "none",
        "graphMode": "none",
        "justifyMode": "center",
        "textMode": "auto",
        "orientation": "auto",
    }
    return panel("stat", title, description, queries, options=options, **more)


def table(title: str, description: str, queries: Sequence[InfluxQuery], **more: Any) -> Panel:
    """Rows, newest first."""
    options = {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": "Time", "desc": True}]}
    if len(queries) > 1:
        more["transformations"] = [MERGED]
    return panel("table", title, description, queries, options=options, **more)


def geomap(
    title: str,
    description: str,
    queries: Sequence[InfluxQuery],
    centre: tuple[float, float],
    style: Mapping[str, Any],
    **more: Any,
) -> Panel:
    """A map of rows with `lat` and `lon`. A layer of marks draws one table only: several are merged first."""
    options = {
        "view": {"id": "coords", "lat": centre[0], "lon": centre[1], "zoom": 14, "allLayers": True},
        "controls": {
            "showZoom": True,
            "mouseWheelZoom": False,
            "showAttribution": True,
            "showScale": True,
            "showMeasure": False,
            "showDebug": False,
        },
        "basemap": {
            "type": "xyz",
            "name": ATTRIBUTION,
            "config": {"url": TILES, "attribution": ATTRIBUTION, "minZoom": 5, "maxZoom": 18},
        },
        "layers": [
            {
                "type": "markers",
                "name": title,
                "config": {"showLegend": True, "style": dict(style)},
                "location": {"mode": "coords", "latitude": "lat", "longitude": "lon"},
                "tooltip": True,
            }
        ],
        "tooltip": {"mode": "details"},
    }
    merged = [MERGED] if len(queries) > 1 else []
    return panel("geomap", title, description, queries, options=options, transformations=merged, **more)


MERGED = DataTransformerConfig(id_val="merge", options={})


def coloured(cells: Mapping[str, ValueMap]) -> list[Override]:
    """Columns of a table whose values are shown as words on a colour."""
    return [
        (field, {"mappings": [mapping], "custom.cellOptions": {"type": "color-background", "mode": "basic"}})
        for field, mapping in cells.items()
    ]


def renamed(columns: Mapping[str, str]) -> list[Override]:
    return [(field, {"displayName": said}) for field, said in columns.items()]


def placed(rows: Sequence[tuple[int, Sequence[tuple[int, Panel]]]]) -> list[Panel]:
    """Rows of (height, (width, panel)...) from the top; numbers the panels. ValueError: a row is too wide."""
    found: list[Panel] = []
    y = 0
    for height, row in rows:
        x = 0
        for width, one in row:
            one.grid_pos = GridPos(h=height, w=width, x=x, y=y)
            one.id_val = len(found) + 1
            found.append(one)
            x += width
        if x > COLUMNS:
            raise ValueError(f"a row of {x} columns")
        y += height
    return found
