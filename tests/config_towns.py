"""Folders of a town for the tests of the loader: the good town with some of its files replaced."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from hub.config.document import ConfigError
from hub.config.load import load

FIXTURES = Path(__file__).parent / "config_fixtures"

Files = Mapping[str, str | bytes | None]
"""Content by name; None takes the file away."""


class Make(Protocol):
    def __call__(self, files: Files | None = None, *, overlay: str = "") -> Path: ...


def make_town(folder: Path, files: Files | None = None, *, overlay: str = "") -> Path:
    """A fresh copy of the good town, with the files of a fixture over it, and `files` over these."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FIXTURES / "good", folder)
    if overlay:
        shutil.copytree(FIXTURES / overlay, folder, dirs_exist_ok=True)
        (folder / "expected.txt").unlink(missing_ok=True)
    for name, content in (files or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def problems_of(folder: Path, env: Mapping[str, str] | None = None) -> list[str]:
    """What loading says, with the names of files as they stand in the folder."""
    with pytest.raises(ConfigError) as caught:
        load(folder, env or {})
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]
