"""File systems of their own for a test: small, full, read-only, or looked at as a power cut leaves them."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import LEFT_OUT

OPTIONS = "loop,data=ordered,errors=remount-ro"


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


def _unmount(folder: Path) -> None:
    """Of what somebody still looks at at least the name goes."""
    try:
        _run("umount", folder)
    except subprocess.CalledProcessError:
        _run("umount", "-l", folder)


def _needs_root() -> None:
    if os.geteuid():
        pytest.skip(f"{LEFT_OUT}: only root may mount")


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of so many megabytes in memory, mounted at `folder`. Left out where that is not permitted."""
    _needs_root()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{LEFT_OUT}: no mount of a tmpfs ({error.stderr.decode().strip()})")
    try:
        yield folder
    finally:
        _unmount(folder)


class Ext4:
    """An ext4 file system in the file `image`, mounted at `folder`."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.image = image
        self.folder = folder

    def fails(self) -> None:
        """The kernel has met an error and lets nobody write any more: what an SD card's end looks like."""
        _run("mount", "-o", "remount,abort", self.folder)

    def is_mounted_again(self) -> None:
        """After a restart of the machine, say."""
        _run("umount", self.folder)
        _run("mount", "-o", OPTIONS, self.image, self.folder)

    def as_after_a_power_cut(self) -> bytes:
        """What is on the disk this moment: of what the kernel still holds back, nothing."""
        before = self.image.read_bytes()
        while (now := self.image.read_bytes()) != before:
            before = now
        return now


@contextlib.contextmanager
def ext4(image: Path, folder: Path, megabytes: int | None = None) -> Iterator[Ext4]:
    """A new one of `megabytes`, or the one that is in the image already."""
    _needs_root()
    folder.mkdir(parents=True, exist_ok=True)
    if megabytes is not None:
        with image.open("wb") as file:
            file.truncate(megabytes * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", image)
    try:
        _run("mount", "-o", OPTIONS, image, folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{LEFT_OUT}: no mount of an image ({error.stderr.decode().strip()})")
    try:
        yield Ext4(image, folder)
    finally:
        _unmount(folder)
