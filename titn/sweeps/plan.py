"""The cells of a sweep, planned: each with its identity, its directory and its state."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from titn.records.cell_state import DAMAGED, DIVERGED, DONE, FAILED, cell_state
from titn.records.sweep_plan import PlannedCell, Setting, row_name
from titn.sweeps.overrides import CellRequest, SweepRequest, applicable
from titn.sweeps.sweep import Sweep
from titn.system.errors import ConfigError

if TYPE_CHECKING:
    from titn.cells.cell import Cell
    from titn.cells.planning import Planner


@dataclass(frozen=True)
class SweepCell:
    """A cell of a sweep: as it was requested, and as it will be made.

    role: "cell", or "candidate" for one that tries a value on a validation split. for_job: keys
    that its job is given besides, which are no part of the configuration. trial: its number in a
    search. known_as: what messages call it, if not by its row, its tuned values and its seed.
    """

    request: CellRequest
    cell: "Cell"
    role: str = "cell"
    for_job: tuple[str, ...] = ()
    trial: int | None = None
    known_as: str | None = None

    @property
    def row(self) -> str:
        return self.request.row

    @property
    def name(self) -> str:
        """The row with its tuned values."""
        return row_name(self.row, self.request.tuned)

    @property
    def label(self) -> str:
        """What messages call the cell."""
        return self.known_as or f"{self.name}, seed {self.cell.run['seed']}"

    @property
    def config_hash(self) -> str:
        return self.cell.identity["config_hash"]

    @property
    def state(self) -> str:
        return cell_state(self.cell.directory, self.config_hash)

    @property
    def is_open(self) -> bool:
        """Whether the cell is to be made: not recorded, and not failed unless retry=failed.

        A damaged record stays as it is, too: there may be a copy to put back.
        """
        if self.cell.run["force"]:
            return True
        closed = [*DONE, DAMAGED]
        if self.cell.run["retry"] != "failed":
            closed += [FAILED, DIVERGED]
        return self.state not in closed

    @property
    def differs(self) -> set[str]:
        """In which parts of its identity, "config_hash" and "source_digest", it is not the run that
        its directory holds and that must not be replaced."""
        if self.cell.run["force"] or self.state == DAMAGED:
            return set()
        found = self.cell.directory.environment() or self.cell.identity
        return {part for part, value in self.cell.identity.items() if found[part] != value}


@dataclass(frozen=True)
class SweepPart:
    """A request of a sweep and its planned cells: the candidates, or the cells themselves."""

    request: SweepRequest
    cells: list[SweepCell]


def plan_cell(
    sweep: Sweep, planner: "Planner", request: CellRequest, role: str = "cell"
) -> SweepCell:
    """Plan one cell; ConfigError if it cannot be made, which names its row if there are several."""
    try:
        run = sweep.compose(request.job_overrides())
        return SweepCell(request, planner.plan(run), role)
    except ConfigError as error:
        has_rows = sweep.question is not None or len(sweep.requests[0].rows) > 1
        raise ConfigError(f"{request.row}: {error}" if has_rows else str(error)) from error


def check_directories(cells: Sequence[SweepCell]) -> None:
    """ConfigError if a cell's directory is not its own, or its teacher's is not, or other source
    code has made some of the cells, which are then not comparable."""
    from titn.cells.ensure import check_identity

    owners: dict[str, SweepCell] = {}
    others = list[SweepCell]()
    for cell in cells:
        path = cell.cell.directory.path
        owner = owners.setdefault(os.path.realpath(path), cell)
        if owner.config_hash != cell.config_hash:
            raise ConfigError(
                f"run_dir={path}: is one directory, and {owner.label} and {cell.label} are two "
                "cells; leave it out, and give runs_dir=DIR"
            )
        differs = cell.differs
        if "config_hash" in differs:
            raise ConfigError(
                f"run_dir={path}: holds another configuration (its config.yaml says which); choose "
                "another directory, or force=true to replace it"
            )
        others += [cell] if differs else []
    if others:
        if others[0].cell.run["run_dir"]:
            check_identity(others[0].cell)
        raise ConfigError(
            f"runs_dir={others[0].cell.run['runs_dir']}: {len(others)} of {len(cells)} cells "
            "were made by other source code; keep them and choose runs_dir=DIR, or force=true "
            "to replace them"
        )
    needed = (one for cell in cells if cell.is_open for one in _needed_teachers(cell.cell))
    for teacher in {one.directory.path: one for one in needed}.values():
        check_identity(teacher)


def _needed_teachers(cell: "Cell") -> Iterator["Cell"]:
    """A cell's teacher, and its own, up to one that is recorded."""
    while (teacher := cell.teacher) is not None:
        yield teacher
        if cell_state(teacher.directory, teacher.identity["config_hash"]) in DONE:
            return
        cell = teacher


def plan_setting(sweep: Sweep, planner: "Planner", part: SweepPart) -> Setting:
    """The setting of sweep.json with the cells of a part.

    Its key is the identity of seed 0 of the baseline, without a question of what the rows share:
    all requests of this setting have it. Where only the choices of rows have what they share, it is
    that of the first row.
    """
    question = sweep.question
    baseline = question.rows[question.baseline] if question else ()
    shared = applicable(part.request.shared, baseline)
    try:
        common = planner.plan(sweep.compose([*shared, *baseline, "seed=0"]))
    except ConfigError:
        if question is not None:
            raise
        first = next(iter(part.request.row_overrides().values()))
        common = planner.plan(sweep.compose([*first, "seed=0"]))
    return Setting(
        key=common.identity["config_hash"],
        source_digest=common.identity["source_digest"],
        overrides=part.request.setting_overrides(),
        commands=[sweep.command],
        question=question.model_dump(mode="json") if question else None,
        revised=False,
        rows=list(part.request.rows),
        cells=[to_planned_cell(cell, sweep.directory.path) for cell in part.cells],
        asked=sweep.asked,
        first_asked=sweep.asked,
    )


def to_planned_cell(planned: SweepCell, sweep_path: os.PathLike) -> PlannedCell:
    """The cell's entry in sweep.json."""
    cell = planned.cell
    return PlannedCell(
        row=planned.row,
        seed=cell.run["seed"],
        config_hash=planned.config_hash,
        directory=os.path.relpath(cell.directory.path, sweep_path),
        teacher=cell.teacher.identity["config_hash"] if cell.teacher else None,
        role=planned.role,
        tuned=dict(planned.request.tuned),
        source_digest=cell.identity["source_digest"],
    )
