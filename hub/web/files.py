"""Style sheets, read once: small enough to be held, and at an address that changes with what they hold."""

from hashlib import sha256
from pathlib import Path

from msgspec import Struct

TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


class Asset(Struct, frozen=True):
    url: str
    type: str
    body: bytes


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(f"/static/{path.name}?{sha256(body).hexdigest()[:8]}", TYPES[path.suffix], body)


FILES = {path.name: _read(path) for path in sorted((Path(__file__).parent / "static").glob("*.*"))}
URLS = {name: asset.url for name, asset in FILES.items()}
