"""Profiles: the models of device that come with the hub, and a town's own."""

from collections.abc import Hashable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import ValidationError

from devices.decoders import FAMILIES, MODELS
from devices.frame import STATES
from hub.config.shapes import Profile

DECODERS = ("naruko", "json", *FAMILIES)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeys(_Loader):  # type: ignore[misc]
    """Refuses a key that stands twice: YAML takes the last and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        keys = [key.value for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {min(twice)!r} stands twice", node.start_mark
            )
        found: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return found


def load_profiles(extra_dir: Path | None = None) -> dict[str, Profile]:
    """Model -> profile, of the package and of `extra_dir`, where a town's own replaces one of the same model.

    Raises ValueError with a line `file: reason` for every file that is wrong.
    """
    errors: list[str] = []
    profiles: dict[str, Profile] = {}
    folders: list[Traversable] = [files("devices").joinpath("profiles")]
    if extra_dir is not None:
        folders.append(extra_dir)
    for folder in folders:
        for file in _profile_files(folder):
            profile, reasons = read_profile(file)
            errors += (f"{file}: {reason}" for reason in reasons)
            if profile is not None:
                profiles[profile.model] = profile
    if errors:
        raise ValueError("\n".join(errors))
    return profiles


def _profile_files(folder: Traversable) -> Iterator[Traversable]:
    """`<model>.yaml`; the worked examples beside them are `<model>.examples.yaml`."""
    if folder.is_dir():
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".yaml") and not file.name.endswith(".examples.yaml"):
                yield file


def read_profile(file: Traversable) -> tuple[Profile | None, list[str]]:
    """One profile, or why it is none."""
    try:
        # _UniqueKeys is a safe loader.
        profile = Profile.model_validate(yaml.load(file.read_text("utf-8"), _UniqueKeys))  # noqa: S506
    except ValidationError as error:
        return None, [
            f"{'.'.join(map(str, fault['loc'])) or 'profile'}: {fault['msg']}" for fault in error.errors()
        ]
    except yaml.YAMLError as error:
        return None, [" ".join(str(error).split())]
    except (OSError, UnicodeDecodeError) as error:
        return None, [str(error)]
    return profile, _faults(profile, file.name)


def _faults(profile: Profile, name: str) -> list[str]:
    """What a single field cannot know."""
    faults = []
    if name != f"{profile.model}.yaml":
        faults.append(f"model {profile.model!r} belongs into {profile.model}.yaml")
    if profile.decoder not in DECODERS:
        faults.append(f"decoder {profile.decoder!r} is none of {', '.join(DECODERS)}")
    known = MODELS.get(profile.decoder, ())
    if known and not any(profile.model == end or profile.model.endswith("-" + end) for end in known):
        faults.append(
            f"model {profile.model!r} must end in the name of one that decoder "
            f"{profile.decoder!r} knows: {', '.join(sorted(known))}"
        )
    for quantity, limits in profile.quantities.items():
        if limits.min >= limits.max:
            faults.append(f"quantities.{quantity}: min {limits.min} is not below max {limits.max}")
    for i, sign in enumerate(profile.signals):
        if sign.state and sign.state not in STATES[sign.type]:
            faults.append(
                f"signals.{i}: {sign.type} has no state {sign.state!r}: {', '.join(STATES[sign.type])}"
            )
    if profile.time and not _is_zone(profile.time.zone):
        faults.append(f"time.zone: {profile.time.zone!r} is no time zone")
    if profile.battery and profile.battery.low > profile.battery.ok:
        faults.append(f"battery: low {profile.battery.low} is above ok {profile.battery.ok}")
    return faults


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
