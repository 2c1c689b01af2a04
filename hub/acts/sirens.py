"""What people do with sirens."""

from hub import deterrent
from hub.acts.doing import Doing
from hub.model import Act


def stop(doing: Doing, act: Act) -> None:
    """One siren by its device, or `all`."""
    state = doing.pipeline.state
    states, commands = deterrent.stop(doing.pipeline.town, state.rooms["deterrent"], act, doing.now)
    for siren, after in states.items():
        state.put("deterrent", siren, after)
    doing.outcome.commands += commands
