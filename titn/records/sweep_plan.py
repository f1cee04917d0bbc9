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
    or margins have changed since the first request of these cells, or of those that they replace.
    rows: all labels, in order. asked: when the last command that requested it began, in UTC;
    first_asked: the first, or that of what it replaces. Both are empty in older plans. removed:
    label -> overrides, of rows with cells that the question has no longer.
    """

    key: str
    source_digest: str
    overrides: list[str]
    commands: list[str]
    question: dict | None
    revised: bool
    rows: list[str]
    cells: list[PlannedCell]
    asked: str = ""
    first_asked: str = ""
    removed: dict[str, list[str]] = field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, str]:
        return self.key, self.source_digest

    def after(self, earlier: Iterable["Setting"]) -> "Setting":
        """This setting as the sweep's next one, which knows whether its claims were changed.

        Where the baseline was edited, or the code that it uses, what is asked anew gets a setting
        of its own; its claims had to be fixed before the first cell of the one that it replaces.
        """
        replaced = [
            one
            for one in earlier
            if one.key == self.key
            or (_baseline(one) != _baseline(self) and {*one.overrides} == {*self.overrides})
        ]
        revised = any(
            one.revised or _claims(one.question) != _claims(self.question) for one in replaced
        )
        first_asked = min([self.first_asked, *(one.first_asked for one in replaced)])
        return replace(self, revised=self.revised or revised, first_asked=first_asked)

    def merged(self, later: "Setting") -> "Setting":
        """This setting with what a later request of the same setting adds.

        If other source code has planned a row again, or its overrides or the values that it chose
        are others by now, the row's earlier cells leave the plan: seeds of two versions of a model
        are not one sample. Their records stay where they are. Those of a row with another label by
        now get that label.
        """
        if _is_path(self.question) and len(_rows(self.question)) > len(_rows(later.question)):
            # Of two workers the other has taken more steps.
            later = replace(later, question=self.question)
        digests = {cell.version_key: cell.source_digest for cell in later.cells}
        rows = self.removed | _rows(self.question)
        later_rows = _rows(later.question)
        labels = _new_labels(rows, later_rows)
        rows = {labels.get(row, row): overrides for row, overrides in rows.items()}
        changed = {
            row for row, overrides in later_rows.items() if rows.get(row, overrides) != overrides
        }
        chosen = {cell.row: cell.tuned for cell in later.cells if cell.role == "cell"}
        kept = (
            cell
            for cell in (replace(one, row=labels.get(one.row, one.row)) for one in self.cells)
            if cell.row not in changed
            and (cell.role != "cell" or chosen.get(cell.row, cell.tuned) == cell.tuned)
            and digests.get(cell.version_key, cell.source_digest) == cell.source_digest
        )
        cells = {
            (cell.role, cell.row, cell.seed, cell.config_hash): cell
            for cell in (*kept, *later.cells)
        }
        left = {cell.row for cell in cells.values()} - {*later_rows}
        return replace(
            later,
            overrides=self.overrides,
            commands=list(dict.fromkeys([*self.commands, *later.commands])),
            revised=self.revised or _claims(self.question, labels) != _claims(later.question),
            rows=_ordered_rows(
                [labels.get(row, row) for row in self.rows], later.rows, later.question
            ),
            cells=list(cells.values()),
            first_asked=min(self.first_asked, later.first_asked),
            removed={row: overrides for row, overrides in rows.items() if row in left},
        )

    def is_removed(self, cell: PlannedCell) -> bool:
        """Whether the question has a cell's row no longer; a candidate's row may have none yet."""
        return cell.role == "cell" and cell.row in self.removed


def merge_settings(asked: Iterable[Setting]) -> list[Setting]:
    """A sweep's requests, the last one last, with those of equal settings merged.

    A setting's place is that of its last request.
    """
    settings: dict[tuple[str, str], Setting] = {}
    for setting in asked:
        before = settings.pop(setting.identity, None)
        settings[setting.identity] = before.merged(setting) if before else setting
    return list(settings.values())


def _new_labels(rows: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, str]:
    """Label -> that of the later question's row with the same overrides, where it has another."""
    return {
        row: label
        for row, overrides in rows.items()
        if row not in later
        for label in later
        if label not in rows and later[label] == overrides
    }


def _rows(question: dict | None) -> dict[str, list[str]]:
    return (question or {}).get("rows", {})


def _is_path(question: dict | None) -> bool:
    """Whether its rows are the steps of a path, which are planned as they are taken."""
    return ((question or {}).get("ablation") or {}).get("design") == "path"


def _baseline(setting: Setting) -> list[str] | None:
    """The overrides of the row that others are compared with; None without a question."""
    rows = _rows(setting.question)
    return rows.get((setting.question or {}).get("baseline") or next(iter(rows), ""))


def _claims(question: dict | None, labels: Mapping[str, str] | None = None) -> Any:
    """What has to be fixed before the first cell is run; labels: that rows have by now."""
    if question is None:
        return None
    called = labels or {}
    margin = question.get("margin", DEFAULT_MARGIN)
    # What a plan of before a key was added does not have is what a later one has empty.
    pairs = [[called.get(row, row) for row in pair] for pair in question.get("pairs") or ()]
    claims = question.get("claims")
    if called and claims:
        claims = [one | {"rows": [called.get(row, row) for row in one["rows"]]} for one in claims]
    return [margin, pairs, claims, *(question.get(key) for key in ("margins", "printed"))]


def _ordered_rows(earlier: list[str], later: list[str], question: dict | None) -> list[str]:
    """All rows: the question's in its order, then those that it no longer has."""
    rows = dict.fromkeys([*earlier, *later])
    in_question = [row for row in (question or {}).get("rows", ()) if row in rows]
    return list(dict.fromkeys([*in_question, *rows]))
