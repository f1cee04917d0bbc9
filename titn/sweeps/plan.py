"""The cells of a sweep, planned: each with its identity, its place and what has become of it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from titn.records.cell_state import DAMAGED, DIVERGED, FAILED, RECORDED, cell_state
from titn.records.sweep_plan import PlannedCell, row_name
from titn.sweeps.estimate import PastCells
from titn.sweeps.overrides import CellRequest
from titn.system.progress import duration

if TYPE_CHECKING:
    from titn.cells.cell import Cell


@dataclass(frozen=True)
class SweepCell:
    """A cell of a sweep: as it was asked for, and as it will be made.

    role: "cell", or "candidate" for one that tries a value on a validation split.
    """

    wanted: CellRequest
    cell: "Cell"
    role: str = "cell"

    @property
    def name(self) -> str:
        """The row, with the values that it tries or has chosen."""
        return row_name(self.wanted.row, self.wanted.tuned)

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.name}, seed {self.cell.run['seed']}"

    @property
    def config_hash(self) -> str:
        return self.cell.identity["config_hash"]

    @property
    def state(self) -> str:
        return cell_state(self.cell.directory)

    @property
    def is_open(self) -> bool:
        """Whether there is something to do: not recorded, and not failed, or to be tried again.

        A damaged record is left as it is, too: there may be a copy to put back.
        """
        if self.cell.run["force"]:
            return True
        closed = [RECORDED, DAMAGED]
        if self.cell.run["retry"] != "failed":
            closed += [FAILED, DIVERGED]
        return self.state not in closed

    @property
    def is_of_other_source(self) -> bool:
        """Whether what lies in its directory was made by other source code, and is to be kept."""
        if self.cell.run["force"] or self.state == DAMAGED:
            return False
        found = self.cell.directory.environment()
        if found is None:
            return False
        return found["source_digest"] != self.cell.identity["source_digest"]

    def entry(self, sweep: Path) -> PlannedCell:
        """The cell's line in the sweep's plan."""
        teacher = self.cell.teacher
        return PlannedCell(
            row=self.wanted.row,
            seed=self.cell.run["seed"],
            config_hash=self.config_hash,
            directory=os.path.relpath(self.cell.directory.path, sweep),
            teacher=teacher.identity["config_hash"] if teacher else None,
            role=self.role,
            tuned=self.wanted.tuned,
            source_digest=self.cell.identity["source_digest"],
        )


def plan_lines(planned: Sequence[SweepCell], past: PastCells) -> list[str]:
    """A plan for a terminal: the state of each row and seed, and how long the rest will take."""
    rows: dict[str, dict[int, str]] = {}
    for one in planned:
        rows.setdefault(one.name, {})[one.cell.run["seed"]] = one.state
    seeds = sorted({one.cell.run["seed"] for one in planned})
    width = max(map(len, rows))
    lines = [f"  {'':{width}}" + "".join(f"  {f'seed {seed}':9}" for seed in seeds)]
    for row, states in rows.items():
        cells = "".join(f"  {states.get(seed, ''):9}" for seed in seeds)
        lines.append(f"  {row:{width}}{cells}".rstrip())
    return [*lines, "  " + _to_do(planned, past)]


def _to_do(planned: Sequence[SweepCell], past: PastCells) -> str:
    todo = [one for one in planned if one.is_open]
    if not todo:
        return "nothing to do"
    teachers = _teachers_to_make(todo)
    secs, unknown = 0.0, []
    for cell in [*teachers, *(one.cell for one in todo)]:
        known = past.seconds(cell.run, str(cell.device), cell.precision, len(cell.dataset.train))
        if known is None:
            unknown.append(cell.run["choices"]["model"])
        else:
            secs += known
    text = f"to do: {len(todo)} of {len(planned)} cells"
    if teachers:
        text += f" and {len(teachers)} teacher{'s' if len(teachers) > 1 else ''}"
    if secs:
        text += f", about {duration(secs)} one after another, going by past cells"
    if unknown:
        text += f"; no past cell tells how long {', '.join(dict.fromkeys(unknown))} takes"
    return text


def _teachers_to_make(todo: Sequence[SweepCell]) -> list["Cell"]:
    """Teachers without a record that are not cells of the sweep themselves."""
    teachers = (one.cell.teacher for one in todo)
    different = {cell.identity["config_hash"]: cell for cell in teachers if cell}
    for one in todo:
        different.pop(one.config_hash, None)
    return [cell for cell in different.values() if cell_state(cell.directory) != RECORDED]
