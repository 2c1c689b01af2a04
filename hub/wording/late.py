"""What is said with a message that comes late, and how many become one."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate

from hub.wording.languages import LIFE_SAFETY, forms, word
from hub.wording.render import BODY_CHARS, LANGS, SMS_CHARS
from hub.wording.values import shorten

MAIL_CHARS = 5_000
"""Of a list in a mail: what is longer is not read at night."""

MAX_LINE = 60
KIND = re.compile(r"^[【\[]([^】\]]+)[】\]]")


def mark_of(body: str) -> str:
    """The mode's mark with which a message begins that is not actual, else nothing."""
    marks = (mark for lang in (*LANGS, *LIFE_SAFETY) for mark in forms("mode", lang).values())
    return next((mark for mark in marks if body.startswith(mark.strip())), "")


def belated(
    title: str, body: str, lang: str, channel_kind: str, *, time: str, missed: int
) -> tuple[str, str]:
    """The message with a first line that says of when it is (`time`, empty where it is fresh), and how many
    before it did not reach this address. The mode stays in front.

    An SMS says so where there is room: what happened and what to do remain.
    """
    mark, values = mark_of(body), {"time": time, "count": str(missed)}
    said = {code: text.format_map(values) for code, text in forms("late", lang).items()}
    how = "_".join(word for word, so in (("late", bool(time)), ("missed", missed > 0)) if so)
    if not how:
        return title, body
    text = body.removeprefix(mark)
    if channel_kind == "sms":
        notes = [said[f"sms_{how}"], said["sms_update" if missed else "sms_late_short"]]
        fitting = (f"{mark}{note}{text}" for note in notes)
        return title, next((one for one in fitting if len(one) <= SMS_CHARS), body)
    if missed and not re.search(f"続報|UPDATE|{re.escape(said['update'].strip('[]【】 '))}", title):
        title = mark + said["update"] + title.removeprefix(mark)
    body = f"{mark}{said[how]}\n{text}"
    return title, shorten(body, BODY_CHARS.get(channel_kind, len(body)))


def digest(items: Sequence[tuple[str, str]], lang: str, channel_kind: str, contact: str) -> tuple[str, str]:
    """One message of many: (time, title) of each, oldest first. An SMS has no titles: it is given the texts,
    and counts their kinds."""
    mark = mark_of(items[0][1])
    values = {"count": str(len(items)), "first": items[0][0], "last": items[-1][0]}
    said = forms("digest", lang)
    texts = [text.removeprefix(mark) for _, text in items]
    if channel_kind == "sms":
        return "", _sms(texts, said | {"sms": mark + said["sms"]}, values)
    foot = word("mail_footer", "contact", lang).replace("{contact}", contact)
    tail = [foot] if channel_kind == "mail" and contact else []
    room = BODY_CHARS.get(channel_kind, MAIL_CHARS)
    lead = mark + said["lead"].format_map(values)
    room -= len(lead) + sum(len(line) + 1 for line in tail)
    lines = [
        said["line"].format(time=time, title=shorten(text, MAX_LINE))
        for (time, _), text in zip(items, texts, strict=True)
    ]
    lines = _that_fit(lines, room, said["more"])
    return mark + said["title"].format_map(values), "\n".join([lead, *lines, *tail])


def _sms(texts: Sequence[str], said: Mapping[str, str], values: Mapping[str, str]) -> str:
    """As many kinds as fit, each whole, and how many notices are of others."""
    kinds = Counter(found[1] for text in texts if (found := KIND.match(text))).most_common()
    for most in range(len(kinds), -1, -1):
        each = [said["kind"].format(kind=kind, number=number) for kind, number in kinds[:most]]
        others = len(texts) - sum(number for _, number in kinds[:most])
        if each and others:
            each.append(said["more"].format(count=others))
        text = said["sms"].format_map({**values, "kinds": said["comma"].join(each)}).rstrip("：: ")
        if len(text) <= SMS_CHARS:
            return text
    return shorten(text, SMS_CHARS)


def _that_fit(lines: list[str], room: int, more: str) -> list[str]:
    """As many as fit, each with its line end, and at the end how many did not."""
    ends = list(accumulate(len(line) + 1 for line in lines))
    if ends[-1] <= room:
        return lines
    count = bisect_right(ends, room - len(more.format(count=len(lines))) - 1)
    return [*lines[:count], more.format(count=len(lines) - count)]
