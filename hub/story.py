"""What the hub did, told in the terminal as it happens: who was told what, why, with the map link."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from devices.frame import Millis
from hub import maps
from hub.config.shapes import Role
from hub.config.town import Town
from hub.days import wall
from hub.links import Links, Purpose
from hub.model import Alert, Command, Event, EventKind, Notification, Outcome, Reason, Severity, Status
from hub.telling.audience import ON_CALL
from hub.wording.values import words

COLOURS = {
    Severity.NOTICE: "cyan",
    Severity.CAUTION: "yellow",
    Severity.WARNING: "red",
    Severity.DANGER: "bold magenta",
    Severity.LIFE: "bold white on black",
}
"""After the colours of 警戒レベル (Cabinet Office, 2020-05-29), made readable on light and dark."""

UNTOLD = frozenset({EventKind.ANIMAL_SUSPECT, EventKind.ANIMAL_MOVED})

EVENTS = {
    EventKind.ANIMAL_SEEN: ("動物", "animal seen"),
    EventKind.RETURNED: ("動物 再来", "animal back"),
    EventKind.ANIMAL_GONE: ("動物 終了", "animal gone"),
    EventKind.TRAP_SPRUNG: ("わな作動", "trap sprung"),
    EventKind.TRAP_SILENT: ("わな 連絡なし", "sprung trap silent"),
    EventKind.TRAP_RESET: ("わな 完了", "trap reset"),
    EventKind.TASK_TAKEN: ("対応者 決定", "task taken"),
    EventKind.TASK_JOINED: ("一緒に行く", "one more goes"),
    EventKind.TASK_ARRIVED: ("現場 到着", "on site"),
    EventKind.TASK_LEFT: ("行けない", "cannot go"),
    EventKind.TASK_LAPSED: ("連絡なし", "promise ran out"),
    EventKind.TASK_OVERDUE: ("未対応", "nobody goes"),
    EventKind.TASK_QUIET: ("現場から 連絡なし", "no word from the site"),
    EventKind.TASK_DONE: ("対応 完了", "task done"),
    EventKind.PATROL_MISSING: ("見回り 未記録", "round not recorded"),
    EventKind.PATROL_DONE: ("見回り 終了", "round over"),
    EventKind.ACKNOWLEDGED: ("確認", "seen by somebody"),
    EventKind.REPEATED: ("続報", "told again"),
    EventKind.LABELLED: ("報告", "labelled"),
    EventKind.CONFIRMED: ("本当", "confirmed"),
    EventKind.CANCELLED: ("取消", "cancelled"),
    EventKind.CLOSED: ("終了", "closed"),
    EventKind.DRILL_OVER: ("訓練 終了", "drill over"),
    EventKind.CLOCK_WRONG: ("時計 ずれ", "clock wrong"),
    EventKind.CLOCK_RIGHT: ("時計 良好", "clock right again"),
    EventKind.MESSAGES_MISSED: ("届かないデータ", "messages missed"),
    EventKind.LEVEL_UP: ("水位 上昇", "river up"),
    EventKind.LEVEL_DOWN: ("水位 低下", "river down"),
    EventKind.LEVEL_CLEAR: ("水位 平常", "river back to normal"),
    EventKind.LEVEL_UNVERIFIED: ("水位 要確認", "level to be checked"),
    EventKind.LEVEL_VERIFIED: ("水位 確認", "level checked"),
    EventKind.DEBRIS_FLOW: ("土石流", "debris flow"),
    EventKind.DEBRIS_CONFIRMED: ("土石流 確認", "debris flow confirmed"),
    EventKind.DEBRIS_CANCEL: ("土石流 取消", "debris flow cancelled"),
    EventKind.SLOPE_MOVED: ("斜面 要確認", "slope to be checked"),
    EventKind.DEVICE_SILENT: ("機器 停止", "device silent"),
    EventKind.DEVICE_BACK: ("機器 復旧", "device back"),
    EventKind.GATEWAY_SILENT: ("中継機 停止", "gateway silent"),
    EventKind.GATEWAY_BACK: ("中継機 復旧", "gateway back"),
    EventKind.BATTERY_LOW: ("電池 交換", "battery low"),
    EventKind.BATTERY_OK: ("電池 良好", "battery well again"),
    EventKind.BABBLING: ("送信 過多", "device babbles"),
    EventKind.BABBLING_OVER: ("送信 正常", "babbling over"),
    EventKind.HUB_TROUBLE: ("ハブ 異常", "hub in trouble"),
    EventKind.HUB_WELL: ("ハブ 復旧", "hub well again"),
    EventKind.DEVICE_FLAPPING: ("機器 不安定", "device unsteady"),
    EventKind.DEVICE_STEADY: ("機器 安定", "device steady"),
}

REASONS = {
    Reason.OPENED: ("発生", "it began"),
    Reason.ESCALATED: ("悪化", "it grew worse"),
    Reason.SPREAD: ("近くに来た", "it reached their ground"),
    Reason.UPDATED: ("続報", "it goes on"),
    Reason.FALLING: ("低下", "it is falling"),
    Reason.CLEARED: ("終了", "it is over"),
    Reason.CANCELLED: ("取消", "it was a false alarm"),
    Reason.UNVERIFIED: ("要確認", "a person must look"),
    Reason.REPEATED: ("再度", "again"),
    Reason.REPORTED: ("定時", "at its hour"),
    Reason.TAKEN: ("対応者決定", "somebody goes"),
    Reason.DONE: ("完了", "it is dealt with"),
    Reason.OVERDUE: ("未対応", "nobody goes"),
    Reason.SUMMARY: ("まとめ", "held in a storm"),
}

ROLES = {
    Role.FARMER: ("農家", "farmer"),
    Role.HUNTER: ("猟友会", "hunter"),
    Role.PATROL: ("パトロール", "patrol"),
    Role.OFFICIAL: ("職員", "official"),
    Role.OPERATOR: ("運用", "operator"),
    Role.CORPS: ("消防団", "flood corps"),
    Role.RESIDENT: ("住民", "resident"),
    Role.WELFARE: ("福祉", "welfare"),
}

OTHER = {
    "sound": ("サイレン", "siren"),
    "light": ("光", "flash"),
    "both": ("サイレンと光", "siren and flash"),
    "orders": ("に命令：", ": "),
    "until": ("秒以内、パターン", "s at most, pattern"),
    "unconfirmed": ("未確認", "unconfirmed"),
    "messages": ("件受信", "messages"),
    "speed": ("倍速", "times real time"),
    "page": ("電話のページ", "page on the phone of"),
    "console": ("管理画面：", "console:"),
    "user": ("利用者名", "user"),
    "password": ("パスワード", "password"),
    "flat_out": ("最高速", "as fast as it goes"),
    "house": (
        "ブローカー、ハブ、通知先の電話はすべてこの機械の中。外には何も送りません。終了は Ctrl-C。",
        "Broker, hub and everybody's phone are in this machine; nothing leaves it. Ctrl-C ends.",
    ),
}


class Story:
    """Prints outcomes. `lang` ja or en: one line for an event, then what was said, why, and to whom."""

    def __init__(self, town: Town, console: Console, lang: str) -> None:
        self.town = town
        self.console = console
        self.lang = lang
        self.links: Links | None = None
        """To the hub's pages; None: it has none."""
        self.console_login: tuple[str, str, str] | None = None
        """Address of the operators' console, user, password."""
        self._ahead: list[tuple[Millis, str]] = []
        self._status = console.status("", spinner="dots")

    def say(self, pair: Sequence[str]) -> str:
        """The Japanese or the English of two."""
        return pair[self.lang != "ja"]

    def begin(self, speed: float | None, chapters: Iterable[tuple[Millis, str, str]]) -> None:
        """The opening lines; a chapter's title comes with the first event after its instant."""
        site = self.town.site
        how = f"{speed:g} {self.say(OTHER['speed'])}" if speed else self.say(OTHER["flat_out"])
        self.console.print(Text.assemble((self.say((site.name, site.name_en)), "bold"), f"   {how}"))
        self.console.print(Text(self.say(OTHER["house"]), "dim"))
        if self.console_login:
            address, user, password = self.console_login
            said = f"{self.say(OTHER['console'])} {address}  {self.say(OTHER['user'])} {user}"
            self.console.print(
                Text(f"{said}  {self.say(OTHER['password'])} {password}", "bold blue"), soft_wrap=True
            )
        self._ahead = [(at, self.say((ja, en))) for at, ja, en in chapters]
        if self.console.is_terminal:
            self._status.start()

    def progress(self, now: Millis, messages: int) -> None:
        """The line at the foot of a terminal: the simulated time, and what has come."""
        self._status.update(
            f"[dim]{self._local(now):%m/%d %H:%M}  {messages:,} {self.say(OTHER['messages'])}"
        )

    def outcome(self, outcome: Outcome) -> None:
        """Everything of one commit that a person would want to hear of."""
        alerts = {alert.incident: alert for alert in outcome.alerts}
        for event in outcome.events:
            if event.kind not in UNTOLD:
                self._chapters(event.received_at)
                self._event(event, alerts.get(event.incident))
        for command in outcome.commands:
            self._command(command)
        for alert in {alert.id: alert for alert in outcome.alerts}.values():
            told = [n for n in outcome.notifications if n.status is not Status.HELD]
            self._told(alert, [n for n in told if n.alert_id == alert.id])

    def _chapters(self, now: Millis) -> None:
        while self._ahead and self._ahead[0][0] <= now:
            at, title = self._ahead.pop(0)
            if not self._ahead or self._ahead[0][0] > now:
                self.console.print()
                self.console.rule(
                    Text(f"{title}  {self._local(at):%m/%d %H:%M}", "bold"), align="left", style="dim"
                )

    def _event(self, event: Event, alert: Alert | None) -> None:
        device = self.town.devices.get(event.device)
        name = self.say((device.name, device.name_en)) if device else event.device
        colour = COLOURS[alert.severity] if alert else "default"
        line = Text.assemble(
            (f"{self._local(event.at):%H:%M}  ", "bold"), (self.say(EVENTS[event.kind]), colour), f"  {name}"
        )
        for said in self._facts(event):
            line.append(f"  {said}", "dim")
        self.console.print(line)

    def _facts(self, event: Event) -> Iterable[str]:
        if event.species:
            known = words()["species"]
            yield self.say(known.get(event.species, known["unknown"]))
        if event.kind in (EventKind.LEVEL_UP, EventKind.LEVEL_DOWN, EventKind.LEVEL_CLEAR):
            yield self.say(words()["threshold"][event.level or event.detail])
        if event.value is not None and "level" in event.kind:
            yield f"{event.value:.2f} m"
        if event.value is not None and "battery" in event.kind:
            yield f"{event.value:.2f} V"
        if not event.confirmed:
            yield self.say(OTHER["unconfirmed"])

    def _command(self, command: Command) -> None:
        device = self.town.devices[command.device]
        how = "both" if command.sound and command.light else "sound" if command.sound else "light"
        seconds = (command.until - command.created_at) / 1000
        order = f"{self.say((device.name, device.name_en))}{self.say(OTHER['orders'])}{self.say(OTHER[how])}"
        limit = f"{seconds:.0f} {self.say(OTHER['until'])} {command.pattern}"
        self.console.print(Text.assemble((f"       ⚑ {order}", "yellow"), (f"  {limit}", "dim")))

    def _told(self, alert: Alert, notifications: Sequence[Notification]) -> None:
        for title in dict.fromkeys(n.title or n.body for n in notifications):
            same = [n for n in notifications if (n.title or n.body) == title]
            colour, why = COLOURS[same[0].severity], self.say(REASONS[same[0].reason])
            self.console.print(
                Padding(Text.assemble("→ ", (title, colour), (f"  {why}", "italic")), (0, 0, 0, 7))
            )
            for line in _lines(self._people(same), self.console.width - 10):
                self.console.print(Text(f"         {line}", "dim"))
        if notifications and alert.lat is not None and alert.lon is not None:
            self.console.print(
                Text(f"         {maps.google_link(alert.lat, alert.lon)}", "blue"), soft_wrap=True
            )
        self._page(notifications)

    def _page(self, notifications: Sequence[Notification]) -> None:
        """Of a new alert, the page that one who was told opens on the phone: a hunter, where one was."""
        opened = [n for n in notifications if n.reason is Reason.OPENED and n.recipient in self.town.people]
        if not self.links or not opened:
            return
        goes = (n for n in opened if ON_CALL.intersection(self.town.people[n.recipient].roles))
        told = next(goes, opened[0])
        url = self.links.of_notification(Purpose.ALERT, told.id)
        name = self.town.people[told.recipient].name
        self.console.print(
            Text(f"         {self.say(OTHER['page'])} {name}: {url}", "bold blue"), soft_wrap=True
        )

    def _people(self, notifications: Sequence[Notification]) -> Iterable[str]:
        """`水田 守 (farmer: mail ntfy)`."""
        by: dict[str, list[str]] = {}
        for notification in notifications:
            by.setdefault(notification.recipient, []).append(notification.channel_kind)
        for id, channels in by.items():
            person = self.town.people.get(id)  # None: has enrolled on the page
            role = f"{self.say(ROLES[person.roles[0]])}: " if person else ""
            yield f"{person.name if person else id} ({role}{' '.join(channels)})"

    def _local(self, at: Millis) -> datetime:
        return wall(at, self.town.zone_info)

    def summary(self, report: dict[str, Any]) -> None:
        """What it came to, in three lines."""
        self._status.stop()
        notifications = report["notifications"]
        sent = sorted(n["latency_ms"] for n in notifications if n["status"] == "sent")
        self.console.print()
        self.console.rule(style="dim")
        self.console.print("  ".join(f"{name} {count:,}" for name, count in report["counts"].items()))
        self.console.print(
            f"alerts {len(report['alerts'])}  notifications {len(notifications)}  sent {len(sent)}"
        )
        if sent:
            self.console.print(
                f"from decision to phone: median {sent[len(sent) // 2]} ms, longest {sent[-1]} ms"
            )


def _lines(words: Iterable[str], width: int) -> Iterable[str]:
    """As many to a line as fit; none is broken."""
    line = ""
    for word in words:
        if line and cell_len(line) + 2 + cell_len(word) > width:
            yield line
            line = ""
        line = f"{line}  {word}" if line else word
    yield line
