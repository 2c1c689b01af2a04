"""Repeatable chance: the same seed and key give the same number on every machine and in every order."""

import random
import zlib

MASK = 0xFFFF_FFFF_FFFF_FFFF


def dice(seed: int, *key: object) -> random.Random:
    """A generator of its own for each key, so that one device more does not change what the others do."""
    return random.Random(f"{seed}/{'/'.join(map(str, key))}")  # noqa: S311  (a simulation, no secret)


def scatter(seed: int, key: str, n: int) -> float:
    """A number in [-1, 1) which depends on nothing but its arguments (splitmix64 finaliser)."""
    z = (n * 0x9E37_79B9_7F4A_7C15 + zlib.crc32(key.encode()) * 0xD1B5_4A32_D192_ED03 + seed) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB) & MASK
    return ((z ^ (z >> 31)) >> 11) / float(1 << 52) - 1.0


def ripple(seed: int, key: str, t: float, period: float) -> float:
    """Smooth noise in [-1, 1): `scatter` at every whole `period`, blended by a smoothstep in between."""
    n, u = divmod(t / period, 1.0)
    blend = u * u * (3.0 - 2.0 * u)
    return scatter(seed, key, int(n)) * (1.0 - blend) + scatter(seed, key, int(n) + 1) * blend
