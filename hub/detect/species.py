"""What an animal sensor's signal is taken for. Pure."""

from devices.frame import Signal
from hub.config.policy import WildlifePolicy

BEARS = frozenset({"bear", "brown_bear"})
PERSON = "person"
UNKNOWN = "unknown"


def is_sign(signal: Signal) -> bool:
    return signal.type == "animal" or (signal.type == "motion" and signal.state != "off")


def taken_for(policy: WildlifePolicy, signal: Signal) -> tuple[str, bool]:
    """The species of a signal, and whether that is sure.

    A species stated without a confidence is the device's own decision. What is unsure is an unknown animal,
    but for the species that are ignored: those are not made into animals by doubt.
    """
    species = signal.species.lower()
    if signal.type == "motion" or not species:
        return UNKNOWN, False
    least = policy.bear_min_confidence if species in BEARS else policy.species_min_confidence
    sure = species != UNKNOWN and (signal.confidence is None or signal.confidence >= least)
    return (species if sure or species == PERSON or species in policy.ignore else UNKNOWN), sure


def rank(species: str) -> int:
    """Which species names a visit in which several were seen."""
    return 3 if species in BEARS else 2 if species == "boar" else 1 if species != UNKNOWN else 0
