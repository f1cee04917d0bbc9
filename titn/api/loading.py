"""A finished run from its directory, or from a folder that titn.export wrote."""

import os
import warnings
from pathlib import Path
from typing import Any

import torch

from titn.api.run import Run
from titn.cells.reopen import open_run
from titn.source.remembered import forget_edited
from titn.system.errors import ConfigError
from titn.system.files import local_path


def load(
    path: str | os.PathLike[str], *, device: str | torch.device = "cpu", trust: bool = False
) -> Run:
    """Open a finished run; its network is built, and its weights are read, when they are used.

    path: a run's directory, as runs/HASH, or a folder that `titn export RUN --to hub` wrote.
    device: where the network is put: cpu, cuda, cuda:1, mps, or auto for the GPU if there is one; or
    a torch.device.
    trust: run code other than titn's that the record names; without it such a record is refused.

    Raises ConfigError if there is no finished run. Warns if it was made by other code than that
    which now reads it.

    >>> import titn
    >>> titn.load("runs/nowhere")
    Traceback (most recent call last):
    titn.system.errors.ConfigError: runs/nowhere: no such directory; give a run's, as runs/<config_hash>
    """  # noqa: E501  the error is one line
    forget_edited()
    finished = open_run(_given(path), trust)
    if note := finished.other_source():
        warnings.warn(note, stacklevel=2)
    return Run(finished, _name_of(device))


def _name_of(device: Any) -> str:
    name = str(device) if isinstance(device, torch.device) else device
    if not isinstance(name, str):
        raise ConfigError(f"device={device!r:.100}: choose auto, cpu, cuda, cuda:1 or mps")
    return name


def _given(path: str | os.PathLike[str]) -> Path:
    try:
        return local_path(os.fsdecode(path))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"path={path!r:.100}: {error}; give a run's directory") from None
