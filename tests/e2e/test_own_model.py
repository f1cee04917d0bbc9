"""A network of one's own is edited: no command serves what the old code gave as the new code's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import run
from PIL import Image

SOURCE = """
from torch import nn

from titn.models.layers import Normalise
from titn.types import ImageSpec, Output


class Own(nn.Module):
    has_distillation_token = False

    def __init__(self, images: ImageSpec, width: int = 4):
        super().__init__()
        self.normalise = Normalise(images)
        self.conv = nn.Conv2d(images.channels, width, 3)
        self.head = nn.Linear(width, images.num_classes)

    def forward(self, images):
        logits = self.head(self.conv(self.normalise(images)).relu().mean((2, 3)))
        return Output(logits, logits)
"""
FILE = "_target_: own_networks.Own\n_recipe_: cnn\n_lr_: 1e-2\nwidth: 8\n"
OWN = (
    "model=own", "dataset.image_size=8", "dataset.fraction=0.1", "epochs=1", "augment=none",
    "teacher=none", "compile=none", "device=cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def edited(tmp_path_factory) -> Iterator[Path]:
    """Two seeds are recorded in runs/, then the network's activation is another."""
    place = tmp_path_factory.mktemp("own")
    (place / "conf/model").mkdir(parents=True)
    (place / "conf/model/own.yaml").write_text(FILE)
    (place / "own_networks.py").write_text(SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(place)
        made = run("train", "--multirun", "--config-dir=conf", *OWN, "seed=0,1", cwd=place)
        assert made.code == 0, made.err
        (place / "own_networks.py").write_text(SOURCE.replace("relu()", "square()"))
        yield place


def a_run(directory: Path) -> str:
    return str(next(path.parent for path in directory.glob("runs/*/result.json")))


def test_the_old_codes_record_is_not_the_new_codes(edited):
    again = run("train", "--config-dir=conf", *OWN, cwd=edited)
    assert (again.code, again.out) == (2, "")
    (line,) = again.complaints
    assert "was made by other source code" in line
    assert line.endswith("keep it and choose runs_dir=DIR, or force=true to replace it")


def test_a_sweep_does_not_add_to_the_old_codes_records(edited):
    again = run("train", "--multirun", "--config-dir=conf", *OWN, "seed=0,1,2", cwd=edited)
    assert again.code == 2
    assert "2 of 3 cells were made by other source code" in again.complaints[-1]


def test_what_reopens_an_old_run_says_so(edited):
    Image.new("RGB", (8, 8)).save(edited / "x.png")
    for command, arguments in (("evaluate", []), ("predict", ["x.png"])):
        asked = run(command, a_run(edited), *arguments, "--trust", cwd=edited)
        assert "was made by other source code (" in asked.complaints[0]


def test_a_page_does_not_pool_old_and_new(edited):
    other = ("seed=2,3", "runs_dir=new")
    made = run("train", "--multirun", "--config-dir=conf", *OWN, *other, cwd=edited)
    assert made.code == 0, made.err
    assert run("report", "runs", "new", "--out", "pages", cwd=edited).code == 0
    page = (edited / "pages/multirun.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| **one row**")]
    assert len(rows) == 2
    assert all(row.rstrip(" |").endswith("| 2") for row in rows)
