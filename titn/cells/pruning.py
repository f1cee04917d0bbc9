"""A run that is ended before its last epoch, because it promises too little."""

from collections.abc import Callable

# Asked with the row of each epoch, those before a resume included: whether the run ends after it.
Prunes = Callable[[dict], bool]


class PrunedError(Exception):
    """epoch: after which the run ended, counted from 1. wall_secs: that it took until then."""

    def __init__(self, epoch: int, epochs: int, wall_secs: float):
        super().__init__(f"pruned after epoch {epoch} of {epochs}")
        self.epoch = epoch
        self.wall_secs = wall_secs
