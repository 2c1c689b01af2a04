"""What a panel asks of InfluxDB, in InfluxQL: the one language that 1.x, 2 and 3 answer."""

from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import AnnotationTarget, DataSourceRef

UID = "naruko"
SOURCE = DataSourceRef(type_val="influxdb", uid=UID)
IN_TIME = "$timeFilter"
EACH = "time($__interval)"
DEVICES = "/^(river|animal|trap|slope|rain|weather|tracker|siren|gateway)$/"
"""The measurements of readings."""
ACTUAL = "\"mode\" = 'actual'"
"""Of alerts: no drill and no test."""


class InfluxQuery(Dataquery):
    """One query. `table`: a row a point with its tags as columns; otherwise a series each, named `alias`."""

    def __init__(self, query: str, ref_id: str = "A", *, alias: str = "", table: bool = False) -> None:
        self.query = query
        self.ref_id = ref_id
        self.alias = alias
        self.table = table

    def to_json(self) -> dict[str, object]:
        said: dict[str, object] = {
            "datasource": SOURCE,
            "refId": self.ref_id,
            "query": self.query,
            "rawQuery": True,
            "resultFormat": "table" if self.table else "time_series",
        }
        return said | ({"alias": self.alias} if self.alias else {})


class InfluxEvents(AnnotationTarget):
    """Points that are drawn as marks over a chart: the columns which say what happened."""

    def __init__(self, query: str, text: str, tags: tuple[str, ...]) -> None:
        super().__init__(limit=0, match_any=False, tags=[], type_val="")
        self.query = query
        self.text = text
        self.columns = tags

    def to_json(self) -> dict[str, object]:
        return {
            "refId": "Anno",
            "query": self.query,
            "queryType": "tags",
            "rawQuery": True,
            "fromAnnotations": True,
            "textEditor": True,
            "textColumn": self.text,
            "tagsColumn": ",".join(self.columns),
            "titleColumn": "",
            "timeEndColumn": "",
        }


def name(text: str) -> str:
    """A name of InfluxQL: `"level_m"`."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def string(text: str) -> str:
    """A string of InfluxQL: `'gauge-1'`."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def of(device: str) -> str:
    return f'"device" = {string(device)}'


def each_device(selected: str, measurement: str, where: str = IN_TIME) -> InfluxQuery:
    """A series a device, named by its id: `selected` in each interval."""
    return InfluxQuery(
        f'SELECT {selected} FROM {measurement} WHERE {where} GROUP BY {EACH}, "device" fill(none)',
        alias="$tag_device",
    )


def constant(of: str, value: float) -> str:
    """A column that is the same in every row. InfluxQL has none of its own: it hangs on one with values."""
    return f"{of} * 0 + {value:.6f}" if value >= 0 else f"{of} * 0 - {-value:.6f}"
