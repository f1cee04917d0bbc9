"""A run has a directory of its own: what lies within another run is found by no command."""

import os
from pathlib import Path

from titn.records.run_dir import RunDir
from titn.system.errors import ConfigError
from titn.system.files import check_can_be_made


def check_run_dirs(run: dict, own: Path, teacher: Path | None, prefix: str) -> None:
    """ConfigError if a run would lie in another run's directory, in a file, or others in its own.

    own, teacher: the directories of the run and of its teacher. prefix: what the run's keys begin
    with in a remedy; it stands before the message already.
    """
    place, given = os.path.realpath(own), run["run_dir"]
    if given is None:
        check_can_be_made(Path(run["runs_dir"]), "runs_dir")
    check_can_be_made(own, "run_dir")
    if given is None and RunDir(Path(run["runs_dir"])).is_run():
        raise ConfigError(
            f"runs_dir={run['runs_dir']}: is the directory of a run; choose one beside it"
        )
    if given is not None and place == os.path.realpath(run["runs_dir"]):
        below = os.path.join(given, "NAME")
        raise ConfigError(
            f"run_dir={given}: is runs_dir, where all runs lie; choose one below it, as "
            f"{prefix}run_dir={below}"
        )
    for key in ("checkpoint", "weights"):
        if run[key] and place in _places(run[key]):
            raise ConfigError(
                f"run_dir={given or own}: holds the weights of {prefix}{key}={run[key]}, which the "
                "run begins with; choose another directory"
            )
    if teacher is None:
        return
    other = os.path.realpath(teacher)
    if os.path.commonpath([place, other]) in (place, other):
        raise ConfigError(
            f"run_dir={given or own}: one of it and its teacher's, {teacher}, lies within the "
            "other, or they are one; choose directories beside each other"
        )


def _places(weights: str) -> tuple[str, str]:
    """A run's directory that is named, or that holds the file that is named."""
    real = os.path.realpath(weights)
    return real, os.path.dirname(real)
