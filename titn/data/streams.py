"""Named streams of random draws, so that nothing random depends on what was drawn before it."""

import zlib

import numpy as np


def stream(purpose: str, seed: int, *counters: int) -> np.random.Generator:
    """A generator that depends on the purpose, the seed and the counters (epoch, step) alone.

    Streams of different purposes are independent: changing how views are drawn leaves the order
    of the samples as it was.
    """
    return np.random.default_rng([zlib.crc32(purpose.encode()), seed, *counters])


def draw_seed(purpose: str, seed: int, *counters: int) -> int:
    """A seed from such a stream, for parts of libraries that draw from torch's own generator."""
    return int(stream(purpose, seed, *counters).integers(2**32))
