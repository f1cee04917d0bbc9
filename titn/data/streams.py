"""Named streams of random numbers, so that no draw depends on what was drawn before it."""

import zlib

import numpy as np


def stream(purpose: str, seed: int, *counters: int) -> np.random.Generator:
    """A NumPy generator seeded by the purpose, the seed and the counters (epoch, step) alone.

    Streams of different purposes are independent: changing how views are drawn leaves the order
    of the samples as it was. The purpose is part of the seed, so renaming one changes every run.
    """
    # CRC32 and not `hash`, which differs from process to process.
    return np.random.default_rng([zlib.crc32(purpose.encode()), seed, *counters])


def draw_seed(purpose: str, seed: int, *counters: int) -> int:
    """A 32-bit seed from such a stream, for what draws from torch's global generator."""
    return int(stream(purpose, seed, *counters).integers(2**32))
