"""What sweep.json plans: settings, each with its cells. No torch here."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from titn.records.question import DEFAULT_MARGIN


@dataclass(frozen=True)
class PlannedCell:
    """A cell of a plan: row and seed, identity, and directory, relative to the sweep's directory.

    teacher: config_hash of its teacher. role: "cell"; "candidate" where a row chooses its tuned
    values on a validation split; "teacher". tuned: the values that a candidate tries, or that the
    row of a cell has chosen. source_digest: of the code that this cell uses; empty in older plans,
    whose cells all had their setting's.
    """

    row: str
    seed: int
    config_hash: str
    directory: str
    teacher: str | None = None
    role: str = "cell"
    tuned: dict[str, Any] = field(default_factory=dict)
    source_digest: str = ""

    @property
    def name(self) -> str:
        return row_name(self.row, self.tuned)

    @property
    def version_key(self) -> tuple:
        """The same for all cells that one version of the code has to make: a row's seeds.

        Candidates with other values, as the trials of a search, may be of other code.
        """
        tried = sorted(self.tuned.items()) if self.role == "candidate" else ()
        return (self.role, self.row, *tried)


def row_name(row: str, tuned: Mapping[str, Any]) -> str:
    """A row's label with its tuned values, as messages show it: null and true as they are typed."""
    typed = (
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in tuned.items()
    )
    return ", ".join([row, *typed])


@dataclass(frozen=True)
class Setting:
    """What all cells of a sweep's request have in common (data set, epochs, ...), and the cells.

    key: SHA-256 of the configuration of the baseline's seed 0, which does not depend on how the
    overrides were spelled. overrides: those of the first request. question: the sweep's node
    `question` at the last request, None for a sweep without one. revised: whether its claims, pairs
    or margins have changed since the first request. rows: all labels, in order.
    """

    key: str
    source_digest: str
    overrides: list[str]
    commands: list[str]
    question: dict | None
    revised: bool
    rows: list[str]
    cells: list[PlannedCell]

    @property
    def identity(self) -> tuple[str, str]:
        return self.key, self.source_digest

    def disagrees(self, other: "Setting") -> bool:
        """Whether another plan of this setting has a row by another version of the code."""
        digests = {cell.version_key: cell.source_digest for cell in self.cells}
        return any(
            digests.get(cell.version_key, cell.source_digest) != cell.source_digest
            for cell in other.cells
        )

    def merged(self, later: "Setting") -> "Setting":
        """This setting with what a later request of the same setting adds.

        If other source code has planned a row again, or its overrides are others by now, the row's
        earlier cells leave the plan: seeds of two versions of a model are not one sample. Their
        records stay where they are.
        """
        digests = {cell.version_key: cell.source_digest for cell in later.cells}
        rows, later_rows = ((one.question or {}).get("rows", {}) for one in (self, later))
        planned = {cell.row for cell in later.cells}
        changed = {row for row in planned if row in rows and rows[row] != later_rows.get(row)}
        kept = (
            cell
            for cell in self.cells
            if cell.row not in changed
            and digests.get(cell.version_key, cell.source_digest) == cell.source_digest
        )
        cells = {
            (cell.role, cell.row, cell.seed, cell.config_hash): cell
            for cell in (*kept, *later.cells)
        }
        return replace(
            later,
            overrides=self.overrides,
            commands=list(dict.fromkeys([*self.commands, *later.commands])),
            revised=self.revised or _claims(self.question) != _claims(later.question),
            rows=_ordered_rows(self.rows, later.rows, later.question),
            cells=list(cells.values()),
        )


def merge_settings(first: Iterable[Setting], later: Iterable[Setting]) -> list[Setting]:
    """Both lists as one, in the order of the first requests, with equal settings merged."""
    settings: dict[tuple[str, str], Setting] = {}
    for setting in (*first, *later):
        key = setting.identity
        settings[key] = settings[key].merged(setting) if key in settings else setting
    return list(settings.values())


def _claims(question: dict | None) -> Any:
    """What has to be fixed before the first cell is run."""
    if question is None:
        return None
    margin = question.get("margin", DEFAULT_MARGIN)
    # What a plan of before a key was added does not have is what a later one has empty.
    pairs = [list(pair) for pair in question.get("pairs") or ()]
    return [margin, pairs, *(question.get(key) for key in ("claims", "margins", "printed"))]


def _ordered_rows(earlier: list[str], later: list[str], question: dict | None) -> list[str]:
    """All rows: the question's in its order, then those that it no longer has."""
    rows = dict.fromkeys([*earlier, *later])
    in_question = [row for row in (question or {}).get("rows", ()) if row in rows]
    return list(dict.fromkeys([*in_question, *rows]))
