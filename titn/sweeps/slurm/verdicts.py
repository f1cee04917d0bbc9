"""What has become of jobs that are not in the queue any more: by the record first."""

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from titn.records.cell_state import DIVERGED, DONE, FAILED, cell_state
from titn.records.slurm_jobs import ENDED, Place, Queue
from titn.sweeps.launch import Outcome
from titn.sweeps.plan import SweepCell
from titn.system.progress import say
from titn.system.slurm import CANCELLED

if TYPE_CHECKING:
    from titn.cells.cell import Cell

# A cell whose jobs died so often without a record is not queued again by the same call.
MAX_DEATHS = 5
NOT_BEGUN = "not begun, as another has failed; fail_fast=false or retry=failed queues it"
AGAIN = "the same command queues it again"


class Verdicts:
    """Judges what has become of cells, for one call of a sweep's command.

    seen: config_hash -> the task in which this call has last seen the cell queued. What a job that
    ended before this call has left without a record is said, and the cell is queued again.
    """

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}
        self.deaths: Counter[str] = Counter()

    def of_cell(self, cell: SweepCell, queue: Queue, is_stopped: bool) -> Outcome | None:
        """The outcome of a cell that is not queued; None if it is to be queued."""
        if not cell.is_open:
            return Outcome()
        place = queue.places.get(cell.config_hash)
        if place is None:
            return None
        if is_stopped and not place.was_begun:
            return Outcome(reason=NOT_BEGUN)
        outcome = self._of_place(cell.label, place)
        if outcome is None or not _is_cancelled(place):
            return outcome
        # Slurm cancels what waits for a job that has failed.
        teacher = cell.cell.teacher
        key = teacher.identity["config_hash"] if teacher is not None else ""
        is_alone = not (place.was_begun or queue.live(key))
        return None if teacher is not None and is_alone and is_unrecorded(teacher) else outcome

    def of_teacher(self, teacher: "Cell", queue: Queue) -> Outcome | None:
        """The outcome of the students of a teacher that cannot be made; None if it can."""
        state, key = cell_state(teacher.directory), teacher.identity["config_hash"]
        if state in (FAILED, DIVERGED) and teacher.run["retry"] != "failed":
            failure = teacher.directory.failure() or {}
            reason = f"the teacher failed: {failure.get('reason')}; retry=failed tries again"
            return Outcome(reason=reason)
        place = queue.places.get(key)
        if place is None or place.is_live or self.seen.get(key) != place.id:
            return None
        outcome = self._of_place("the teacher", place)
        return outcome and replace(outcome, reason=f"the teacher: {outcome.reason}")

    def is_needed(self, teacher: "Cell", queue: Queue) -> bool:
        """Whether a teacher is to be made before its students."""
        if is_unrecorded(teacher):
            return True
        place = queue.places.get(teacher.identity["config_hash"])
        made = place is not None and not place.is_live and self._is_ours(place)
        return bool(teacher.run["force"]) and not made

    def _is_ours(self, place: Place) -> bool:
        return self.seen.get(place.config_hash) == place.id

    def _of_place(self, label: str, place: Place) -> Outcome | None:
        """By what a job has written down, or else by what Slurm says."""
        fared = place.fared
        if fared is not None and fared.state == ENDED:
            if fared.busy:
                return None
            if self._is_ours(place):
                return Outcome(reason=fared.reason, bad_input=fared.bad_input)
            if fared.reason:
                _say_again(label, place, fared.reason)
            return None
        said = place.listed.state if place.listed is not None else "gone from the queue"
        if not self._is_ours(place):
            _say_again(label, place, said)
            return None
        if _is_cancelled(place):
            return Outcome(reason=f"job {place.id} was cancelled; {AGAIN}")
        return self._of_dead(label, place, said)

    def _of_dead(self, label: str, place: Place, said: str) -> Outcome | None:
        """Of a job that a kill or a node has ended: its cell is queued again, up to a point."""
        key = place.config_hash
        del self.seen[key]
        self.deaths[key] += 1
        if self.deaths[key] < MAX_DEATHS:
            _say_again(label, place, said)
            return None
        log = place.submission.log(place.index)
        return Outcome(reason=f"its jobs died {MAX_DEATHS} times (the last: {said}); {log}")


def is_unrecorded(cell: "Cell") -> bool:
    return cell_state(cell.directory) not in DONE


def _is_cancelled(place: Place) -> bool:
    return place.listed is not None and place.listed.state == CANCELLED


def _say_again(label: str, place: Place, why: str) -> None:
    say(f"{label}: job {place.id} left no record ({why}); it is queued again")
