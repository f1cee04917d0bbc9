"""A loss that has nothing to compare is refused before its teacher is trained."""

import pytest

from titn.cells.planning import Planner
from titn.system.errors import ConfigError

# Maps of 4x4 patches, and a transformer as teacher with as many.
STUDENT = (
    "dataset.image_size=8", "dataset.fraction=0.1", "model=vit", "model.patch_size=2",
    "model.depth=2", "model.patch_dim=12", "model.heads=1", "batch_size=6",
)  # fmt: skip
TEACHER = (
    "teacher=vit", "teacher.model.patch_size=2", "teacher.model.depth=2",
    "teacher.model.patch_dim=12", "teacher.model.heads=1",
)  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("loss=guidance", "loss.stages=2"), None),
        (("loss=guidance", "loss.stages=3"), "loss.stages=3: a network has 2 layers; take at most"),
        (("loss=attention_transfer", "loss.stages=2"), None),
        (
            ("loss=attention_transfer", "loss.stages=2", "teacher.model.patch_size=8"),
            "loss.stages=2: each pair has a map of one pixel, to which all attention goes",
        ),
        (("loss=dist", "batch_size=1"), "batch_size=1: loss=CorrelationDistillation compares im"),
        (("loss=dist", "batch_size=2", "loss.intra=0"), None),
        (
            ("loss=rkd", "accumulate=3"),
            "accumulate=3: loss=RelationalDistillation compares images, and sees fewer than three "
            "at once; give 2 or less",
        ),
        (("loss=rkd", "accumulate=2"), None),
        # 143 images are fewer than a batch.
        (("loss=rkd", "batch_size=1000", "accumulate=72"), "accumulate=72: loss=RelationalDistil"),
        (("loss=soft", "accumulate=6"), None),
        (("loss=dist", "loss.standardize=true", "dataset.num_classes=2"),
         "loss.standardize=true: loss=CorrelationDistillation would teach nothing"),
        (("loss=dist", "loss.standardize=true", "dataset.num_classes=3"), None),
        # What is wrong with a teacher is said of the teacher.
        (
            ("loss=guidance", "loss.stages=2", "teacher.model.patch_embed=conv",
             "teacher.model.patch_size=1"),
            "teacher.model.patch_size=1: a convolutional stem needs 2, 4, 8 or 16",
        ),
    ],
)  # fmt: skip
def test_a_loss_has_something_to_compare(composed, overrides, line):
    run = composed(*STUDENT, *TEACHER, *overrides)
    if line is None:
        Planner().plan(run)
        return
    with pytest.raises(ConfigError) as raised:
        Planner().plan(run)
    assert str(raised.value).startswith(line)
