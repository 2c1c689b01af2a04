"""hub.yaml: the site, its broker, its stores."""

from datetime import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from hub.config.shapes import ChannelKind, Duration, Id, Latitude, Longitude, Shape
from hub.console.users import ConsoleRole


class Site(Shape):
    id: Id
    name: str
    name_en: str
    timezone: str = "Asia/Tokyo"
    lat: Latitude
    lon: Longitude
    radius_km: Annotated[float, Field(gt=0, le=200)]
    """Every device and zone lies within this distance of the centre."""
    contact: str
    info_url: str
    hub_url: str = ""
    """Where phones reach this hub's pages; empty while there are none."""


class Mqtt(Shape):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    client_id: str = "naruko-hub"
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    topics: tuple[str, ...] = ()
    """Beside `naruko/<site>/#`."""


class LedgerSettings(Shape):
    path: Path = Path("naruko.db")
    limit_mb: Annotated[int, Field(ge=16)] = 2_000
    keep_messages: Duration = 7 * 86_400_000
    keep_readings: Duration = 400 * 86_400_000
    on_corrupt: Literal["restore", "refuse"] = "restore"
    """A damaged file is kept aside and the hub goes on from its last good backup; or it does not start."""
    backup_at: time = time(3, 30)
    """Time of day at the site for the backup and the check of the file."""
    ballast_mb: Annotated[int, Field(ge=0, le=1_000)] = 32
    """Room kept beside the ledger, and given up when the disk is full, so that alerts are still written."""


class Influx(Shape):
    url: str
    version: Literal[1, 2] = 2
    """1: InfluxDB 1.x by `/write`. 2: everything that answers `/api/v2/write`."""
    org: str = "naruko"
    bucket: str = "naruko"
    """With version 1 the name of the database."""
    username: str | None = None
    token: SecretStr | None = None
    token_file: Path | None = None


class Grafana(Shape):
    """Where Grafana is, for `naruko doctor` alone: the hub itself never asks it."""

    url: str
    token: SecretStr | None = None
    """Of a service account that may see data sources."""
    token_file: Path | None = None


class Deadman(Shape):
    """Who outside notices when this hub falls silent: a healthchecks server, or any other web server."""

    url: SecretStr | None = None
    """Asked by GET while the hub lives, and with `/fail` behind it where it is in trouble."""
    url_file: Path | None = None
    every: Duration = 60_000


class Console(Shape):
    """The operators' pages, for users who log in: `naruko user add`."""

    identity_header: str = ""
    """Where the town has single sign-on: the header in which its reverse proxy says who it is."""
    groups_header: str = ""
    """And the header with the groups of that person, with commas between."""
    roles: dict[str, ConsoleRole] = Field(default={})
    """Group -> role. Who is in none of them is a viewer."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies whose word counts; from everybody else those headers are ignored."""


class Web(Shape):
    """The hub's own pages. On loopback unless said otherwise; `site.hub_url` is how phones reach them."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8470
    """0: any free one."""
    link_lasts: Duration = 86_400_000
    """A link in a message is good for so long, and as long as its alert is open."""
    photos: Path = Path("photos")
    """Where pictures of captures are kept."""
    keep_photos: Duration = 400 * 86_400_000
    console: Console | None = None
    metrics_token: SecretStr | None = None
    """With it `/metrics` may be read from elsewhere, as a bearer; without, on this machine alone."""
    metrics_token_file: Path | None = None


class WebPush(Shape):
    """How the hub proves to the browsers' push services who it is (VAPID, RFC 8292)."""

    key_file: Path
    """Its private key, as PEM."""
    subject: str
    """`mailto:` or `https://`: whom a push service may write to."""
    services: tuple[str, ...] = (
        "fcm.googleapis.com",
        "push.services.mozilla.com",
        "push.apple.com",
        "notify.windows.com",
    )
    """Hosts, and all beneath them, to which the hub sends for a browser that subscribes on a page."""


class LogSettings(Shape):
    """What the hub writes to standard error while it runs."""

    format: Literal["text", "json"] = "text"
    """json: one object a line."""
    level: Literal["debug", "info", "warning", "error"] = "info"


class Hub(Shape):
    """hub.yaml"""

    site: Site
    mqtt: Mqtt = Mqtt()
    ledger: LedgerSettings = LedgerSettings()
    influx: Influx | None = None
    grafana: Grafana | None = None
    deadman: Deadman | None = None
    web: Web | None = None
    web_push: WebPush | None = None
    log: LogSettings = LogSettings()
    channels: dict[ChannelKind, SecretStr] = Field(default={})
    """Apprise URL of a kind of channel with `{address}` in it, for people who have but an address."""
