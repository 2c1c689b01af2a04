"""Do the town's own rules, quiet hours and budgets fit the town, and do they do what they say?"""

from collections.abc import Collection, Iterator

from hub.config.document import KeyPath, shown
from hub.config.parts import Entry, Findings, Parts
from hub.config.policy import Policy
from hub.config.tell_policy import TellRule, Whom
from hub.config.validate import suggestion


def check(entry: Entry[Policy], parts: Parts, findings: Findings) -> None:
    policy = entry.value
    names: dict[str, int] = {}
    for index, rule in enumerate(policy.tell):
        at: KeyPath = ("tell", index)
        first = names.setdefault(rule.name, index)
        if first != index:
            line = entry.document.line((*entry.at, "tell", first))
            message = f"{shown(rule.name)} is the name of two rules, first in line {line}"
            findings.error(entry, (*at, "name"), message)
        _check_names(entry, at, rule, parts, findings)
        _check_sense(entry, at, rule, findings)
    used = {channel.kind for person in parts.people for channel in person.value.channels}
    for kind in policy.budgets:
        if "people" in parts.complete and kind not in used:
            findings.warn(entry, ("budgets", kind), f"nobody has a channel of kind {kind}")


def _check_names(entry: Entry[Policy], at: KeyPath, rule: TellRule, parts: Parts, findings: Findings) -> None:
    """Zones, devices and people of a rule must be there."""
    asked: Iterator[tuple[KeyPath, tuple[str, ...], str, Collection[str]]] = iter(
        (
            (("when", "zones"), rule.when.zones, "zone", parts.zone_ids),
            (("when", "devices"), rule.when.devices, "device", parts.device_ids),
            (("also", "people"), rule.also.people, "person", parts.person_ids),
            (("but_not", "people"), rule.but_not.people, "person", parts.person_ids),
        )
    )
    kinds = {"zone": "zones", "device": "devices", "person": "people"}
    for path, names, kind, known in asked:
        for index, name in enumerate(names):
            if name not in known and kinds[kind] not in parts.unread:
                message = f"no {kind} {shown(name)}{suggestion(name, known)}"
                findings.error(entry, (*at, *path, index), message)


def _check_sense(entry: Entry[Policy], at: KeyPath, rule: TellRule, findings: Findings) -> None:
    if rule.also == Whom() and rule.but_not == Whom():
        findings.error(entry, at, "needs also or but_not: it changes nothing")
    if rule.but_not != Whom() and rule.when.severity == "life":
        findings.error(entry, (*at, "but_not"), "is not followed where lives are in danger: all are told")
    elif rule.but_not.roles_here or rule.but_not.roles or rule.but_not.people:
        life = {"river", "debris", "bear", "unwatched"} & set(rule.when.kinds)
        if life and rule.when.severity in ("warning", "danger"):
            message = "keeps only those away who have no zone concerned: the others may be in danger"
            findings.warn(entry, (*at, "but_not"), message)
