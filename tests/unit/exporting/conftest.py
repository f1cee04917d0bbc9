import pytest

import titn
from titn.cells.reopen import FinishedRun, open_run

# Students of two tokens that train in a second, on a tenth of the digits.
SMALL = [
    "model=deit", "model.depth=2", "model.patch_dim=12", "dataset.image_size=8",
    "model.patch_size=4", "dataset.fraction=0.1", "epochs=1", "compile=none", "device=cpu",
    "precision=32-true", "optimizer.lr=0.01", "teacher=deit", "loss=hard", "teacher.epochs=1",
    "teacher.model.depth=1", "teacher.model.patch_dim=12", "teacher.model.patch_size=4",
]  # fmt: skip


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> FinishedRun:
    runs = tmp_path_factory.mktemp("exporting") / "runs"
    return open_run(titn.train([*SMALL, f"runs_dir={runs}"]).path)
