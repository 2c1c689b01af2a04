"""How a look at the hub reads in a terminal: rows of words, in Japanese or English, at any width. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from devices.frame import Millis
from hub.config.town import Town
from hub.model import Mode, Severity
from hub.status import MB, Alert, Device, Quiet, Report, Siren, Trouble
from hub.wording import format_time
from hub.wording.columns import columns
from hub.wording.files import read
from hub.wording.values import clean, words

NAMED = 3
"""Devices of a row that are named."""
ALERTS = 5
LONGEST_NAME = 24
NARROWEST = 30
LABEL = 12
"""Columns of the first word of a row, with the room behind it."""
GAP = "  "
GB = 1_000 * MB
MEBIBYTE = 1024 * 1024
"""In which hub.yaml states the ledger's limit."""
MINUTE, HOUR = 60_000, 3_600_000
STOPS = ("、", "。", "：")
RESET = "\x1b[0m"
PLAIN, GOOD, DOUBTFUL, BAD, HEAD = "", "32", "33", "31", "1"
SEVERITIES = {
    Severity.NOTICE: "36",
    Severity.CAUTION: "33",
    Severity.WARNING: "31",
    Severity.DANGER: "1;35",
    Severity.LIFE: "1;7",
}
"""SGR numbers (ECMA-48), by the colours of the levels; LIFE is reversed. The words say it too."""


class Row(NamedTuple):
    """`label`, then `parts` that are kept whole where there is room."""

    label: str
    parts: Sequence[str]
    tone: str = PLAIN
    indent: int = 0
    """Columns of the label."""


def lines(report: Report, town: Town, lang: str, width: int, *, colour: bool) -> list[str]:
    """As many as it takes, none wider than `width` columns (30 at least)."""
    width = max(width, NARROWEST)
    telling = _Telling(report, town, lang)
    found = []
    for row in telling.rows():
        for line in _folded(row, width):
            found.append(f"\x1b[{row.tone}m{line}{RESET}" if colour and row.tone else line)
    return found


