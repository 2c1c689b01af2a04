"""What the pages use of others is what was published, and all of it is served and installed."""

import tomllib
from pathlib import Path

import pytest

from hub.console import vendor
from hub.console.vendor import PACKAGES, STATIC
from hub.web.files import FILES
from tests.data import ROOT


def test_every_file_is_unchanged_since_it_was_published() -> None:
    assert vendor.changed() == []


def test_a_file_that_somebody_has_mended_by_hand_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mended = tmp_path / "leaflet.js"
    mended.write_bytes((STATIC / "leaflet.js").read_bytes() + b"\n")
    package = PACKAGES[0]
    files = (vendor.Vendored(mended, "dist/leaflet.js", package.files[0].sha256),)
    monkeypatch.setattr(vendor, "PACKAGES", (vendor.Package("leaflet", "1.9.4", "BSD-2-Clause", files),))
    assert vendor.changed() == [mended]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_each_says_its_version_and_stands_beside_its_licence(package: vendor.Package) -> None:
    script, *_, licence = (file.path for file in package.files)
    assert package.version in script.read_text("utf-8")[:400]
    assert "Copyright" in licence.read_text("utf-8")
    assert licence.parent.name == "licenses"


@pytest.mark.parametrize("name", ["leaflet.js", "leaflet.css", "uplot.js", "uplot.css"])
def test_the_hub_serves_it_itself(name: str) -> None:
    assert FILES[name].body == (STATIC / name).read_bytes()


def test_licences_are_installed_with_it() -> None:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    data = said["tool"]["setuptools"]["package-data"]["hub"]
    assert "console/static/*" in data
    assert "console/static/licenses/*" in data
