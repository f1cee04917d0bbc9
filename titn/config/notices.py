"""What can be trained, and is hardly meant: said once, before anything is trained."""

from collections.abc import Iterator

COSINE = "titn.optim.schedules.Cosine"
# Data sets of digits, of which a mirrored one is none.
OF_DIGITS = ("digits", "mnist")


def notices(run: dict, prefix: str = "") -> Iterator[str]:
    """Lines about a run, not about its teacher, each with a key and what to give it.

    run: as `titn.config.resolve.resolve` returns it. prefix: what its keys begin with on the
    command line.
    """
    schedule, epochs = run["schedule"], run["epochs"]
    warmup = schedule.get("warmup_epochs", 0)
    if schedule["_target_"] == COSINE and warmup >= epochs > 0:
        yield (
            f"{prefix}schedule.warmup_epochs={warmup:g}: the rate grows through all of "
            f"{prefix}epochs={epochs} and never falls; give less, as "
            f"{prefix}schedule.warmup_epochs={epochs / 5:g}"
        )
    dataset, flip = run["choices"].get("dataset"), run["augment"].get("flip", 0)
    if dataset in OF_DIGITS and flip:
        yield (
            f"{prefix}augment.flip={flip:g}: mirrors the images of {dataset}, and a mirrored digit "
            f"is none; give {prefix}augment.flip=0"
        )
