"""Each fast path against the plain one: the losses of the first 20 steps, on the digits."""

import pytest
import torch

from titn.data.batches import training_batches
from titn.training import build, hardware
from titn.training.answer_cache import AnswerCache, Labels, Logits
from titn.training.assembly import assemble
from titn.types import ImageSpec

STEPS = 20
RUN = (
    "teacher=resnet18",
    "model.depth=2",
    "model.patch_dim=24",
    "batch_size=8",
    "dataset.fraction=0.125",  # 180 images
    "device=cpu",
    "precision=32-true",
    "optimizer.lr=1e-3",
)


@pytest.fixture(scope="module")
def dataset_of():
    """The digits, read once."""
    known = {}

    def dataset(run):
        if not known:
            known["digits"] = build.dataset(run)
        return known["digits"]

    return dataset


@pytest.fixture
def losses(composed, dataset_of):
    """The losses of the first steps of a run with these switches."""

    def of(*switches: str, answer_cache: AnswerCache | None = None) -> list[float]:
        run = composed(*RUN, *switches)
        dataset, precision = dataset_of(run), run["precision"]
        spec: ImageSpec = dataset.spec
        device = hardware.device(run["device"])
        parts = build.parts(run, spec)  # seeded; the teacher's weights follow from what it left
        made = assemble(
            run,
            parts=parts,
            dataset=dataset,
            fabric=hardware.fabric(device, precision),
            precision=precision,
            teacher=build.instantiate(run["teacher"], "model", images=spec),
            answer_cache=answer_cache,
        )
        task, found = made.task, []
        settings = {"batch_size": task.batch_size, "seed": task.seed, "epoch": 0}
        task.objective.student.train()
        for batch in training_batches(task.dataset.train, task.view, task.mix, **settings):
            torch.manual_seed(len(found))  # as the engine seeds each step's noise
            task.optimizer.zero_grad()
            terms = task.objective.gradients(batch, task.fabric.backward)
            task.optimizer.step()
            found.append(terms["loss"].item())
        assert len(found) >= STEPS
        return found[:STEPS]

    return of


PLAIN = ("compile=none", "fold_teacher=false")


@pytest.fixture(scope="module")
def of_plain_path():
    """Filled by the first test."""
    return []


@pytest.fixture
def plain(losses, of_plain_path):
    """The losses without a fast path, computed once."""
    if not of_plain_path:
        of_plain_path += losses(*PLAIN)
    return of_plain_path


def test_compiled_layers(losses, plain):
    assert losses("compile=layers", "fold_teacher=false") == pytest.approx(plain, rel=1e-4)


@pytest.mark.long
def test_compiled_layers_in_bf16(losses):
    half = ("precision=bf16-mixed", "fold_teacher=false")
    assert losses("compile=layers", *half) == pytest.approx(losses("compile=none", *half), rel=0.02)


@pytest.mark.long
def test_compiled_layers_drop_the_same_branches(losses):
    noisy = ("model.drop_path=0.5", "fold_teacher=false")
    assert losses("compile=layers", *noisy) == pytest.approx(
        losses("compile=none", *noisy), rel=1e-4
    )


def test_a_folded_teacher(losses, plain):
    # A label that hung by a rounding would show as one loss of another size.
    assert losses("compile=none", "fold_teacher=true") == pytest.approx(plain, rel=1e-4)


def test_cached_labels_change_nothing_at_all(losses, plain, tmp_path):
    steps = 180 // 8
    first, second = (AnswerCache(tmp_path, Labels(), {}, steps) for _ in range(2))
    heard = losses(*PLAIN, answer_cache=first)
    assert losses(*PLAIN, answer_cache=second) == heard == plain
    assert second.hit_rate == 1.0


def test_cached_logits_change_nothing_at_all(losses, tmp_path):
    steps = 180 // 8
    first, second = (AnswerCache(tmp_path, Logits(), {}, steps) for _ in range(2))
    heard = losses(*PLAIN, "loss=soft", answer_cache=first)
    assert losses(*PLAIN, "loss=soft", answer_cache=second) == heard
    assert second.hit_rate == 1.0
    assert losses(*PLAIN, "loss=soft") == heard
