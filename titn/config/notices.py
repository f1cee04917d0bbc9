"""What can be trained, and is hardly meant: said once, before anything is trained."""

from collections.abc import Iterator

COSINE = "titn.optim.schedules.Cosine"
# Weights that have nothing to weigh with two classes: of all but the labelled one there is one, and
# two probabilities correlate by 1 or -1.
IDLE_OF_TWO = {
    "titn.losses.decoupled.DecoupledDistillation": "other_weight",
    "titn.losses.correlation.CorrelationDistillation": "inter",
}
# Data sets of digits, of which a mirrored one is none.
OF_DIGITS = ("digits", "mnist")


def notices(run: dict, num_classes: int, prefix: str = "") -> Iterator[str]:
    """Lines about a run, not about its teacher, each with a key and what to give it.

    run: as `titn.config.resolve.resolve` returns it. num_classes: of its data. prefix: what its
    keys begin with on the command line.
    """
    schedule, epochs = run["schedule"], run["epochs"]
    warmup = schedule.get("warmup_epochs", 0)
    if schedule["_target_"] == COSINE and warmup >= epochs > 0:
        yield (
            f"{prefix}schedule.warmup_epochs={warmup:g}: the rate grows through all of "
            f"{prefix}epochs={epochs} and never falls; give less, as "
            f"{prefix}schedule.warmup_epochs={epochs / 5:g}"
        )
    loss = run["loss"]
    idle = IDLE_OF_TWO.get(loss["_target_"])
    if num_classes == 2 and idle and loss[idle]:
        yield (
            f"{prefix}loss.{idle}={loss[idle]:g}: changes nothing with two classes; give "
            f"{prefix}loss.{idle}=0"
        )
    dataset, flip = run["choices"].get("dataset"), run["augment"].get("flip", 0)
    if dataset in OF_DIGITS and flip:
        yield (
            f"{prefix}augment.flip={flip:g}: mirrors the images of {dataset}, and a mirrored digit "
            f"is none; give {prefix}augment.flip=0"
        )
