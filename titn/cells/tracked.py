"""A cell as trackers see it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from titn.cells.cell import Cell
from titn.cells.pruning import PrunedError
from titn.system.progress import LABEL, SWEEP
from titn.tracking.numbers import settings_of
from titn.tracking.protocol import TrackedRun
from titn.tracking.tracking import Tracking, tracking

# How a run is found and made, which is not what it is.
NOT_SETTINGS = ("run_dir", "runs_dir", "force", "retry", "tracker", "tensorboard")


@contextmanager
def tracked(cell: Cell, rows: Sequence[dict]) -> Iterator[list[Tracking]]:
    """What the trackers of a cell are told while it is made; none are chosen by default.

    rows: of the epochs before a resume.
    """
    run = cell.run
    choices = [] if run["tracker"] == "none" else [run["tracker"]]
    if run["tensorboard"] and "tensorboard" not in choices:
        choices.append("tensorboard")
    settings = {key: value for key, value in run.items() if key not in NOT_SETTINGS}
    seen = TrackedRun(
        name=LABEL.get() if LABEL.get() and not cell.prefix else f"{cell.name}, seed {run['seed']}",
        group=SWEEP.get(),
        kind="teacher" if cell.prefix else "student",
        settings=settings_of(settings | cell.identity),
        directory=cell.directory.path,
        continues=None,
    )
    with tracking(choices, seen, rows, leaving=(PrunedError,)) as told:
        yield told
