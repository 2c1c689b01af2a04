"""One dashboard in one language: what all of them share."""

from collections.abc import Sequence

from grafana_foundation_sdk.models.dashboard import (
    AnnotationContainer,
    AnnotationQuery,
    Dashboard,
    DashboardCursorSync,
    DashboardDashboardTemplating,
    DashboardDashboardTime,
    DashboardLink,
    DashboardLinkType,
    Panel,
    RowPanel,
    ValueMap,
    VariableModel,
)
from msgspec import Struct

from hub.config.shapes import Device, Kind
from hub.config.town import Town
from hub.dashboards.levels import KIND, SEVERITY, STATE, THRESHOLD, Text, named
from hub.dashboards.links import DEVICE, PAST, console_of, of_data, to_page
from hub.dashboards.panels import Override, placed
from hub.dashboards.query import ACTUAL, IN_TIME, SOURCE, InfluxEvents
from hub.wording.values import words

LANGUAGES = ("ja", "en")
TAG = "naruko"


class Book(Struct, frozen=True):
    """A town's dashboards in one language. `lang`: 0 Japanese, 1 English."""

    town: Town
    lang: int

    def say(self, text: Text) -> str:
        return text[self.lang]

    def name(self, device: Device) -> str:
        return (device.name, device.name_en)[self.lang]

    def of(self, *kinds: Kind) -> list[Device]:
        return [device for device in self.town.devices.values() if self.town.kind(device) in kinds]

    def public(self) -> list[Device]:
        """Those whose place may be shown: no trap, and nothing that people or dogs carry."""
        secret = (Kind.TRAP, Kind.TRACKER)
        return [d for d in self.town.devices.values() if d.trap is None and self.town.kind(d) not in secret]

    @property
    def console(self) -> str:
        return console_of(self.town)

    def leading(self, title: Text, path: str) -> dict[str, object]:
        """What is different about a field whose values lead to `path` under the console."""
        return of_data(self.console, self.say(title), path)

    def named_devices(self, *kinds: Kind) -> list[Override]:
        """Series that are named by the id of a device get its name, and lead to its page."""
        return [
            (device.id, {"displayName": self.name(device)} | self.leading(DEVICE, f"/devices/{device.id}"))
            for device in self.of(*kinds)
        ]

    def named_kinds(self) -> list[Override]:
        """Series that are named by a kind of alert get its words, and lead to those of the past."""
        return [
            (kind, {"displayName": self.say(text)} | self.leading(PAST, f"/history?kind={kind}"))
            for kind, text in KIND.items()
        ]

    def devices(self) -> ValueMap:
        """Id -> name, without the place."""
        return named({device.id: (self.name(device), "") for device in self.town.devices.values()})

    def zones(self) -> ValueMap:
        return named({id: (self.say((z.name, z.name_en)), "") for id, z in self.town.zones.items()})

    def kinds(self) -> ValueMap:
        return named({kind: (self.say(text), "") for kind, text in KIND.items()})

    def thresholds(self) -> ValueMap:
        return named({level: (self.say(text), "") for level, text in THRESHOLD.items()})

    def species(self) -> ValueMap:
        return named({code: (pair[self.lang], "") for code, pair in words()["species"].items()})

    def states(self) -> ValueMap:
        return named({code: (self.say(text), colour) for code, (text, colour) in STATE.items()})

    def severities(self) -> ValueMap:
        return named({str(n): (self.say(text), colour) for n, (text, colour) in enumerate(SEVERITY)})

    def dashboard(
        self,
        key: str,
        title: Text,
        description: Text,
        rows: Sequence[tuple[int, Sequence[tuple[int, Panel]]]],
        *,
        hub: Sequence[str],
        variables: Sequence[VariableModel] = (),
        since: str = "now-24h",
    ) -> Dashboard:
        """`hub`: the pages of the console that belong to it."""
        site = self.town.site
        panels: list[Panel | RowPanel] = [*placed(rows)]
        return Dashboard(
            uid=f"{TAG}-{LANGUAGES[self.lang]}-{key}",
            title=f"{self.say((site.name, site.name_en))} {self.say(title)}",
            description=self.say(description),
            tags=[TAG, LANGUAGES[self.lang]],
            timezone=site.timezone,
            editable=False,
            graph_tooltip=DashboardCursorSync.CROSSHAIR,
            time=DashboardDashboardTime(from_val=since, to="now"),
            refresh="1m",
            panels=panels,
            templating=DashboardDashboardTemplating(list_val=list(variables)),
            annotations=AnnotationContainer(list_val=self._marks()),
            links=self._links(hub),
        )

    def _marks(self) -> list[AnnotationQuery]:
        """Where alerts began, one row of marks for each step of urgency from caution on."""
        return [
            AnnotationQuery(
                name=self.say((f"警報の始まり（{text[0]}）", f"Alerts begun ({text[1]})")),
                datasource=SOURCE,
                enable=True,
                icon_color=colour,
                target=InfluxEvents(
                    f'SELECT "severity", "kind", "device", "level", "state" FROM "alert" WHERE {IN_TIME}'
                    f' AND {ACTUAL} AND "state" = \'open\' AND "severity" = {severity}',
                    text="kind",
                    tags=("device", "level"),
                ),
            )
            for severity, (text, colour) in enumerate(SEVERITY)
            if severity
        ]

    def _links(self, hub: Sequence[str]) -> list[DashboardLink]:
        own = [to_page(self.console, page, LANGUAGES[self.lang]) for page in hub] if self.console else []
        return [
            DashboardLink(
                title=self.say(("鳴子の画面", "Naruko's dashboards")),
                type_val=DashboardLinkType.DASHBOARDS,
                tags=[TAG, LANGUAGES[self.lang]],
                icon="apps",
                tooltip=self.say(("同じ期間で開く", "opens with the same time")),
                as_dropdown=True,
                keep_time=True,
            ),
            DashboardLink(
                title=self.say(("English", "日本語")),
                type_val=DashboardLinkType.DASHBOARDS,
                tags=[TAG, LANGUAGES[1 - self.lang]],
                icon="apps",
                tooltip=self.say(("英語の画面", "the Japanese ones")),
                as_dropdown=True,
                keep_time=True,
            ),
            *own,
        ]
