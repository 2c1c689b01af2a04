"""Messages by language and channel length: what is said, kept as data in `messages.yaml` and `words.yaml`."""

from hub.wording.render import number_of, numbered, render, required, templates
from hub.wording.values import format_time

__all__ = ["format_time", "number_of", "numbered", "render", "required", "templates"]
