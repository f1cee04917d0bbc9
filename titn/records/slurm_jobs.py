"""What a sweep has given to Slurm, written beside its plan. No torch here.

slurm/NAME/            a submission: one array, one task a cell
    submission.json    its cells in the order of the tasks, written before sbatch is called
    job                the number that sbatch returned
    over               none of its tasks is in the queue any more
    job.sh             the batch script
    cell-I.json        the run of task I, checked, as the job takes it
    task-I.json        how task I has fared, written by the job: begun, preempted, ended
    log-I.txt          what it printed

None of it says that a cell is queued: that is what squeue lists under the submission's name.
"""

import json
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from titn.records.cell_state import HALF_DONE, QUEUED, RUNNING, WAITING
from titn.records.cell_state import PREEMPTED as PREEMPTED_CELL
from titn.records.run_dir import read_json, write_json
from titn.records.safe_open import safe_path
from titn.records.schemas import Digest, Schema, validate
from titn.system import slurm
from titn.system.files import write_text
from titn.system.slurm import SlurmError, Task

FOLDER = "slurm"
SUBMISSION, JOB, OVER = "submission.json", "job", "over"
BEGUN, PREEMPTED, ENDED = "begun", "preempted", "ended"
# A submission without a number that squeue does not know after so long was never made.
LOST_SECS = 3600.0
# Between two questions of one watcher.
ASK_SECS = 15.0


class CellOfTask(Schema):
    """A cell as the list of a submission has it."""

    config_hash: Digest
    label: Annotated[str, Field(min_length=1)]


class SubmissionFile(Schema):
    """submission.json."""

    name: Annotated[str, Field(pattern=r"^[\w.-]{1,80}$")]
    sweep: str
    submitted: NonNegativeFloat
    cells: Annotated[list[CellOfTask], Field(min_length=1, max_length=1001)]


class TaskFile(Schema):
    """task-I.json. reason: why there is no record; None if there is one."""

    state: Literal["begun", "preempted", "ended"]
    job: str = ""
    starts: NonNegativeInt = 0
    vain: NonNegativeInt = 0
    position: str = ""
    reason: str | None = None
    bad_input: bool = False
    busy: bool = False
    peak_bytes: NonNegativeInt = 0


@dataclass(frozen=True)
class Submission:
    """An array that was given to Slurm, or was about to be."""

    path: Path
    content: SubmissionFile

    @property
    def name(self) -> str:
        return self.content.name

    @property
    def job(self) -> str | None:
        """The array's number; None if the controller was killed before it had written it down."""
        try:
            found = (self.path / JOB).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
        return found if found.isdecimal() else None

    def write_job(self, number: str) -> None:
        write_text(self.path / JOB, number)

    @property
    def is_over(self) -> bool:
        return (self.path / OVER).exists()

    def end(self) -> None:
        """Remember that none of it is queued; others may not write here, and ask again."""
        with suppress(OSError):
            (self.path / OVER).touch()

    def task(self, index: int) -> TaskFile | None:
        """How a task has fared; None before it has begun, or if the file is damaged."""
        return read_task(self.path, index)

    def log(self, index: int) -> Path:
        return self.path / f"log-{index}.txt"


@dataclass(frozen=True)
class Place:
    """A task of a submission, with what squeue says of it: None if that is nothing."""

    submission: Submission
    index: int
    listed: Task | None

    @property
    def config_hash(self) -> str:
        return self.submission.content.cells[self.index].config_hash

    @property
    def fared(self) -> TaskFile | None:
        return self.submission.task(self.index)

    @property
    def is_live(self) -> bool:
        """Whether Slurm will run it, or does."""
        return self.listed is not None and self.listed.kind != slurm.ENDED

    @property
    def was_begun(self) -> bool:
        return self.fared is not None

    @property
    def id(self) -> str:
        job = self.listed.job if self.listed is not None else self.submission.job
        return f"{job or '?'}_{self.index}"


def state_in_queue(state: str, place: Place | None) -> str:
    """A cell's state with what Slurm knows of it: its own files come first.

    Slurm has a job as COMPLETED whose cell has failed, and as RUNNING whose cell is recorded.
    """
    if place is None or place.listed is None or state not in (WAITING, HALF_DONE):
        return state
    if place.listed.kind == slurm.RUNNING:
        return RUNNING
    if place.listed.kind == slurm.QUEUED:
        return PREEMPTED_CELL if place.was_begun else QUEUED
    return state


