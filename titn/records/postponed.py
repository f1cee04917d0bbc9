"""A request that was postponed: one note of postponed.json. No torch here."""

import itertools
from dataclasses import KW_ONLY, dataclass, field

from titn.records.sweep_plan import Setting
from titn.system.text import counted


@dataclass(frozen=True)
class Postponed:
    """Cells that are not made now: which, why, and what they would cost.

    overrides: those that all cells share. command: makes the cells. num_cells, num_teachers: how
    many have no record. secs: their training time, one after another, estimated from earlier runs;
    None if nothing is known. unknown: the networks that no earlier run tells of, which are not in
    `secs`. hardware: what the earlier runs ran on.
    """

    overrides: list[str]
    rows: list[str]
    seeds: list[int]
    _: KW_ONLY
    reason: str
    command: str
    num_cells: int = 0
    num_teachers: int = 0
    secs: float | None = None
    unknown: list[str] = field(default_factory=list)
    hardware: str = ""

    def covers(self, other: "Postponed") -> bool:
        """Whether all cells of the other note are also cells of this one."""
        return (
            sorted(self.overrides) == sorted(other.overrides)
            and set(self.rows) >= set(other.rows)
            and set(self.seeds) >= set(other.seeds)
        )

    def is_planned_in(self, setting: Setting) -> bool:
        """Whether the setting has all cells of this note that its question still asks for.

        A row's candidates are none of them.
        """
        planned = {(cell.row, cell.seed) for cell in setting.cells if cell.role == "cell"}
        is_same = sorted(self.overrides) == sorted(setting.overrides)
        asked = self.rows if setting.question is None else [*setting.question["rows"]]
        rows = [row for row in self.rows if row in asked]
        return is_same and planned.issuperset(itertools.product(rows, self.seeds))

    def message(self, sweep: str) -> str:
        """The note as one line; sweep: the sweep's name."""
        return f"{sweep} is postponed: {self.reason}; {self.needs}"

    @property
    def needs(self) -> str:
        """What the cells would cost, in words."""
        text = counted(self.num_cells, "cell")
        if self.num_teachers:
            text += f" and {counted(self.num_teachers, 'teacher')}"
        if self.secs is not None:
            hours = self.secs / 3600
            least = "more than " if self.unknown else ""
            spent = f"{hours:.0f} hours" if hours >= 10 else f"{hours:.1f} hours"
            text += f": {least}{spent} on {self.hardware}, estimated from past cells"
        if self.unknown:
            text += f"; no past cell tells how long {', '.join(self.unknown)} takes"
        return text
