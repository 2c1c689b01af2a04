"""Who is told beyond the built-in audiences, when people sleep, and how much a channel may carry."""

from typing import Annotated, Literal

from pydantic import Field

from hub.config.shapes import Hours, Id, Role, Shape, Words

AlertKind = Literal[
    "animal", "bear", "trap", "patrol", "river", "river_unverified", "unwatched", "debris", "slope_check",
    "silent", "gateway", "battery", "babble", "clock", "flapping", "hub", "missed",
]  # fmt: skip
Urgency = Literal["notice", "caution", "warning", "danger", "life"]
Waits = Literal["notice", "caution", "warning", "danger"]
"""Below it something may wait. Danger never does."""


class When(Shape):
    """What a rule is about: all of what is given must be so."""

    kinds: tuple[AlertKind, ...] = ()
    """Empty: of every kind."""
    zones: tuple[Id, ...] = ()
    """One of them is concerned."""
    devices: tuple[Id, ...] = ()
    severity: Urgency = "notice"
    """This or more."""


class Whom(Shape):
    roles: tuple[Role, ...] = ()
    """Everybody of the role, wherever his zones are; hunters and patrol on their days."""
    roles_here: tuple[Role, ...] = ()
    """Who has the role and a zone concerned, or no zone at all."""
    people: tuple[Id, ...] = ()


class TellRule(Shape):
    """One rule of the town: who is told as well, or is not told.

    Nobody is kept from what endangers life: see `hub.telling.rules`.
    """

    name: Words
    """As `naruko explain` gives it."""
    when: When = When()
    also: Whom = Whom()
    but_not: Whom = Whom()


class QuietPolicy(Shape):
    """What may wait for the morning. Danger never does, nor does the end of what was told in danger."""

    hours: Hours = ""
    """Quiet hours of everybody who has none of his own in people.csv; empty: there are none."""
    below: Waits = "caution"
    """What is less urgent than this is held until they end."""
    below_by_role: dict[Role, Waits] = Field(default_factory=dict)
    """The same for a role; of several roles the one that is woken by more counts."""
    below_own: Waits = "warning"
    """The same for who has quiet hours of his own: he has asked for them."""
    field_too: bool = False
    """Animals and traps wait too for farmers, hunters and patrol, who drive them off at night."""


class ChannelBudget(Shape):
    """How much a kind of channel carries. LINE's free plan: 200 messages a month, each recipient counted
    (Messaging API, pricing); ntfy.sh: 250 a day (docs/publish.md, "Limitations")."""

    limit: Annotated[int, Field(ge=1)]
    per: Literal["day", "month"] = "month"
    """By the calendar of the site."""
    reserve: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share that is kept for rivers, slopes and whatever is dangerous. What else comes once only the reserve
    is left goes by the person's other channels, or into a digest where there is none."""


class ChannelsPolicy(Shape):
    below_danger: Literal["all", "first"] = "all"
    """`first`: what is less than dangerous goes by the first of a person's channels alone. From danger on
    every channel is used: one that fails must not be the only one."""
    digest_hours: Annotated[
        tuple[Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")], ...], Field(min_length=1)
    ] = ("06:00", "17:00")
    """When the digest goes out of what a channel did not carry at once: before the morning's round of the
    traps, and before dusk."""
