"""One file a payload family, each with `decode(model, fport, data) -> Frame`."""

from collections.abc import Callable, Collection

from devices.decoders import browan, decentlab, dragino, elsys, milesight, netvox
from devices.frame import Frame

Decode = Callable[[str, int | None, bytes], Frame]
"""(model, fPort, payload bytes) -> what they say. Pure. Raises BadFrameError with what was expected."""

FAMILIES: dict[str, Decode] = {
    "browan": browan.decode,
    "decentlab": decentlab.decode,
    "dragino": dragino.decode,
    "elsys": elsys.decode,
    "milesight": milesight.decode,
    "netvox": netvox.decode,
}

MODELS: dict[str, Collection[str]] = {
    "browan": browan.MODELS,
    "decentlab": decentlab.MODELS,
    "dragino": dragino.MODELS,
    "elsys": (),
    "milesight": milesight.MODELS,
    "netvox": netvox.MODELS,
}
"""Family -> endings of the model names which it knows; empty where all models send the same."""
