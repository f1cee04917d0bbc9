"""Gives cells to Slurm: an array is written down whole, submitted, and known by its number."""

import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titn.records.slurm_jobs import (
    FOLDER,
    CellOfTask,
    Submission,
    SubmissionFile,
    write_submission,
)
from titn.sweeps.estimate import TimeEstimator
from titn.sweeps.pinned import pinned_run
from titn.sweeps.slurm.options import SlurmOptions
from titn.sweeps.slurm.resources import resources_for
from titn.sweeps.slurm.script import MAX_TASKS, batch_script
from titn.system import slurm
from titn.system.errors import ConfigError, error_text
from titn.system.files import write_text
from titn.system.progress import say
from titn.system.slurm import SlurmError, SlurmUncertainError

if TYPE_CHECKING:
    from titn.cells.cell import Cell


@dataclass(frozen=True)
class Work:
    """A cell that gets a job: one of the sweep, or a teacher that is not recorded."""

    cell: "Cell"
    label: str

    @property
    def config_hash(self) -> str:
        return self.cell.identity["config_hash"]


@dataclass(frozen=True)
class Submitter:
    """Submits arrays of a sweep.

    name, folder: the sweep's. stop_file: which a job that fails makes, and where it is none begins.
    """

    name: str
    folder: Path
    stop_file: Path | None
    options: SlurmOptions

    def submit(
        self, works: Sequence[Work], estimator: TimeEstimator, after: str | None = None
    ) -> dict[str, str]:
        """config_hash -> its task, as 12_3, in as few arrays as sbatch takes.

        after: the task that has to succeed first. ConfigError if Slurm refuses, SlurmError if it
        does not answer, or if what is to be first has ended meanwhile.
        """
        tasks: dict[str, str] = {}
        for begin in range(0, len(works), MAX_TASKS):
            tasks |= self._submit_array(works[begin : begin + MAX_TASKS], estimator, after)
        return tasks

    def _submit_array(
        self, works: Sequence[Work], estimator: TimeEstimator, after: str | None
    ) -> dict[str, str]:
        asked = resources_for([work.cell for work in works], self.options, estimator)
        name = f"titn-{_word(self.name)}-{secrets.token_hex(4)}"
        path = self.folder / FOLDER / name
        submission = Submission(path, self._content(name, works))
        try:
            write_submission(path, submission.content, [self._entry(work) for work in works])
            script = batch_script(path, name, len(works), self.options, asked, after)
            write_text(path / "job.sh", script)
        except OSError as error:
            raise cannot_write(self.folder, error) from None
        number = _number(submission)
        what = works[0].label if len(works) == 1 else f"{len(works)} cells"
        behind = f", after {after}" if after else ""
        say(f"{self.name}: {what} queued as job {number}{behind} ({asked.describe()} each)")
        return {work.config_hash: f"{number}_{index}" for index, work in enumerate(works)}

    def _content(self, name: str, works: Sequence[Work]) -> SubmissionFile:
        cells = [CellOfTask(config_hash=one.config_hash, label=one.label) for one in works]
        return SubmissionFile(name=name, sweep=self.name, submitted=time.time(), cells=cells)

    def _entry(self, work: Work) -> dict[str, Any]:
        """cell-I.json: all that a job needs to know."""
        lineage = [work.cell, *([work.cell.teacher] if work.cell.teacher else [])]
        return {
            "config_hash": work.config_hash,
            "label": work.label,
            "sweep": self.name,
            "prefix": work.cell.prefix,
            "identity": work.cell.identity,
            "stop_file": str(self.stop_file) if self.stop_file else None,
            "record": work.cell.directory.record_stamp(),
            "directories": [os.path.abspath(one.directory.path) for one in lineage],
            "run": pinned_run(work.cell),
        }


def _number(submission: Submission) -> str:
    """The number of the submitted job, written down."""
    try:
        number = slurm.submit(str(submission.path / "job.sh"))
    except SlurmUncertainError:
        raise  # it may be queued, and is known by its name
    except SlurmError as error:
        submission.end()
        if "dependency" in str(error).lower():
            raise
        raise ConfigError(
            f"hydra/launcher=slurm: {error}; give other hydra.launcher.KEY=VALUE, or choose "
            "hydra/launcher=joblib"
        ) from None
    submission.write_job(number)
    return number


def cannot_write(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"hydra.sweep.dir={folder}: cannot be written ({error_text(error)}); make room, or choose "
        "another"
    )


def _word(name: str) -> str:
    """The last part of a sweep's name, without what a shell would read."""
    letters = name.rpartition("/")[2][:32]
    return "".join(one if one.isascii() and one.isalnum() else "-" for one in letters)
