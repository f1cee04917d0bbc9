import os

# One thread for each test's process: the networks are tiny, and threads that wait for each other
# on a busy machine cost more than they give. Before torch is imported, or it has no effect.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hydra import compose, initialize_config_dir

from titn import config


@pytest.fixture
def composed():
    """The checked configuration of a command line."""

    def compose_run(*overrides: str) -> dict:
        with initialize_config_dir(config.conf_dir(), version_base="1.3"):
            return config.resolve(compose("config", list(overrides)))

    return compose_run


# A student that trains in a second, on digits of 8x8 pixels.
TINY = (
    "dataset.image_size=8",
    "model.patch_size=4",
    "model.pixel_size=2",
    "model.depth=1",
    "model.patch_dim=12",
    "model.outer_heads=2",
    "epochs=2",
    "batch_size=256",
    "precision=32-true",
    "device=cpu",
)


@pytest.fixture
def tiny(composed, tmp_path):
    """A tiny run's configuration, in a directory of its own."""

    def compose_tiny(*overrides: str) -> dict:
        return composed(*TINY, f"runs_dir={tmp_path / 'runs'}", *overrides)

    return compose_tiny
