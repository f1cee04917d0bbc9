import pytest

import titn

# A student that trains in a second, on a tenth of the digits.
SMALL = [
    "model=deit", "model.depth=1", "model.patch_dim=12", "dataset.image_size=8",
    "model.patch_size=4", "dataset.fraction=0.1", "epochs=1", "compile=none", "device=cpu",
    "precision=32-true",
]  # fmt: skip


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> list[str]:
    """Overrides of a small run, in a directory of its own."""
    return [*SMALL, f"runs_dir={tmp_path_factory.mktemp('api') / 'runs'}"]


@pytest.fixture(scope="session")
def trained(small) -> titn.Run:
    return titn.train(small)
