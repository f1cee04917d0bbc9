"""A run on made-up images: speed does not depend on what they show, nor on what was learned."""

import torch

from titn.data.images import Dataset, Images
from titn.training import build, hardware
from titn.training.accumulation import assemble_accumulated
from titn.training.answer_cache import AnswerCache
from titn.training.assembly import AssembledRun
from titn.training.engine import EVALUATION_BATCH
from titn.types import ImageSpec, image_spec

# So many that compiling pays in any case: what is measured is a long run's step.
EPOCHS = 10**6


def assemble_made_up(
    run: dict, steps: int, num_classes: int, answer_cache: AnswerCache | None = None
) -> AssembledRun:
    """A run with `steps` batches of noise; its teacher is not trained."""
    device = hardware.device(run["device"])
    precision = hardware.precision(run["precision"], device)
    run = run | {"epochs": EPOCHS, "tensorboard": False}
    spec = image_spec(run["dataset"], num_classes)
    torch.manual_seed(run["seed"])
    teacher = None
    if run["teacher"] is not None:
        teacher = build.instantiate(run["teacher"], "model", images=spec)
    return assemble_accumulated(
        run,
        parts=build.parts(run, spec, teacher),
        dataset=made_up_dataset(spec, steps * run["batch_size"]),
        fabric=hardware.fabric(device, precision),
        precision=precision,
        teacher=teacher,
        answer_cache=answer_cache,
    )


def made_up_dataset(spec: ImageSpec, num_train: int) -> Dataset:
    """Noise with labels: `num_train` images, and two batches to evaluate."""
    train, evaluated = (
        Images(
            torch.randint(256, (n, spec.channels, spec.size, spec.size), dtype=torch.uint8),
            torch.randint(spec.num_classes, (n,)),
        )
        for n in (num_train, 2 * EVALUATION_BATCH)
    )
    names = tuple(str(label) for label in range(spec.num_classes))
    return Dataset("made up", train, evaluated, "test", names, digest="")
