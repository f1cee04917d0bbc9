"""What has become of a cell, as the files in its run directory show. No torch here."""

from titn.records.run_dir import RunDir
from titn.records.run_files import RunFiles, read_run_files
from titn.system.locks import is_held

RECORDED, RUNNING, HALF_DONE, WAITING, PRUNED, DIVERGED, FAILED, DAMAGED, STOPPED = STATES = (
    "recorded", "running", "half done", "waiting", "pruned", "diverged", "failed", "damaged",
    "stopped early",
)  # fmt: skip
# There is a record: of all epochs that were asked for, or of a run that its patience has ended.
DONE = (RECORDED, STOPPED)
# What a scheduler says of a cell that waits, or is half done (titn.records.slurm_jobs).
QUEUED, PREEMPTED = "queued", "preempted"
WITH_QUEUE = (*STATES[:2], QUEUED, PREEMPTED, *STATES[2:])


def cell_state(directory: RunDir, config_hash: str | None = None) -> str:
    """One of STATES; damaged if a file that decides the state is not as titn wrote it.

    config_hash: the cell's; where another run lies in its directory, the cell is waiting.
    """
    # The lock comes first: a cell that finishes in between is then recorded, not half done.
    is_running = is_held(directory.lock)
    try:
        files = read_run_files(directory.path)
    except ValueError:
        return DAMAGED
    if config_hash is not None and is_of_another(files, config_hash):
        return WAITING
    return state_of(files, is_running)


def is_of_another(files: RunFiles, config_hash: str) -> bool:
    """Whether a run directory holds the run of another configuration."""
    return files.identity.get("config_hash", config_hash) != config_hash


def state_of(files: RunFiles, is_running: bool) -> str:
    """The state that undamaged files show; is_running: whether a process holds the cell's lock."""
    if files.result is not None:
        return done_state(files.result)
    if is_running:
        return RUNNING
    if files.failure is not None:
        return ended_state(files.failure)
    return WAITING if files.environment is None else HALF_DONE


def done_state(result: dict) -> str:
    """The state of a run with this record."""
    return RECORDED if result.get("stopped_after") is None else STOPPED


def ended_state(failure: dict) -> str:
    """The state of a run with this failure.json: pruned, diverged or failed."""
    return failure["kind"] if failure["kind"] in (PRUNED, DIVERGED) else FAILED


def damage_reason(directory: RunDir) -> str:
    """The damaged file of a cell and what is wrong with it; empty if the cell is not damaged."""
    try:
        read_run_files(directory.path)
    except ValueError as error:
        return str(error)
    return ""
