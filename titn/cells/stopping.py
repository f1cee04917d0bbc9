"""The early stop of a run on its validation split, which its key `patience` asks for."""

from collections.abc import Sequence


class StoppedError(Exception):
    """The patience of a run is at an end. It is recorded as it is, and nothing has failed."""


def is_out_of_patience(rows: Sequence[dict], patience: int | None) -> bool:
    """Whether the best loss is `patience` epochs old, or more: Prechelt's (1998) third criterion.

    rows: of all epochs so far, each with the loss `nll` on the validation split; of equal losses
    the first is the best. It looks at nothing else, so that a resumed run stops where it would
    have. patience: None for a run that is never stopped.

    >>> rows = [{"epoch": i, "nll": nll} for i, nll in enumerate([2.0, 1.0, 1.5, 1.0], start=1)]
    >>> is_out_of_patience(rows, 2), is_out_of_patience(rows, 3)
    (True, False)
    """
    if patience is None or not rows:
        return False
    best = min(rows, key=lambda row: (row["nll"], row["epoch"]))
    return rows[-1]["epoch"] - best["epoch"] >= patience
