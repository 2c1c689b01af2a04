"""Ways from a dashboard to the hub's console. Without a console that can be reached there are none."""

from typing import Any

from grafana_foundation_sdk.models.dashboard import DashboardLink, DashboardLinkType

from hub.config.town import Town
from hub.dashboards.levels import Text
from hub.web.words import plain

HOME = "/console"
ROW = "${__value.raw:percentencode}"
"""The cell as it came. `__data.fields` would give the words that a mapping puts in its place."""
ALERT: Text = ("お知らせを開く", "Open the alert")
DEVICE: Text = ("機器のページ", "Page of the device")
PAST: Text = ("これまでの記録", "History")


def console_of(town: Town) -> str:
    """The address of the hub that has it, without a slash at the end; empty where there is none."""
    web = town.hub.web
    return town.site.hub_url.rstrip("/") if web and web.console else ""


def to_page(console: str, page: str, lang: str) -> DashboardLink:
    """`page` as the console's menu names it."""
    hub = {"ja": "ハブ", "en": "Hub"}[lang]
    return DashboardLink(
        title=f"{hub}: {plain(lang, f'console.{page}')}",
        type_val=DashboardLinkType.LINK,
        url=console + (HOME if page == "now" else f"{HOME}/{page}"),
        icon="external link",
        tooltip={"ja": "確認・停止はハブの画面で", "en": "the hub's own page: act there"}[lang],
        target_blank=True,
    )


def to_gauge(console: str, device: str, title: str) -> list[DashboardLink]:
    """For a panel: the rivers, scrolled to this one. `all`: the page is cut where there are many."""
    if not console:
        return []
    url = f"{console}{HOME}/rivers?all#river-{device}"
    return [DashboardLink(title=title, type_val=DashboardLinkType.LINK, url=url, target_blank=True)]


def of_data(console: str, title: str, path: str) -> dict[str, Any]:
    """What is different about a field whose values lead to `path` under the console."""
    if not console:
        return {}
    return {"links": [{"title": title, "url": f"{console}{HOME}{path}", "targetBlank": True}]}
