"""What is said with a message that is told again because it goes on and nobody has acknowledged it."""

from hub.wording.languages import forms
from hub.wording.late import mark_of
from hub.wording.render import BODY_CHARS, SMS_CHARS
from hub.wording.values import shorten

IN_HOURS = 120
"""From so many minutes on the time is said in hours."""


def repeated(
    title: str, body: str, lang: str, channel_kind: str, *, count: int, minutes: float
) -> tuple[str, str]:
    """The message with 「続報 3回目・40分経過」 before its first line, and its count in the title. The mode
    stays in front.

    An SMS says so where there is room: what happened and what to do remain.
    """
    mark, said = mark_of(body), forms("repeated", lang)
    in_hours = minutes >= IN_HOURS
    elapsed = (
        said["hours"].format(round(minutes / 60)) if in_hours else said["minutes"].format(round(minutes))
    )
    values = {"count": str(count), "elapsed": elapsed}
    line, short, sign = (said[code].format_map(values) for code in ("line", "sms", "title"))
    text = body.removeprefix(mark)
    if channel_kind == "sms":
        fitting = (f"{mark}{note}{text}" for note in (f"{line} ", short))
        return title, next((one for one in fitting if len(one) <= SMS_CHARS), body)
    body = f"{mark}{line}\n{text}"
    title = mark + sign + title.removeprefix(mark)
    return title, shorten(body, BODY_CHARS.get(channel_kind, len(body)))
