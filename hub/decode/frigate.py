"""Frigate: `frigate/events`. One object is one happening, however often its camera reports it."""

from datetime import tzinfo

import msgspec
from msgspec import Struct

from devices.frame import Frame, Signal
from hub.decode.mapping import confidence
from hub.decode.payload import parse, plain
from hub.decode.times import parse_time
from hub.decode.unit import Envelope

SPECIES = {
    "dog": "pet",
    "cat": "pet",
    "car": "vehicle",
    "truck": "vehicle",
    "bus": "vehicle",
    "motorcycle": "vehicle",
    "bicycle": "vehicle",
    "wild_boar": "boar",
    "wild boar": "boar",
}
"""Label -> our id, where the label is not the id already."""


class Seen(Struct):
    id: str
    camera: str
    label: str = "unknown"
    frame_time: float | None = None
    end_time: float | None = None
    score: float | None = None
    top_score: float | None = None
    false_positive: bool = False


class Report(Struct):
    after: Seen
    type: str = ""


_REPORT = msgspec.json.Decoder(Report)


def read(payload: bytes, zone: tzinfo) -> Envelope:
    """new, update and end of one object carry one key; what Frigate takes back as false says nothing."""
    report = parse(_REPORT, payload)
    seen = report.after
    label = plain(seen.label).lower()
    signals: tuple[Signal, ...] = ()
    if not seen.false_positive:
        best = seen.top_score if seen.top_score is not None else seen.score
        signals = (
            Signal(
                "animal", species=SPECIES.get(label, label), confidence=confidence(best), key=plain(seen.id)
            ),
        )
    return Envelope(
        at=parse_time(seen.end_time or seen.frame_time, zone),
        identity=f"{plain(seen.id)}/{plain(report.type)}/{seen.end_time or seen.frame_time}",
        frame=Frame(signals=signals),
        addresses=(plain(seen.camera),),
    )
