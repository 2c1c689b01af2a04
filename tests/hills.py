"""A trap in the hills with its people, for tests of its life."""

from dataclasses import replace

from hub.config.contacts import Contact
from hub.config.policy import TrapPolicy
from hub.config.town import Town
from hub.model import Alert
from tests.timeline import SPRUNG, Timeline
from tests.towns import person, square, town, trap

SEROW = Contact(
    species="serow",
    do="傷つけないでください。",
    do_en="Do not harm it.",
    call="教育委員会 0263-00-0001",
    call_en="Board of Education 0263-00-0001",
)
BEAR = Contact(
    species="bear",
    do="だれも近づかないでください。",
    do_en="Nobody goes near.",
    call="役場 0263-00-0002、警察 110",
    call_en="Town office 0263-00-0002; police 110",
)
BY_DAY = TrapPolicy(patrol_by=None, leader="leader", leader_tel="090-0000-0000")


def hills(policy: TrapPolicy = BY_DAY, **more) -> Town:
    """One trap of `owner`; `on` is on duty, `off` is not, nobody else is asked before half an hour."""
    made = town(
        devices=[trap("trap-1", owner="owner", heartbeat="24h"), *more.pop("devices", ())],
        zones=[square("hunt", "hunting", size=1000)],
        people=[
            person("owner", "hunter", duty=("mon",), name="山根 猛"),
            person("on", "hunter", name="犬飼"),
            person("off", "patrol", duty=("mon",), name="鹿田"),
            person("patrol", "patrol"),
            person("leader", "farmer", name="班長の田中"),
            person("office", "official"),
            person("farmer", "farmer"),
        ],
        trap=policy,
        **more,
    )
    return replace(made, contacts={"serow": SEROW, "bear": BEAR})


def sprung(start: str = "2026-11-21 10:00", policy: TrapPolicy = BY_DAY, **more) -> tuple[Timeline, str]:
    t = Timeline(hills(policy, **more), start)
    t.says("trap-1", SPRUNG)
    t.told("trap_sprung opened: owner on patrol")
    return t, t.open("trap")[0].id


def the(t: Timeline) -> Alert:
    (alert,) = t.alerts.values()
    return alert
