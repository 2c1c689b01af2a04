"""The test message and its answers."""

from msgspec.structs import replace

from hub.acts.doing import Doing
from hub.model import Act
from hub.people.roll import NOTHING
from hub.state import SITE
from hub.watch import roll_call

ALL = "all"


def send_test(doing: Doing, act: Act) -> None:
    """To everybody, now (`all`); or to the one person who is the target, and to nobody where that one has
    just left."""
    pipeline = doing.pipeline
    if person := pipeline.town.people.get(act.target):
        told = roll_call.ask(pipeline.town, person, doing.now, live=pipeline.live, links=pipeline.links)
        pipeline.tell(told, doing.now, doing.outcome)
        return
    if act.target not in ("", ALL):
        return
    called, told = roll_call.call(pipeline.town, doing.now, live=pipeline.live, links=pipeline.links)
    pipeline.state.put("roll_call", SITE, called)
    pipeline.tell(told, doing.now, doing.outcome)


def heard_test(doing: Doing, act: Act) -> None:
    """The target is the person who has heard it."""
    state = doing.pipeline.state
    if asked := state.rooms["roll_call"].get(SITE):
        state.put("roll_call", SITE, roll_call.answered(asked, act.target, act.at))
    if act.target in doing.pipeline.town.people:
        said = state.rooms["said"].get(act.target, NOTHING)
        state.put("said", act.target, replace(said, heard_at=act.at))
