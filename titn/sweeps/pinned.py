"""A cell that is planned by a sweep and made on another machine: there it is the same, or refused.

It is made from the run that was checked when it was planned: nothing is composed again, and no
other cell is planned.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from titn.system.errors import ConfigError

if TYPE_CHECKING:
    from titn.cells.cell import Cell


def pinned_run(cell: "Cell") -> dict[str, Any]:
    """The run of a cell with the precision that it was planned with: no node chooses another.

    A teacher that is to be begun anew has been so by its own job.
    """
    teacher = cell.teacher and pinned_run(cell.teacher) | {"force": False}
    return cell.run | {"precision": cell.precision, "teacher": teacher}


def going_on(run: dict[str, Any]) -> dict[str, Any]:
    """A run that goes on: begun anew it was at its first start."""
    teacher = run["teacher"]
    return run | {"force": False, "teacher": teacher and going_on(teacher)}


def plan_pinned(run: dict[str, Any], prefix: str, identity: Mapping[str, Any]) -> "Cell":
    """The cell of a pinned run; ConfigError if here it is another than it was planned as."""
    from titn.cells.planning import Planner

    cell = Planner(checked=True).plan(run, prefix)
    if cell.identity != identity:
        raise ConfigError(
            f"{cell.place}: here it is another cell than it was planned as: the images, a file "
            "of weights, or titn's source differ on this node; give all nodes the same"
        )
    return cell


def check_precision(cells: Iterable["Cell"], on_gpu: bool) -> None:
    """ConfigError where this machine would decide a precision that is a GPU's to decide.

    It is a part of a cell's identity: planned here, and made there, it would be another cell.
    on_gpu: whether they will be made on one.
    """
    for cell in cells:
        key = f"{cell.prefix}precision"
        if on_gpu and cell.run["precision"] == "auto" and cell.device.type != "cuda":
            raise ConfigError(
                f"{key}=auto: is decided by the machine that plans, and this one has no GPU; give "
                f"{key}=bf16-mixed (GPUs since Ampere) or {key}=32-true"
            )
        if cell.teacher is not None:
            check_precision([cell.teacher], on_gpu)