class _Telling:
    def __init__(self, report: Report, town: Town, lang: str) -> None:
        self.report = report
        self.town = town
        self.lang = int(lang != "ja")

    def rows(self) -> Iterator[Row]:
        """What matters most comes first: a small terminal shows the beginning."""
        yield from self._head()
        yield self._hub()
        if self.report.hub.state == "no_ledger":
            return
        yield self._broker()
        yield from self._alerts()
        yield self._sirens()
        yield self._devices()
        yield self._outbox()
        yield self._troubles()
        yield self._quiet()
        yield self._ledger()
        yield self._influx()
        yield self._backup()

    # --- row by row -----------------------------------------------------------------------------

    def _head(self) -> Iterator[Row]:
        report = self.report
        name = self.of(report.name, report.name_en)
        yield Row("", (name, self.time(report.now)), HEAD)
        if report.hub.state in ("stopped", "no_ledger"):
            yield Row("", (self.says("verdict", report.hub.state),), BAD)
        elif report.needs:
            needs = (self.says("need", need) for need in report.needs)
            yield Row("", (self.says("verdict", "to_do"), *needs), BAD)
        else:
            yield Row("", (self.says("verdict", "well" if report.hub.state == "ready" else "unasked"),), GOOD)

    def _hub(self) -> Row:
        hub = self.report.hub
        parts = [self.says("hub", hub.state, path=self.town.hub.ledger.path.absolute())]
        parts += [self.says("hub", reason) for reason in hub.reasons]
        if hub.since_at:
            parts.append(self.says("hub", "since", time=self.time(hub.since_at)))
        if hub.pid:
            parts.append(self.says("hub", "pid", pid=hub.pid))
        if hub.state not in ("ready", "not_ready") and hub.written_at:
            parts.append(self.says("hub", "written", time=self.ago(hub.written_at)))
        return self.row("hub", parts, GOOD if hub.state == "ready" else PLAIN if hub.state == "runs" else BAD)

    def _broker(self) -> Row:
        broker = self.report.broker
        state = {True: "connected", False: "away", None: "unknown"}[broker.connected]
        parts = [self.says("broker", state, where=broker.where)] if self.report.hub.pid is not None else []
        if broker.heard_at:
            parts.append(self.says("broker", "heard", time=self.ago(broker.heard_at)))
        else:
            parts.append(self.says("broker", "never"))
        return self.row("broker", parts, BAD if broker.connected is False else PLAIN)

    def _alerts(self) -> Iterator[Row]:
        alerts = self.report.alerts
        if not alerts:
            yield self.row("alerts", (self.says("alerts", "none"),))
            return
        yield self.row("alerts", (self.says("alerts", "count", count=len(alerts)),))
        for alert in alerts[:ALERTS]:
            yield self._alert(alert)
        if (more := len(alerts) - ALERTS) > 0:
            yield Row("", (self.says("alerts", "more", count=more),), indent=len(GAP))

    def _alert(self, alert: Alert) -> Row:
        known = alert.kind in _texts()["kind"]
        parts = [
            self.says("kind", alert.kind if known else "other"),
            self.short(self.of(alert.place, alert.place_en)),
            self.says("alerts", "since", time=self.time(alert.opened_at)),
        ]
        if alert.waiting:
            parts.append(self.says("alerts", "nobody"))
        first = self.says("severity", str(alert.severity))
        if alert.mode != Mode.ACTUAL:
            parts.insert(0, first)
            first = self.says("mode", alert.mode)
        widest = max(columns(pair[self.lang]) for pair in _texts()["severity"].values())
        tone = SEVERITIES[Severity(alert.severity)]
        return Row(GAP + first, parts, tone, len(GAP) + widest + len(GAP))

    def _sirens(self) -> Row:
        sirens = self.report.sirens
        parts = [
            self.says("sirens", "left", name=self.device(siren), seconds=self.seconds_to(siren.until_at))
            for siren in sirens[:NAMED]
        ]
        parts += [self.more(len(sirens))] if len(sirens) > NAMED else []
        return self.row("sirens", parts or (self.says("sirens", "none"),), DOUBTFUL if sirens else PLAIN)

    def _devices(self) -> Row:
        devices = self.report.devices
        if devices is None:
            return self.row("devices", ())
        parts = [self.says("devices", "all", count=devices.count)]
        for state, some in (("silent", devices.silent), ("low", devices.battery_low)):
            if some:
                named = [self.device(device) for device in some[:NAMED]]
                named += [self.more(len(some))] if len(some) > NAMED else []
                parts.append(self.says("devices", state, count=len(some), names=self.comma(named)))
        if len(parts) == 1:
            return self.row("devices", (*parts, self.says("devices", "well")))
        return self.row("devices", parts, DOUBTFUL)

    def _outbox(self) -> Row:
        outbox = self.report.outbox
        if outbox is None or not outbox.waiting or outbox.oldest_at is None:
            return self.row("outbox", (self.says("outbox", "none"),))
        kinds = (f"{self.channel(kind)} {number}" for kind, number in outbox.channels.items())
        parts = (
            self.says("outbox", "waiting", count=f"{outbox.waiting:,}"),
            self.comma(kinds),
            self.says("outbox", "oldest", time=self.time(outbox.oldest_at)),
        )
        return self.row("outbox", parts, BAD if "outbox" in self.report.needs else PLAIN)

    def _troubles(self) -> Row:
        troubles = self.report.troubles
        parts = [
            self.says("troubles", "since", what=self.trouble(one), time=self.time(one.since_at))
            for one in troubles
        ]
        return self.row("troubles", parts or (self.says("troubles", "none"),), BAD if troubles else PLAIN)

    def _quiet(self) -> Row:
        quiet = self.report.quiet
        parts = [
            self.says("quiet", one.what, name=self.target(one), time=self.time(one.until_at))
            for one in quiet[:NAMED]
        ]
        parts += [self.more(len(quiet))] if len(quiet) > NAMED else []
        return self.row("quiet", parts or (self.says("quiet", "none"),), DOUBTFUL if quiet else PLAIN)

    def _ledger(self) -> Row:
        store = self.report.ledger
        if store is None:
            return self.row("ledger", ())
        used, limit = (round(bytes / MEBIBYTE) for bytes in (store.size, store.limit))
        parts = [self.says("ledger", "size", used=f"{used:,}", limit=f"{limit:,}")]
        if store.disk_free is not None:
            parts.append(self.says("ledger", "free", free=_size(store.disk_free)))
        return self.row("ledger", parts, BAD if "ledger" in self.report.needs else PLAIN)

    def _influx(self) -> Row:
        influx = self.report.influx
        if influx is None:
            return self.row("influx", (self.says("influx", "none"),))
        if not influx.behind or influx.oldest_at is None:
            return self.row("influx", (self.says("influx", "level"),))
        parts = (
            self.says("influx", "behind", count=f"{influx.behind:,}"),
            self.says("influx", "oldest", time=self.time(influx.oldest_at)),
        )
        return self.row("influx", parts, BAD if "influx" in self.report.needs else PLAIN)

    def _backup(self) -> Row:
        backup, parts = self.report.backup, []
        if backup and backup.failed_at:
            parts.append(self.says("backup", "failed", time=self.time(backup.failed_at)))
        if backup and backup.good_at:
            parts.append(self.says("backup", "good", time=self.time(backup.good_at)))
        tone = BAD if "backup" in self.report.needs else PLAIN
        return self.row("backup", parts or (self.says("backup", "none"),), tone)

    # --- words ----------------------------------------------------------------------------------

    def says(self, group: str, key: str, **values: object) -> str:
        return _texts()[group][key][self.lang].format(**values)

    def row(self, label: str, parts: Sequence[str], tone: str = PLAIN) -> Row:
        return Row(self.says("row", label), parts, tone, LABEL)

    def of(self, japanese: str, english: str) -> str:
        return clean(english or japanese if self.lang else japanese)

    def short(self, text: str) -> str:
        return cut(text, LONGEST_NAME)

    def device(self, device: Device | Siren) -> str:
        return self.short(self.of(device.name, device.name_en))

    def target(self, quiet: Quiet) -> str:
        """By its name where the town has one for it."""
        what, _, id = quiet.target.rpartition("/")
        places = self.town.zones if what == "zone" else self.town.devices if what in ("", "device") else {}
        if quiet.what != "drill" and (place := places.get(id)):
            return self.short(self.of(place.name, place.name_en))
        if what == "kind" and id in _texts()["kind"]:
            return self.says("kind", id)
        return self.short(clean(quiet.target))

    def time(self, at: Millis) -> str:
        return format_time(at, self.report.now, self.town.zone_info)

    def ago(self, at: Millis) -> str:
        """Within the last hour how long it is; else its time."""
        past = self.report.now - at
        if 0 <= past < MINUTE:
            return self.says("ago", "seconds", number=past // 1000)
        if MINUTE <= past < HOUR:
            return self.says("ago", "minutes", number=past // MINUTE)
        return self.time(at)

    def seconds_to(self, at: Millis) -> int:
        return -(-(at - self.report.now) // 1000)

    def comma(self, texts: Iterable[str]) -> str:
        return ("、", ", ")[self.lang].join(texts)

    def more(self, count: int) -> str:
        return self.says("devices", "more", count=count - NAMED)

    def channel(self, kind: str) -> str:
        known = words()["channel"]
        return known.get(kind, known["other"])[self.lang]

    def trouble(self, trouble: Trouble) -> str:
        """As the hub's own alerts name it; of a channel also which one."""
        what, _, rest = trouble.what.partition("/")
        known = words()["trouble"]
        said = known.get(what, known["unknown"])[self.lang]
        kind, _, key = rest.partition("/")
        return " ".join(part for part in (said, self.channel(kind) if kind else "", key) if part)


@cache
def _texts() -> dict[str, dict[str, tuple[str, str]]]:
    groups = read(Path(__file__).parents[1] / "wording" / "status.yaml")
    return {group: {key: (ja, en) for key, (ja, en) in keys.items()} for group, keys in groups.items()}


def _size(bytes: int) -> str:
    return f"{bytes / GB:.1f} GB" if bytes >= GB else f"{bytes / MB:.0f} MB"


# --- columns ----------------------------------------------------------------------------------------


def cut(text: str, width: int) -> str:
    """With two dots where something is missing."""
    if columns(text) <= width:
        return text
    return f"{text[: _beginning(text, width - 2)]}.."


def _folded(row: Row, width: int) -> Iterator[str]:
    """Label and parts, on as many lines as it takes; below the first, the parts keep their column."""
    room = width - row.indent
    label = row.label + " " * max(0, row.indent - columns(row.label))
    line = ""
    for part in row.parts:
        joined = f"{line}{GAP}{part}" if line else part
        if columns(joined) <= room:
            line = joined
            continue
        *full, rest = _pieces(part, room)
        for done in (*([line] if line else ()), *full):
            yield f"{label}{done}"
            label = " " * row.indent
        line = rest
    yield f"{label}{line}".rstrip()


def _pieces(text: str, room: int) -> Iterator[str]:
    """What is too long for a line, broken behind a space or a comma where there is one far enough on."""
    while columns(text) > room:
        full = _beginning(text, room)
        at = max(text.rfind(" ", 0, full + 1), *(text.rfind(stop, 0, full) + 1 for stop in STOPS))
        at = at if at > full // 3 else full
        yield text[:at].rstrip()
        text = text[at:].lstrip()
    yield text


def _beginning(text: str, room: int) -> int:
    """How many characters fit."""
    taken = 0
    for number, char in enumerate(text):
        taken += columns(char)
        if taken > room:
            return number
    return len(text)
