"""Who is told: invitations, enrolments, what people wish, and leaving."""

from msgspec.structs import replace

from devices.frame import Millis
from hub.acts.doing import Doing
from hub.alerts import OFFICE, OPERATORS, Telling, task_events
from hub.config.shapes import Person, Role
from hub.model import Act, Erased, Reason, Severity
from hub.people import roll
from hub.people.browsers import with_browser
from hub.people.enrolment import DAY, LANGS, TYPED, Address, Invitation, state_of
from hub.people.roll import NOTHING, Enrolled, Said
from hub.telling.audience import Audience, resolve
from hub.telling.compose import on_every_channel
from hub.watch import roll_call

HOUR: Millis = 3_600_000
LONGEST_INVITATION = 366
"""Days."""
LONGEST_QUIET: Millis = 7 * DAY


def invite(doing: Doing, act: Act) -> None:
    """The target is the invitation; form: `roles`, `zones` (lists with spaces), `days`, `uses`, `name`,
    `lang`. With 0 uses it ends."""
    form, state = act.form, doing.pipeline.state
    days, uses = _whole(form.get("days"), 14), _whole(form.get("uses"), 1)
    roles = tuple(role for role in form.get("roles", "").split() if role in roll.ROLES)
    if not uses:
        state.drop("invitation", act.target)
    elif roles:
        invitation = Invitation(
            until=act.at + min(days, LONGEST_INVITATION) * DAY,
            roles=roles,
            zones=tuple(form.get("zones", "").split()),
            uses=uses,
            name=form.get("name", ""),
            lang=form.get("lang", ""),
        )
        state.put("invitation", act.target, invitation)


def enrol(doing: Doing, act: Act) -> None:
    """The target is the invitation; form: `id`, `name`, `lang`, and an address by kind of channel.

    The new person gets the test message at once. Nothing happens where the invitation is over or used up, or
    the id is somebody's already: a form that was sent twice is one person.
    """
    pipeline, form = doing.pipeline, act.form
    state, id = pipeline.state, act.form.get("id", "")
    invitation: Invitation | None = state.rooms["invitation"].get(act.target)
    browsers = (form["push"],) if form.get("push") else ()
    addresses = tuple(Address(kind, form[kind]) for kind in TYPED if form.get(kind))
    taken = not id or id in pipeline.town.people or id in pipeline.config.people
    if (
        invitation is None
        or state_of(invitation, doing.now) != "open"
        or taken
        or not (addresses or browsers)
    ):
        return
    state.put("invitation", act.target, replace(invitation, used=invitation.used + 1, name=""))
    enrolled = Enrolled(
        name=form.get("name", ""),
        roles=invitation.roles,
        zones=invitation.zones,
        lang=form.get("lang", "ja"),
        addresses=addresses,
        at=act.at,
        invitation=act.target,
    )
    state.put("person", id, enrolled)
    if browsers:
        state.put("said", id, Said(browsers=browsers))
    pipeline.put_people()
    asked = roll_call.ask(
        pipeline.town, pipeline.town.people[id], doing.now, live=pipeline.live, links=pipeline.links
    )
    pipeline.tell(asked, doing.now, doing.outcome)


def prefer(doing: Doing, act: Act) -> None:
    """The target is a person; form: `lang`, or `quiet` hours without what endangers nobody (0: none)."""
    pipeline, form = doing.pipeline, act.form
    if act.target not in pipeline.town.people:
        return
    said = pipeline.state.rooms["said"].get(act.target, NOTHING)
    if form.get("lang") in LANGS:
        said = replace(said, lang=form["lang"])
    if "quiet" in form:
        hours = _whole(form["quiet"], 0)
        said = replace(said, quiet_until=act.at + min(hours * HOUR, LONGEST_QUIET) if hours else 0)
    pipeline.state.put("said", act.target, said)
    pipeline.put_people()


def browser(doing: Doing, act: Act) -> None:
    """The target is a person, and the form's `push` the subscription of a browser of that person, which gets
    the test message at once. Without one no browser is told any more."""
    pipeline, subscription = doing.pipeline, act.form.get("push", "")
    if act.target not in pipeline.town.people:
        return
    said = pipeline.state.rooms["said"].get(act.target, NOTHING)
    browsers = with_browser(said.browsers, subscription) if subscription else ()
    pipeline.state.put("said", act.target, replace(said, browsers=browsers))
    pipeline.put_people()
    if browsers:
        person = pipeline.town.people[act.target]
        asked = roll_call.ask(pipeline.town, person, doing.now, live=pipeline.live, links=pipeline.links)
        newest = [one for one in asked if one.channel == len(person.channels) - 1]
        pipeline.tell(newest, doing.now, doing.outcome)


def leave_town(doing: Doing, act: Act) -> None:
    """The target is a person, who is told nothing from now on.

    Who had enrolled is forgotten: name, address, and the id wherever it stands. Who stands in the config is
    told nothing more, and the operators are told to take the line out of their file.
    """
    pipeline, person = doing.pipeline, act.target
    state, who = pipeline.state, doing.pipeline.town.people.get(act.target)
    if who is None:
        return
    for alert in list(state.alerts.values()):
        for event in task_events.act(alert, replace(act, kind="leave", who=person), doing.now):
            doing.happened(event)
    if enrolled := state.rooms["person"].get(person):
        doing.outcome.erased.append(Erased(person, enrolled.name, enrolled.invitation))
        _forget(doing, person)
    else:
        said = state.rooms["said"].get(person, NOTHING)
        state.put("said", person, replace(said, left_at=act.at, browsers=()))
        doing.outcome.erased.append(Erased(person))
        pipeline.put_people()
        _tell_operators(doing, who)
    pipeline.put_people()


def _forget(doing: Doing, person: str) -> None:
    state = doing.pipeline.state
    for room, states in state.rooms.items():
        for key, before in list(states.items()):
            if key == person:
                state.drop(room, key)
            elif (after := roll.without(before, person)) is not before:
                state.put(room, key, after)
    for alert in list(state.alerts.values()):
        if (after := roll.without(alert, person)) is not alert:
            state.put_alert(after)
            doing.outcome.alerts.append(after)


def _tell_operators(doing: Doing, gone: Person) -> None:
    """A line of people.csv is to go: the file is theirs."""
    pipeline, now = doing.pipeline, doing.now
    town = pipeline.town
    roles = OPERATORS if town.by_role[Role.OPERATOR] else OFFICE
    telling = Telling("person_left", Reason.REPORTED, Severity.NOTICE, keep_for=7 * DAY)
    for person in resolve(town, Audience(everywhere=roles), (), now):
        told = on_every_channel(
            person,
            telling,
            {"hub": town.site.name, "hub_en": town.site.name_en, "who": gone.id},
            now,
            alert_id=f"left-{now}",
            event_id=gone.id,
            event_received_at=now,
            live=pipeline.live,
        )
        pipeline.tell(told, now, doing.outcome)


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 6 else default
