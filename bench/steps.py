"""Where the time of a message goes, step by step, while the hub works off what waits for it."""

import json

from bench import sampled
from bench.stage import Figures, connected_hub, introduce, pace, run, stage, stored

MESSAGES = 60_000


def steps(messages: int = MESSAGES) -> Figures:
    """us a message; together they are the time of one message while the hub is at work."""
    with stage() as at:
        folder = at.town("steps")
        introduce(folder)
        run(at.load("burst", count=messages))
        with connected_hub(folder, "bench.sampled") as process:
            rate, _ = pace(process, lambda: stored(folder), messages)
        samples = json.loads((folder / "samples.json").read_text())
    found = {step: samples.get(step, 0) for step in sampled.STEPS}
    all_of_them = sum(found.values())
    return {f"step_us_{step}": number / all_of_them * 1e6 / rate for step, number in found.items()}
