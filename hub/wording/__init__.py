"""Messages by language and channel length: what is said, kept as data in `messages/` and `words.yaml`."""

from hub.wording.languages import LIFE_SAFETY, not_reviewed
from hub.wording.late import belated, digest, mark_of
from hub.wording.render import (
    NOT_KNOWN,
    button,
    load,
    next_step,
    number_of,
    numbered,
    render,
    required,
    templates,
    with_way_out,
)
from hub.wording.repeated import repeated
from hub.wording.values import format_time

__all__ = [
    "LIFE_SAFETY",
    "NOT_KNOWN",
    "belated",
    "button",
    "digest",
    "format_time",
    "load",
    "mark_of",
    "next_step",
    "not_reviewed",
    "number_of",
    "numbered",
    "render",
    "repeated",
    "required",
    "templates",
    "with_way_out",
]
