"""How long what is running and waiting will take. No torch here.

By the estimate that sweeps begin with (titn.sweeps.estimate), and by the epochs that are done.
"""

import statistics
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from titn.records.cell_state import DONE, HALF_DONE, PREEMPTED, QUEUED, RUNNING, WAITING
from titn.records.live_runs import LiveRun, config_or_empty
from titn.records.live_sweeps import LiveCell, Picture
from titn.sweeps.estimate import PendingRun, TimeEstimator

# So many records of a row tell how long its other seeds take; to read a record takes milliseconds.
RECORDS_A_ROW = 3


def run_secs_left(run: LiveRun, now: float) -> float | None:
    """Of a run with at least one epoch: the epochs left, at the speed so far.

    What has passed of the current epoch is taken off; None before the first epoch is done.
    """
    done, total = run.learned.num_epochs, run.num_epochs
    if not (done and total and run.learned.secs):
        return None
    epoch_secs = run.learned.secs / done
    begun = min(max(0.0, now - run.learned.at), epoch_secs) if run.state == RUNNING else 0.0
    return max(0.0, (total - done) * epoch_secs - (begun if done < total else 0.0))


class TimeLeft:
    """Estimates from what was recorded, each record read once."""

    def __init__(self) -> None:
        self.estimator = TimeEstimator()
        self.added: set[Path] = set()
        self.pending: dict[Path, PendingRun | None] = {}  # of recorded runs

    def secs(self, picture: Picture, now: float) -> float | None:
        """Until all open cells are done, with as many at once as now; None if nothing tells.

        A cell without a similar one in the past is taken to be as long as the others.
        """
        cells = {cell.run.path: cell for cell in (*picture.cells, *picture.others)}.values()
        open_states = (RUNNING, HALF_DONE, WAITING, QUEUED, PREEMPTED)
        is_open = [cell for cell in cells if cell.run.state in open_states]
        if not is_open:
            return 0.0
        sweeps = {cell.sweep for cell in is_open}
        alike = [cell for cell in cells if cell.sweep in sweeps]
        self._learn(alike)
        templates = self._templates(alike)
        known, unknown = list[float](), 0
        for cell in is_open:
            secs = run_secs_left(cell.run, now)
            if secs is None and (run := templates.get((cell.sweep, cell.row))):
                secs = self.estimator.seconds(run)
            if secs is None:
                unknown += 1
            else:
                known.append(secs)
        whole = [secs for run in templates.values() if (secs := self.estimator.seconds(run))]
        if not (known or whole):
            return None
        each = statistics.mean(whole or known)
        at_once = max(1, sum(cell.run.state == RUNNING for cell in is_open))
        return max(max(known, default=0.0), (sum(known) + unknown * each) / at_once)

    def _learn(self, cells: Iterable[LiveCell]) -> None:
        """From a few records of each row: its seeds take alike."""
        num_read: Counter[tuple[str, str]] = Counter()
        for cell in cells:
            key = cell.sweep, cell.row
            if cell.run.state in DONE and num_read[key] < RECORDS_A_ROW:
                num_read[key] += 1
                if cell.run.path not in self.added:
                    self.added.add(cell.run.path)
                    self.estimator.add(cell.run.path)

    def _templates(self, cells: Iterable[LiveCell]) -> dict[tuple[str, str], PendingRun]:
        """For each row of each sweep a run as its other seeds will be."""
        found: dict[tuple[str, str], PendingRun] = {}
        for cell in cells:
            key = cell.sweep, cell.row
            if key not in found and (run := self._pending(cell.run)):
                found[key] = run
        return found

    def _pending(self, run: LiveRun) -> PendingRun | None:
        if run.state not in DONE:
            return _pending(run, run.config)
        if run.path not in self.pending:
            self.pending[run.path] = _pending(run, config_or_empty(run.path))
        return self.pending[run.path]


def _pending(run: LiveRun, config: dict[str, Any]) -> PendingRun | None:
    files, done = run.files, run.learned.num_epochs
    if files is None or not config or not files.environment:
        return None
    result: dict[str, Any] = files.result or {}
    num_train = result.get("num_train") or (run.learned.images // done if done else 0)
    device = files.environment.get("device") or ""
    precision = config.get("precision") or ""
    return PendingRun(config, device, precision, num_train) if num_train else None
