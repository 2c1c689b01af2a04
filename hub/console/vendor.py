"""What the pages use of others, held beside our own files: `python -m hub.console.vendor` fetches it.

Exact versions, unchanged files, each with its licence. A file whose sha256 is not the one that stands here is
not written.
"""

import subprocess
import sys
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

STATIC = Path(__file__).parent / "static"
LICENCES = STATIC / "licenses"


class Vendored(Struct, frozen=True):
    """One file of an npm package as we serve it. `inside` is its path in the package."""

    path: Path
    inside: str
    sha256: str


class Package(Struct, frozen=True):
    name: str
    version: str
    licence: str
    files: tuple[Vendored, ...]


PACKAGES = (
    Package(
        "leaflet",
        "1.9.4",
        "BSD-2-Clause",
        (
            Vendored(
                STATIC / "leaflet.js",
                "dist/leaflet.js",
                "db49d009c841f5ca34a888c96511ae936fd9f5533e90d8b2c4d57596f4e5641a",
            ),
            Vendored(
                STATIC / "leaflet.css",
                "dist/leaflet.css",
                "a7837102824184820dfa198d1ebcd109ff6d0ff9a2672a074b9a1b4d147d04c6",
            ),
            Vendored(
                LICENCES / "leaflet.txt",
                "LICENSE",
                "53e8dc25862014e4324741ca18fbe3611e11d42ef69f59f86ea8c5389647d4cb",
            ),
        ),
    ),
    Package(
        "uplot",
        "1.6.32",
        "MIT",
        (
            Vendored(
                STATIC / "uplot.js",
                "dist/uPlot.iife.min.js",
                "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
            ),
            Vendored(
                STATIC / "uplot.css",
                "dist/uPlot.min.css",
                "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
            ),
            Vendored(
                LICENCES / "uplot.txt",
                "LICENSE",
                "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
            ),
        ),
    ),
)


def changed() -> list[Path]:
    """The files that are missing or not as they were published."""
    return [
        file.path
        for package in PACKAGES
        for file in package.files
        if not file.path.is_file() or sha256(file.path.read_bytes()).hexdigest() != file.sha256
    ]


def fetch(package: Package, folder: Path) -> None:
    """Writes the files of one package, which `npm` puts into `folder` first.

    Raises ValueError where a file is not the one that is meant, CalledProcessError where npm cannot get it.
    """
    named = f"{package.name}@{package.version}"
    subprocess.run(["npm", "pack", "--silent", named], cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603, S607
    with tarfile.open(folder / f"{package.name}-{package.version}.tgz") as archive:
        for file in package.files:
            member = archive.extractfile(f"package/{file.inside}")
            body = member.read() if member else b""
            if (found := sha256(body).hexdigest()) != file.sha256:
                raise ValueError(f"{named}: {file.inside} has sha256 {found}, not {file.sha256}")
            file.path.parent.mkdir(exist_ok=True)
            file.path.write_bytes(body)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        for package in PACKAGES:
            fetch(package, Path(folder))
            sys.stdout.write(f"{package.name} {package.version} ({package.licence})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
