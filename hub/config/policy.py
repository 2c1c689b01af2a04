"""policy.yaml: who is told, when, and how much."""

from datetime import time
from typing import Annotated, Literal

from pydantic import Field

from hub.config.shapes import ChannelKind, Duration, Id, Metres, Shape
from hub.config.tell_policy import ChannelBudget, ChannelsPolicy, QuietPolicy, TellRule


class WildlifePolicy(Shape):
    species_min_confidence: float = 0.6
    """Below: 「動物」 and confirmation as for motion."""
    bear_min_confidence: float = 0.4
    confirm_events: Annotated[int, Field(ge=1, le=10)] = 2
    confirm_within: Duration = 90_000
    ignore: tuple[str, ...] = ("fox", "tanuki", "badger", "bird", "pet", "vehicle", "person")
    quiet_for: Duration = 600_000
    """A visit ends when nothing was seen for so long."""
    join_within_m: Metres = 300.0
    join_within: Duration = 600_000
    cooldown: Duration = 1_800_000
    """Not told again of one visit before this, unless it grew worse or reached new people."""
    late_after: Duration = 900_000
    returned_within: Duration = 1_800_000
    """Seen again so soon where it was driven off: the deterrent did not work, and says so."""


class TrapPolicy(Shape):
    silent_after: Duration = 3 * 3_600_000
    """Sprung, and no word from the sensor for so long: said again, as a state of its own."""
    late_after: Duration = 86_400_000
    remind_duty: Duration = 900_000
    """Nobody has taken it: told again after so long to those on duty and the owner ..."""
    remind_all: Duration = 1_800_000
    """... to all hunters and the leader ..."""
    remind_office: Duration = 3_600_000
    """... and to the town office."""
    taken_lapses: Duration = 3_600_000
    """So long after the arrival that was promised, and no word: nobody has it any more."""
    on_site_quiet: Duration = 2 * 3_600_000
    """So long at the trap without a word: somebody telephones. A hunter of 79 died at a snared boar (Sumoto,
    2021)."""
    night: Literal["wait", "go"] = "wait"
    """wait: from sunset to sunrise nobody is reminded, and the message asks to wait for the day. An animal in
    a trap is dangerous in the dark, and hunters may not shoot at night (鳥獣保護管理法 38条). A bear or
    people never wait."""
    leader: Id | None = None
    """Person who leads the hunters (班長): told where nobody goes, and named in the message."""
    leader_tel: str = ""
    """As it stands in that message."""
    patrol_by: time | None = time(17, 0)
    """Whoever has not seen a trap by then is told; null: never. Towns ask for a round a day (Ina, Obuse)."""


class RiverPolicy(Shape):
    clear_readings: Annotated[int, Field(ge=1, le=20)] = 3
    clear_after: Duration = 1_800_000
    hysteresis_m: Metres = 0.10
    hysteresis_of_gap: float = 0.3


class SlopePolicy(Shape):
    confirm_within: Duration = 60_000
    rain_mm_h: float = 20.0
    rain_total_mm: float = 80.0
    dry_wire_officials_only: bool = False
    """An unconfirmed wire cut in dry weather goes to officials alone."""
    dry_wire_reason: str = ""
    """Why the town decided so; needed where it did."""
    late_after: Duration = 3_600_000


class HealthPolicy(Shape):
    missed: Annotated[float, Field(ge=1.5, le=20)] = 3.0
    """Silent after so many heartbeats."""
    gateway_share: float = 0.5
    """A gateway without own heartbeat is silent when this share of its devices (two at least) is."""
    max_per_minute: Annotated[int, Field(ge=6)] = 120
    """More messages of one device in a minute is babbling: the rest is counted, not kept."""
    flapping_after: Annotated[int, Field(ge=1, le=20)] = 2
    """So often within `flapping_within` a silence is told for itself. After that the device is flapping,
    which is told once, and once a day while it goes on."""
    flapping_within: Duration = 86_400_000
    """And steady again after so long without."""
    missed_after: Duration = 600_000
    """After the broker was away, devices are waited for so long; then it is said what of theirs never
    came, by the gaps in their numbers."""


class DeterrentPolicy(Shape):
    range_m: Metres = 250.0
    nearest: Annotated[int, Field(ge=1, le=10)] = 2
    live_within: Duration = 120_000
    max_on: Duration = 20_000
    cooldown: Duration = 300_000
    per_night: Annotated[int, Field(ge=0, le=200)] = 12
    dwelling_m: Metres = 200.0
    quiet_from: time = time(20, 0)
    quiet_to: time = time(6, 30)
    """Hours without sound for a siren near dwellings that the town opted in."""
    quiet_everywhere: bool = False
    warn_on: Duration = 60_000
    drill_siren: Duration = 3_000
    """How long a siren or flash acts in a drill: long enough to be seen to work."""


