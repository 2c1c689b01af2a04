"""How long after its start the hub has caught up with what waited for it at the broker."""

import time

from bench.stage import Figures, hub, introduce, run, stage, stored, wait_for

MESSAGES = 100_000


def backlog(messages: int = MESSAGES) -> Figures:
    """s from the start of the process to the last message in the ledger on disk."""
    with stage() as at:
        folder = at.town("backlog")
        introduce(folder)
        run(at.load("burst", count=messages))
        began = time.perf_counter()
        with hub(folder):
            wait_for(lambda: stored(folder) >= messages, 300)
            return {"caught_up_s_100k": time.perf_counter() - began}