@dataclass(frozen=True)
class Queue:
    """Submissions, and where Slurm has their cells: config_hash -> the latest place."""

    submissions: Sequence[Submission] = ()
    places: dict[str, Place] = field(default_factory=dict)

    def live(self, config_hash: str) -> Place | None:
        place = self.places.get(config_hash)
        return place if place is not None and place.is_live else None

    def jobs(self, hashes: Iterable[str]) -> list[str]:
        """Numbers of the arrays that hold live tasks of these cells."""
        live = [place for one in hashes if (place := self.live(one))]
        return list(dict.fromkeys(place.id.partition("_")[0] for place in live))


def submissions(folders: Iterable[Path]) -> Iterator[Submission]:
    """Those of sweeps' directories, the earliest first; what is damaged is left out."""
    found = []
    for path in {path.resolve(): path for folder in folders for path in _below(folder)}.values():
        with suppress(ValueError, OSError):
            if safe_path(path, SUBMISSION) is not None:
                content = validate(SUBMISSION, SubmissionFile, read_json(path / SUBMISSION))
                found.append(Submission(path, SubmissionFile.model_validate(content)))
    yield from sorted(found, key=lambda one: (one.content.submitted, one.name))


def _below(sweep: Path) -> list[Path]:
    try:
        return sorted((sweep / FOLDER).iterdir())
    except OSError:
        return []


def look(folders: Iterable[Path]) -> Queue:
    """Ask squeue, once, for what the sweeps of these directories have given to Slurm.

    Raises SlurmError. Nothing is asked if nothing of it can be queued.
    """
    found = list(submissions(folders))
    asked = [one for one in found if not one.is_over]
    tasks = {(t.name, t.index): t for t in slurm.listed([s.name for s in asked])}
    places: dict[str, Place] = {}
    for one in found:
        own = [
            Place(one, index, tasks.get((one.name, index)) or tasks.get((one.name, None)))
            for index in range(len(one.content.cells))
        ]
        for place in own:
            earlier = places.get(place.config_hash)
            if earlier is None or place.is_live or not earlier.is_live:
                places[place.config_hash] = place
        if one in asked and not any(place.is_live for place in own) and _is_settled(one, own):
            one.end()
    return Queue(found, places)


class QueueWatcher:
    """Looks again and again, and asks squeue less often. problem: why it is not known."""

    def __init__(self) -> None:
        self.asked_at = -math.inf
        self.queue, self.problem = Queue(), ""

    def look(self, folders: Sequence[Path]) -> Queue:
        if time.monotonic() - self.asked_at >= ASK_SECS:
            self.queue, self.problem = look_or_say(folders)
            self.asked_at = time.monotonic()
        return self.queue


def look_or_say(folders: Iterable[Path]) -> tuple[Queue, str]:
    """The queue, or an empty one with a line that says why it is not known."""
    try:
        return look(folders), ""
    except SlurmError as error:
        return Queue(), f"{error}; which cells are queued is not known"


def _is_settled(submission: Submission, places: Sequence[Place]) -> bool:
    """Whether nothing more will be heard of it.

    Slurm keeps for minutes what has ended; then its end can still be told to who waits for it.
    """
    if any(place.listed is not None for place in places):
        return False
    age = time.time() - submission.content.submitted
    return age > (60.0 if submission.job else LOST_SECS)


def read_task(path: Path, index: int) -> TaskFile | None:
    name = f"task-{index}.json"
    try:
        if (path / name).is_symlink():
            return None
        content = read_json(path / name)
        return None if content is None else TaskFile.model_validate(content)
    except (OSError, ValueError):
        return None


def write_task(path: Path, index: int, task: TaskFile) -> None:
    write_json(path / f"task-{index}.json", task.model_dump(mode="json"))


def write_submission(path: Path, content: SubmissionFile, cells: Sequence[dict[str, Any]]) -> None:
    """Write the list and the runs of an array; whole, before sbatch is called.

    cells: of each task config_hash, label, sweep, run and its stop file.
    """
    path.mkdir(parents=True)
    for index, cell in enumerate(cells):
        write_text(path / f"cell-{index}.json", json.dumps(cell))
    write_json(path / SUBMISSION, content.model_dump(mode="json"))


def read_cell(path: Path, index: int) -> dict[str, Any]:
    """The run of a task with its names; ValueError or OSError if it is not there or damaged."""
    content = read_json(path / f"cell-{index}.json")
    if content is None:
        raise ValueError(f"cell-{index}.json: is not there")
    return content