class StormPolicy(Shape):
    """What one person is told at most. LIFE is never held, DANGER from those alone who watch for others."""

    within: Duration = 600_000
    first: Annotated[int, Field(ge=1, le=100)] = 5
    """So much news of one kind (animals, traps, rivers, slopes) goes as it is within that time. The rest is
    held."""
    first_of_devices: Annotated[int, Field(ge=1, le=100)] = 3
    """The same, of the devices themselves."""
    first_in_danger: Annotated[int, Field(ge=1, le=1000)] = 10
    """The same, for officials and operators: of alerts of one kind at one level in danger, away from their
    own zones."""
    summaries_after: Annotated[tuple[Duration, ...], Field(min_length=1)] = (
        120_000,
        600_000,
        1_800_000,
        3_600_000,
    )
    """What is held is counted in one message after so long, and again at these growing intervals while it
    goes on; the last one repeats."""


class HubPolicy(Shape):
    """When the hub says that it is itself in trouble, and what it tells at its hour."""

    broker_away: Duration = 120_000
    """No broker for so long: nothing is heard, and the town is not watched. A restart of mosquitto or of the
    machine takes less."""
    disk_low: Annotated[float, Field(gt=0, lt=1)] = 0.10
    """Told below this share of the ledger's disk, and as urgent below half of it."""
    disk_enough_mb: Annotated[int, Field(ge=0)] = 5_000
    """With so much free nothing is said, whatever the share: twice what the ledger may take by default."""
    disk_full_mb: Annotated[int, Field(ge=0)] = 200
    """Urgent below this on any disk: the write-ahead log alone may need 64 MB, and the system logs."""
    memory: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of the memory that the hub may have, or the machine has: beyond, the kernel ends programs."""
    cpu_c: float = 80.0
    """A Raspberry Pi slows down from 80 °C on, and more from 85 °C (its documentation, "Frequency management
    and thermal control")."""
    channel_failing: Duration = 600_000
    """A kind of channel has delivered nothing for so long while something waits for it; by then the outbox
    has tried some six times."""
    backlog: Duration = 300_000
    """A message or a notification that nobody has tried to handle for so long: the hub does not keep up."""
    clock_unset: Duration = 600_000
    """A clock before the year of this release. A time server is met within a minute where there is a line."""
    influx_behind: Duration = 3_600_000
    """The oldest reading that InfluxDB has not got is older than this: charts are late, alerts are not."""
    digest: bool = True
    """The morning's report to the operators."""
    digest_at: time = time(7, 0)
    test_day: Annotated[int, Field(ge=0, le=28)] = 1
    """Day of the month on which everybody gets a test message on every channel; 0: never."""
    test_at: time = time(10, 0)
    test_answer: Duration = 3 * 86_400_000
    """Who has not answered a test message by then is named in the morning's report."""


class RepeatPolicy(Shape):
    """What goes on in DANGER or for LIFE and nobody has acknowledged is told again to those who must act.

    Residents are told once of each event and level (domain notes 8).
    """

    after: Annotated[tuple[Duration, ...], Field(min_length=1)] = (600_000, 1_200_000, 2_400_000, 3_600_000)
    """After so long, and again at these growing intervals; the last one repeats."""
    most: Annotated[int, Field(ge=0, le=100)] = 10
    """So often at most; 0: never."""


class SilencePolicy(Shape):
    """How long a person may make the hub keep quiet, or a device be at work on."""

    longest: Duration = 7 * 86_400_000
    """A silence that is longer is forgotten before it ends."""
    longest_maintenance: Duration = 30 * 86_400_000
    longest_drill: Duration = 12 * 3_600_000


class Policy(Shape):
    wildlife: WildlifePolicy = WildlifePolicy()
    trap: TrapPolicy = TrapPolicy()
    river: RiverPolicy = RiverPolicy()
    slope: SlopePolicy = SlopePolicy()
    health: HealthPolicy = HealthPolicy()
    deterrent: DeterrentPolicy = DeterrentPolicy()
    hub: HubPolicy = HubPolicy()
    storm: StormPolicy = StormPolicy()
    repeat: RepeatPolicy = RepeatPolicy()
    silence: SilencePolicy = SilencePolicy()
    tell: tuple[TellRule, ...] = ()
    quiet: QuietPolicy = QuietPolicy()
    channels: ChannelsPolicy = ChannelsPolicy()
    budgets: dict[ChannelKind, ChannelBudget] = Field(default_factory=dict)
