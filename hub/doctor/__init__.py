"""`naruko doctor`: what is wrong with this hub, and what to do. Sends and changes nothing."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from hub.clock import Clock
from hub.config.load import ConfigError, load
from hub.doctor import ledger, machine, reach
from hub.doctor.finding import Finding, Level, bad, ok, warn
from hub.telling import roster

__all__ = ["Finding", "Level", "examine", "lines", "summary"]

INDENT = 18


def examine(folder: Path, environ: Mapping[str, str], clock: Clock, *, thorough: bool) -> Iterator[Finding]:
    """One finding after the other, as they are made. Some take seconds: a server that does not answer.

    `thorough` reads every page of a ledger of any size.
    """
    try:
        town = load(folder, environ)
    except ConfigError as error:
        more = f", and {len(error.problems) - 1} more" if len(error.problems) > 1 else ""
        yield bad("config", f"{error.problems[0]}{more}", "naruko check says all of it")
        yield from machine.clock(clock)
        return
    yield ok(
        "config",
        f"{town.site.name_en} ({town.site.id}): {len(town.devices)} devices, {len(town.people)} people",
    )
    if town.warnings:
        yield warn("config", f"warnings: {len(town.warnings)}", "naruko check lists them")
    if said := roster.ends(town, clock.now()):
        yield warn("roster", said, "write the next weeks into roster.csv")
    yield from ledger.file(town, clock, thorough=thorough)
    yield from ledger.backups(town, clock)
    yield from machine.clock(clock)
    yield from machine.measures(town)
    yield from machine.service()
    yield from reach.broker(town)
    yield from reach.influx(town)
    yield from reach.channels(town)


def lines(finding: Finding) -> Iterator[str]:
    """The finding, and below it what to do about it."""
    yield f"{finding.level.name.lower():<6}{finding.what:<{INDENT - 6}}{finding.said}"
    if finding.do:
        yield f"{'':<{INDENT}}→ {finding.do}"


def summary(findings: list[Finding]) -> str:
    wrong = sum(finding.level is Level.BAD for finding in findings)
    doubtful = sum(finding.level is Level.WARN for finding in findings)
    if not wrong and not doubtful:
        return "All is well."
    return f"{wrong} wrong, {doubtful} to look at, {len(findings) - wrong - doubtful} well."
