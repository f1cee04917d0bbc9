"""One run trained from Python; the process of the caller is left as it was."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from titn.api.composing import checked_run
from titn.api.run import Run
from titn.cells.ensure import ensure
from titn.cells.reopen import open_run
from titn.records.provenance import made_by
from titn.training import hardware

# Silenced while something is compiled (titn.training.compiling).
SILENCED = "torch.utils.cpp_extension"


def train(overrides: Sequence[str] = ()) -> Run:
    """Make a run, its teacher first, and return it; one that is recorded already is only opened.

    overrides: as on the command line of `titn train`, for one run. It is the same run: the same
    directory and, on the same machine, the same weights to the byte. Progress goes to standard
    error. Interrupted, it is continued by the same call.

    Raises ConfigError for bad input, before anything is trained, and CellError if the run fails,
    each with the line that the command prints.

    >>> import titn
    >>> run = titn.train(["model=deit", "model.depth=1", "epochs=1", "compile=none"])
    >>> run.record["epochs"], len(run.classes)
    (1, 10)
    """
    run = checked_run(overrides, reads_files=True)
    with made_by(overrides), _process_kept(hardware.device(run["device"])):
        directory, _ = ensure(run, wait=True)
        # Whoever names code of his own to train with trusts it.
        return Run(open_run(directory.path, trust=True), "cpu")


@contextmanager
def _process_kept(device: torch.device) -> Iterator[None]:
    """Random numbers and a library's level of logging are afterwards what they were before."""
    logger = logging.getLogger(SILENCED)
    level = logger.level
    devices = [device] if device.type != "cpu" else []
    try:
        with torch.random.fork_rng(devices, device_type=device.type if devices else "cuda"):
            yield
    finally:
        logger.setLevel(level)
