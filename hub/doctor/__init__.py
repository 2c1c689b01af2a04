"""`naruko doctor`: what is wrong with this hub, and what to do.

Tells nobody anything, and changes nothing of the hub's. To find out what may be written it writes: to the
broker an order to a device that does not exist, not retained; to InfluxDB one point, which it deletes.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from hub.clock import Clock
from hub.config.load import ConfigError, load
from hub.config.town import Town
from hub.doctor import (
    broker,
    certificates,
    clock,
    endpoints,
    grafana,
    influx,
    ledger,
    machine,
    names,
    network,
    pages,
    reach,
)
from hub.doctor.at_once import WITHIN_S, Look, all_at_once
from hub.doctor.finding import Finding, Level, bad, ok, warn
from hub.doctor.telling import as_json, language, lines, summary
from hub.telling import roster

__all__ = ["Finding", "Level", "as_json", "examine", "language", "lines", "summary"]


def examine(folder: Path, environ: Mapping[str, str], time: Clock, *, thorough: bool) -> Iterator[Finding]:
    """One finding after the other, always in the same order; all is looked at at the same time, in 15 s.

    `thorough` reads every page of a ledger of any size, and of its backup, however long that takes.
    """
    unhurried = None if thorough else WITHIN_S
    try:
        town = load(folder, environ)
    except ConfigError as error:
        problem, more = error.problems[0], len(error.problems) - 1
        yield (
            bad("config.wrong", problem=problem, more=more)
            if more
            else bad("config.one_wrong", problem=problem)
        )
        yield from clock.clock(time)
        return
    site = town.site
    yield ok(
        "config.loads",
        name=(site.name, site.name_en),
        id=site.id,
        devices=len(town.devices),
        people=len(town.people),
    )
    if town.warnings:
        yield warn("config.warnings", number=len(town.warnings))
    if said := roster.ends(town, time.now()):
        yield warn("roster.ends", said=said)
    yield from all_at_once(
        [
            Look("ledger", lambda: ledger.file(town, time, thorough=thorough), unhurried),
            Look("backup", lambda: ledger.backups(town, time), unhurried),
            Look("clock", lambda: clock.clock(time)),
            Look("disk", lambda: machine.measures(town)),
            Look("service", machine.service),
            Look("broker", lambda: broker.broker(town)),
            Look("influx", lambda: influx.influx(town, time)),
            Look("grafana", lambda: grafana.grafana(town)),
            Look("pages", lambda: pages.pages(town)),
            Look("channels", lambda: _network(town, time)),
        ]
    )


def _network(town: Town, time: Clock) -> Iterator[Finding]:
    """Each server is asked once: for its name, whether it listens, and for its certificate."""
    channels = endpoints.of_channels(town)
    own = list(endpoints.of_hub(town))
    probes = network.probes([*own, *channels.endpoints])
    yield from reach.channels(channels, probes[len(own) :])
    yield from names.findings(probes)
    yield from certificates.findings(probes, time.now())
    yield from certificates.issuers(town.hub.mqtt.ca_file, time.now())
