"""What is said with a message that comes late, and how many become one."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from hub.wording.render import BODY_CHARS, SMS_CHARS
from hub.wording.values import shorten, words

MAIL_CHARS = 5_000
"""Of a list in a mail: what is longer is not read at night."""

MAX_LINE = 60
KIND = re.compile(r"^[【\[]([^】\]]+)[】\]]")


def mark_of(body: str) -> str:
    """The mode's mark with which a message begins that is not actual, else nothing."""
    marks = (mark for both in words()["mode"].values() for mark in both)
    return next((mark for mark in marks if body.startswith(mark.strip())), "")


def belated(
    title: str, body: str, lang: str, channel_kind: str, *, time: str, missed: int
) -> tuple[str, str]:
    """The message with a first line that says of when it is (`time`, empty where it is fresh), and how many
    before it did not reach this address. The mode stays in front.

    An SMS says so where there is room: what happened and what to do remain.
    """
    mark, english = mark_of(body), lang == "en"
    values = {"time": time, "count": str(missed)}
    forms = {code: pair[english].format_map(values) for code, pair in words()["late"].items()}
    how = "_".join(word for word, so in (("late", bool(time)), ("missed", missed > 0)) if so)
    if not how:
        return title, body
    text = body.removeprefix(mark)
    if channel_kind == "sms":
        notes = [forms[f"sms_{how}"], forms["sms_update" if missed else "sms_late_short"]]
        fitting = (f"{mark}{note}{text}" for note in notes)
        return title, next((one for one in fitting if len(one) <= SMS_CHARS), body)
    if missed and not re.search("続報|UPDATE", title):
        title = mark + forms["update"] + title.removeprefix(mark)
    body = f"{mark}{forms[how]}\n{text}"
    return title, shorten(body, BODY_CHARS.get(channel_kind, len(body)))


def digest(items: Sequence[tuple[str, str]], lang: str, channel_kind: str, contact: str) -> tuple[str, str]:
    """One message of many: (time, title) of each, oldest first. An SMS has no titles: it is given the texts,
    and counts their kinds."""
    english = lang == "en"
    mark = mark_of(items[0][1])
    values = {"count": str(len(items)), "first": items[0][0], "last": items[-1][0]}
    forms = {code: pair[english] for code, pair in words()["digest"].items()}
    texts = [text.removeprefix(mark) for _, text in items]
    if channel_kind == "sms":
        kinds = Counter(found[1] for text in texts if (found := KIND.match(text)))
        each = (forms["kind"].format(kind=kind, number=number) for kind, number in kinds.most_common())
        listed = forms["comma"].join(each)
        return "", shorten(mark + forms["sms"].format_map(values | {"kinds": listed}), SMS_CHARS)
    foot = words()["mail_footer"]["contact"][english].replace("{contact}", contact)
    tail = [foot] if channel_kind == "mail" and contact else []
    room = BODY_CHARS.get(channel_kind, MAIL_CHARS)
    lead = mark + forms["lead"].format_map(values)
    room -= len(lead) + sum(len(line) + 1 for line in tail)
    lines = [
        forms["line"].format(time=time, title=shorten(text, MAX_LINE))
        for (time, _), text in zip(items, texts, strict=True)
    ]
    lines = _that_fit(lines, room, forms["more"])
    return mark + forms["title"].format_map(values), "\n".join([lead, *lines, *tail])


def _that_fit(lines: list[str], room: int, more: str) -> list[str]:
    """As many as fit, each with its line end, and at the end how many did not."""
    ends = list(accumulate(len(line) + 1 for line in lines))
    if ends[-1] <= room:
        return lines
    count = bisect_right(ends, room - len(more.format(count=len(lines))) - 1)
    return [*lines[:count], more.format(count=len(lines) - count)]
