"""What the page Now says of drills, silences, sirens, silent devices, and of whom an alert has reached."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from hub.console.acting import to_morning
from hub.console.pages.alert import _message
from hub.console.views.open_alerts import silent_until
from hub.detect.health import DeviceHealth
from hub.deterrent import DeterrentState
from hub.ledger.reads import OVERTAKEN
from hub.ledger.views import alerts as ledger_alerts
from hub.model import Act, Mode, Severity, Status
from tests.desks import desk, opened, says
from tests.timeline import CUT, SPRUNG
from tests.towns import HOUR


async def test_of_a_drill_the_word_drill_comes_first_also_when_it_is_over(tmp_path: Path) -> None:
    async with desk(tmp_path) as yamada:
        form = {"minutes": "30", "targets": "kind/trap"}
        await yamada.hub.do(Act(0, 0, "bosai", "cli", "drill_start", "site", form=form))
        await says(yamada, "trap-1", SPRUNG)
        alert = opened(yamada, "trap")
        assert alert.mode is Mode.EXERCISE
        device = (await yamada.get("/console/devices/trap-1")).text
        assert "<strong>EXERCISE</strong> " in device.partition(f"/console/alerts/{alert.id}")[2][:200]
        await yamada.sends("/console", do="close", alert=alert.id)
        page = (await yamada.get("/console")).text
        over = page.partition('id="over"')[2]
        assert over.index("EXERCISE") < over.index("Trap 12")
        last = page.partition("The last one:")[0]
        assert "EXERCISE" in last.rpartition("<p>")[2]


async def test_work_that_is_only_planned_hides_no_silent_device(tmp_path: Path) -> None:
    async with desk(tmp_path) as yamada:
        now = yamada.hub.clock.now()
        yamada.hub.pipeline.state.put(
            "health", "cam", DeviceHealth(known_since=1, last_seen=1, silent_at=now)
        )
        start = datetime.fromtimestamp((now + 5 * HOUR) / 1000, UTC).isoformat()
        form = {"minutes": "60", "start": start}
        await yamada.hub.do(Act(0, 0, "bosai", "cli", "maintenance", "cam", form=form))
        assert "cam" in yamada.hub.pipeline.state.rooms["maintenance"]
        assert "Silent devices: 1" in (await yamada.get("/console")).text


async def test_what_all_its_zones_silence_is_marked_and_what_is_for_life_is_not(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as yamada:
        hub = yamada.hub
        await says(yamada, "trap-1", SPRUNG)
        alert, geofence = opened(yamada, "trap"), hub.pipeline.geofence
        found = alert.zones or geofence.zones_at(alert.lat, alert.lon)
        zones = [zone for zone in found if zone.startswith(("hunting", "paddy"))]
        assert zones
        for zone in zones:
            assert "Silenced until" not in (await yamada.get("/console")).text
            await hub.do(Act(0, 0, "bosai", "cli", "silence", f"zone/{zone}"))
        assert "Silenced until" in (await yamada.get("/console")).text
        grave = replace(alert, severity=Severity.LIFE)
        assert silent_until(grave, hub.town, geofence, hub.pipeline.state, hub.clock.now()) is None


async def test_a_siren_that_has_said_it_is_done_is_not_at_work(tmp_path: Path) -> None:
    async with desk(tmp_path, sirens=("siren-1", "siren-2")) as yamada:
        state, until = yamada.hub.pipeline.state, yamada.hub.clock.now() + HOUR
        state.put(
            "deterrent", "siren-1", DeterrentState(command="x/siren-1/1", until=until, result="refused")
        )
        assert "Stop siren-1" not in (await yamada.get("/console")).text
        state.put("deterrent", "siren-2", DeterrentState(command="x/siren-2/1", until=until))
        assert "Stop siren-2" in (await yamada.get("/console")).text


async def test_where_more_were_told_than_are_counted_the_page_says_many_and_never_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as yamada:
        await says(yamada, "trap-1", SPRUNG)
        await says(yamada, "wire", CUT)
        page = (await yamada.get("/console")).text
        assert page.count("reached: ") == 2
        monkeypatch.setattr(ledger_alerts, "MOST_TOLD", 1)
        page = (await yamada.get("/console")).text
        assert page.count("Told: many people") == 2
        assert "Nobody has been told yet" not in page


async def test_a_message_that_was_only_overtaken_has_not_failed(tmp_path: Path) -> None:
    async with desk(tmp_path) as yamada:
        await says(yamada, "trap-1", SPRUNG)
        id = opened(yamada, "trap").id
        assert "it began" in (await yamada.get(f"/console/alerts/{id}")).text
        hub = yamada.hub
        call = SimpleNamespace(town=hub.town, now=hub.clock.now())
        one = replace(
            hub.ledger.notifications_of(id)[0], status=Status.EXPIRED, finished_at=1, error=OVERTAKEN
        )
        assert _message(one, call, "en")["result"] == "overtaken"  # type: ignore[arg-type]


def test_a_silence_until_the_morning_ends_at_7_also_where_the_clock_is_put_forward() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    evening = round(datetime(2026, 3, 28, 23, 0, tzinfo=berlin).timestamp() * 1000)
    assert to_morning(evening, berlin) == 7 * 60
    assert to_morning(evening, ZoneInfo("Asia/Tokyo")) == 24 * 60
