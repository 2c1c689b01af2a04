"""Messages by language and channel length: what is said, kept as data in `messages.yaml` and `words.yaml`."""

from hub.wording.late import belated, digest, mark_of
from hub.wording.render import NOT_KNOWN, number_of, numbered, render, required, templates
from hub.wording.values import format_time

__all__ = [
    "NOT_KNOWN",
    "belated",
    "digest",
    "format_time",
    "mark_of",
    "number_of",
    "numbered",
    "render",
    "required",
    "templates",
]
