"""Topic and envelope to what one device says. What cannot be read is put aside with a reason."""

from hub.decode.decoder import Decoder, fingerprint
from hub.decode.payload import QuarantineError

__all__ = ["Decoder", "QuarantineError", "fingerprint"]
