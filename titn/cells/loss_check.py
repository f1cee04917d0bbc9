"""A loss is tried before its teacher is trained: whether it has something to compare."""

from titn.cells.network_check import fewer_at_once
from titn.losses.correlation import CorrelationDistillation
from titn.losses.features import AttentionTransfer, RelationalDistillation
from titn.losses.tempered import TemperedDistillation
from titn.losses.terms import Loss, maps_read
from titn.system.errors import ConfigError
from titn.training import build
from titn.types import ImageSpec


def parts_with_features(run: dict, spec: ImageSpec) -> build.Parts:
    """A run's objects, their loss connected to an untrained teacher if it compares features.

    The teacher has been planned, so that it can be built. ConfigError, besides those of
    `titn.training.build.parts`, if the maps have no places to compare.
    """
    loss = build.instantiate(run, "loss")
    if run["teacher"] is None or maps_read(loss) is None:
        return build.parts(run, spec)
    teacher = build.initialise_model(run["teacher"], spec)
    parts = build.parts(run, spec, teacher)
    if isinstance(loss, AttentionTransfer):
        features = [build.features_of(net, spec, loss.num_maps) for net in (parts.model, teacher)]
        sides = [[map.shape[-1] for map in one.maps] for one in features]
        if all(1 in pair for pair in zip(*sides, strict=True)):
            raise ConfigError(
                f"loss.stages={loss.num_maps}: each pair has a map of one pixel, to which all "
                "attention goes whatever it is; give more stages, or a model and a teacher with "
                "larger maps"
            )
    return parts


def check_standardized(loss: Loss, run: dict, spec: ImageSpec) -> None:
    """ConfigError for standardised logits of two classes: their order is left, and no gradient."""
    if spec.num_classes == 2 and isinstance(loss, TemperedDistillation) and loss.standardize:
        raise ConfigError(
            f"loss.standardize=true: loss={run['choices']['loss']} would teach nothing; of two "
            "classes, standardised, only the order is left; loss.standardize=false"
        )


def check_compared_images(loss: Loss, run: dict, num_images: int) -> None:
    """ConfigError if a loss that compares images sees fewer than three at once.

    Of two images there is one distance, which is its own mean, and two numbers correlate by 1 or
    -1, whatever they are: nothing to learn. num_images: to train on.
    """
    compares = isinstance(loss, RelationalDistillation) or (
        isinstance(loss, CorrelationDistillation) and loss.intra > 0
    )
    if compares and (too_few := fewer_at_once(3, run, num_images)):
        key, remedy = too_few
        raise ConfigError(
            f"{key}: loss={run['choices']['loss']} compares images, and sees fewer than three at "
            f"once; {remedy}"
        )
