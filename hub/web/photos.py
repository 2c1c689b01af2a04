"""Pictures of captures: taken in as what they are, without the place where they were taken, for a time.

A phone writes its position, its owner and its serial number into a picture. What remains here is the picture,
and which way up it is.
"""

import os
import struct
from pathlib import Path
from secrets import token_hex

from devices.frame import Millis
from hub.config.settings import Web

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
TYPES = {".jpg": "image/jpeg", ".png": "image/png"}
LIMIT = 8_000_000
MOST = 20
"""Of one alert: the disk is the ledger's too."""
TEXTS = frozenset({b"eXIf", b"tEXt", b"iTXt", b"zTXt", b"tIME"})
ORIENTATION = 0x0112


class PhotoError(ValueError):
    """Not a picture that is taken; the text is the key of what to say: `large`, `kind` or `disk`."""


def stripped(data: bytes) -> tuple[bytes, str]:
    """The picture without what was written into it, and its suffix. PhotoError: too large, no JPEG or PNG."""
    if len(data) > LIMIT:
        raise PhotoError("large")
    try:
        if data.startswith(JPEG):
            return _jpeg(data), ".jpg"
        if data.startswith(PNG):
            return _png(data), ".png"
    except (struct.error, IndexError) as error:
        raise PhotoError("kind") from error
    raise PhotoError("kind")


def _jpeg(data: bytes) -> bytes:
    """Segments up to the scan, without APP1 to APP15 and comments (ITU-T T.81, B.1.1; Exif 2.3, 4.5)."""
    kept, at, turned = [data[:2]], 2, 1
    while True:
        mark, code, length = struct.unpack_from(">BBH", data, at)
        if mark != 0xFF or length < 2:
            raise PhotoError("kind")
        segment, at = data[at : at + 2 + length], at + 2 + length
        if code == 0xE1 and segment[4:10] == b"Exif\0\0":
            turned = _orientation(segment[10:])
        elif code == 0xDA:
            kept.append(segment)
            break
        elif not (0xE1 <= code <= 0xEF or code == 0xFE):
            kept.append(segment)
    if turned != 1:
        kept.insert(1, b"\xff\xe1\x00\x22Exif\0\0" + _only_orientation(turned))
    return b"".join([*kept, data[at:]])


def _orientation(tiff: bytes) -> int:
    order = ">" if tiff[:2] == b"MM" else "<"
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, start)
    for index in range(min(count, 64)):
        tag, _kind, _number, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * index)
        if tag == ORIENTATION:
            return value if 1 <= value <= 8 else 1
    return 1


def _only_orientation(turned: int) -> bytes:
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, 3, 1, turned, 0, 0)


def _png(data: bytes) -> bytes:
    kept, at = [PNG], len(PNG)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind not in TEXTS:
            kept.append(data[at : at + 12 + length])
        at += 12 + length
        if kind == b"IEND":
            break
    return b"".join(kept)


class Photos:
    """The folder of pictures. A name is the alert and what nobody can guess. May run in a thread."""

    def __init__(self, settings: Web) -> None:
        self._folder = settings.photos
        self._keep = settings.keep_photos

    def keep(self, alert_id: str, data: bytes) -> str:
        """Stores a picture and returns its name. PhotoError as `stripped`, and `disk` after
        MOST of an alert; OSError: the disk."""
        picture, suffix = stripped(data)
        if sum(1 for _ in self._folder.glob(f"{alert_id}-*")) >= MOST:
            raise PhotoError("disk")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{alert_id}-{token_hex(8)}{suffix}"
        path = self._folder / name
        with path.open("xb") as file:
            path.chmod(0o600)
            file.write(picture)
            file.flush()
            os.fsync(file.fileno())
        return name

    def find(self, alert_id: str, name: str) -> tuple[bytes, str] | None:
        """A picture of this alert with its type; None: there is none of that name."""
        path = self._folder / Path(name).name
        kind = TYPES.get(path.suffix)
        if kind is None or path.name != name or not name.startswith(f"{alert_id}-"):
            return None
        try:
            return path.read_bytes(), kind
        except (OSError, ValueError):  # ValueError: a NUL in the name
            return None

    def forget(self, now: Millis) -> int:
        """Deletes what is older than it may be kept; returns how many."""
        old = [
            path
            for path in self._folder.glob("*-*.*")
            if path.suffix in TYPES and path.stat().st_mtime * 1000 < now - self._keep
        ]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)
