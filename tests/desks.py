"""The village with users at the console, and alerts as a desk may see them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from msgspec.structs import replace as replaced

from hub.config.settings import Console
from hub.console.users import ConsoleRole
from hub.model import Alert, Message, Severity, Stage, Task
from tests.consoles import Visitor, console
from tests.hubs import Told, up
from tests.paged import village
from tests.towns import MINUTE, siren


def alert(
    number: int = 0, kind: str = "trap", severity: Severity = Severity.WARNING, **more: object
) -> Alert:
    return replaced(
        Alert(
            id=f"{kind}-{number:010x}",
            incident=f"{kind}/{number}",
            kind=kind,
            severity=severity,
            device="trap-1",
            opened_at=number,
            updated_at=number,
            lat=None,
            lon=None,
            place="東山 一本杉",
            place_en="East hill",
        ),
        **more,
    )


def many(count: int, now: int) -> list[Alert]:
    """Of all kinds and ranks, with names as long as they come."""
    kinds = ["trap", "animal", "bear", "river", "debris", "silent", "battery", "gateway"]
    long = "東山 一本杉の奥 林道終点から沢沿いに三百メートル上流 炭焼き窯跡の下 水口のわき"
    long_en = "East hill, behind the lone cedar, 300 m up the stream from the end of the forest road"
    found = []
    for number in range(count):
        kind, since = kinds[number % len(kinds)], now - number * 7 * MINUTE
        task = Task(Stage.WAITING, waiting_since=since) if kind in ("trap", "animal") else None
        found.append(
            alert(
                number,
                kind,
                Severity(number % 5),
                device={"river": "gauge", "debris": "wire", "animal": "cam"}.get(kind, "trap-1"),
                place=long if number % 3 == 0 else "上田 水口",
                place_en=long_en if number % 3 == 0 else "Ueda inlet",
                species="boar" if kind == "animal" else "",
                level="danger" if kind == "river" else "",
                opened_at=since,
                updated_at=since + MINUTE,
                task=task,
                acknowledged={"user:yamada": now, "bosai": now} if number % 4 == 3 else {},
                lat=36.06,
                lon=137.97,
            )
        )
    return found


@asynccontextmanager
async def desk(
    folder: Path, told: Told | None = None, sirens: tuple[str, ...] = (), **users: ConsoleRole
) -> AsyncIterator[Visitor]:
    """The village with these sirens, and users; the first is logged in."""
    made = village(folder)
    made = replace(made, devices=made.devices | {id: siren(id) for id in sirens})
    web = made.hub.web.model_copy(update={"console": Console()})
    made = replace(made, hub=made.hub.model_copy(update={"web": web}))
    async with console(folder, made, told, **(users or {"yamada": ConsoleRole.OPERATOR})) as visitor:
        await visitor.logs_in(next(iter(users), "yamada"))
        yield visitor


async def says(visitor: Visitor, device: str, *events: dict[str, object], **measures: float) -> None:
    hub, now = visitor.hub, visitor.hub.clock.now()
    said = {"e": list(events)} if events else {"m": measures}
    await hub.handle([Message(f"naruko/{hub.town.site.id}/{device}/up", up(now % 9_999, now, **said), now)])


def opened(visitor: Visitor, kind: str) -> Alert:
    return next(a for a in visitor.hub.pipeline.state.alerts.values() if a.kind == kind)
