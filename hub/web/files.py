"""Style sheets and the like, read once and held, at addresses that change with what they hold."""

from hashlib import sha256
from pathlib import Path

from msgspec import Struct

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


class Asset(Struct, frozen=True):
    url: str
    type: str
    body: bytes


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(f"/static/{path.name}?{sha256(body).hexdigest()[:8]}", TYPES[path.suffix], body)


ROOMS = (Path(__file__).parent, Path(__file__).parents[1] / "console")
FILES = {path.name: _read(path) for room in ROOMS for path in sorted((room / "static").glob("*.*"))}
URLS = {name: asset.url for name, asset in FILES.items()}
