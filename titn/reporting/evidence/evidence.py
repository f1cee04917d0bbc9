"""What the records say of a sweep's rows: one `Evidence` for each setting."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from titn.config.paths import config_root
from titn.records.question import DEFAULT_MARGIN, Question, parse_question
from titn.records.sweep_plan import PlannedCell, Setting
from titn.reporting.evidence.planned_rows import planned_row
from titn.reporting.evidence.row import MISSING, Row
from titn.reporting.evidence.run_index import RunIndex, identity_of, with_common_teacher
from titn.system.text import counted

# Letters of a time in ISO 8601, as 2026-11-27T12:35:26.
TO_THE_SECOND = 19


@dataclass(frozen=True)
class Evidence:
    """A setting of a sweep with its rows.

    name: the sweep's. candidates: the cells that rows chose their tuned values from, with their
    records. timing: of the networks' inference, as titn.records.sweep_dir keeps it; None if the
    question does not ask for it.
    """

    name: str
    setting: Setting
    question: Question | None
    rows: list[Row]
    candidates: list[tuple[PlannedCell, dict[str, Any] | None]]
    timing: dict[str, Any] | None = None

    @property
    def recorded(self) -> list[Row]:
        """The rows with at least one record."""
        return [row for row in self.rows if row.runs]

    @property
    def baseline(self) -> Row | None:
        """The row that others are compared with; None if it has no record."""
        label = _baseline_label(self.question, self.rows)
        return next((row for row in self.recorded if row.label == label), None)

    @property
    def reference(self) -> Row | None:
        """A row whose configuration stands for the setting: the baseline, else the first known."""
        begun = (row for row in self.rows if row.shared_value("epochs") is not None)
        return self.baseline or next(iter(self.recorded), None) or next(begun, None)

    @property
    def is_begun(self) -> bool:
        """Whether anything is known of its cells, even if only that they failed."""
        return any(state != MISSING for row in self.rows for state in row.states.values())

    @property
    def is_untrained(self) -> bool:
        """Whether the rows show what networks cost, and not what they learn."""
        return bool(self.recorded) and all(map(_is_untrained, self.runs))

    def row(self, label: str) -> Row | None:
        return next((row for row in self.rows if row.label == label), None)

    @property
    def runs(self) -> Iterable[dict[str, Any]]:
        return (run for row in self.rows for run in row.runs.values())

    @property
    def is_of_paper(self) -> bool:
        return self.question is not None and self.question.is_of_paper

    @property
    def older(self) -> str:
        """Which cells had begun before a question of one's own was asked first: "3 of 6 cells".

        Empty without any, where it is not known, and of titn's questions, which were there before.
        """
        first = self.setting.first_asked[:TO_THE_SECOND]
        is_titns = (config_root() / "sweeps" / f"{self.name}.yaml").is_file()
        begun = [_began(run) for run in self.runs]
        number = 0 if is_titns else sum(one < first for one in begun)
        return f"{number} of {counted(len(begun), 'cell')}" if number else ""

    @property
    def is_late(self) -> bool:
        """Whether claims, pairs or margins were set when there was something to see already."""
        return self.setting.revised or bool(self.older)

    @property
    def reach(self) -> float | None:
        """The accuracy that "epochs_to_reach" is about."""
        return next((row.reach for row in self.rows), None)

    @property
    def margin(self) -> float:
        """Within which two rows count as equal in top-1."""
        return self.question.margin if self.question else DEFAULT_MARGIN

    @property
    def num_classes(self) -> int:
        return next((row.num_classes for row in self.recorded if row.num_classes), 0)

    @property
    def varied_keys(self) -> list[str]:
        """Keys that the question itself varies."""
        if self.question is None:
            return [key.partition("=")[0] for row in self.setting.rows for key in row.split(", ")]
        overrides = [text for row in self.question.rows.values() for text in row]
        keys = [text.partition("=")[0].lstrip("+~") for text in overrides]
        return list(dict.fromkeys([*keys, *self.question.tune]))


def _began(run: dict[str, Any]) -> str:
    """When the first part of a run began, in UTC, to the second."""
    parts = [{"started": run.get("environment.started")}, *(run.get("environment.earlier") or ())]
    return min(str(part.get("started")) for part in parts)[:TO_THE_SECOND]


def _is_untrained(run: dict[str, Any]) -> bool:
    return run.get("epochs") == 0 and not (run.get("checkpoint") or run.get("weights"))


def collect_evidence(
    name: str, setting: Setting, index: RunIndex, timing: dict[str, Any] | None = None
) -> Evidence:
    """A setting's rows, in their order, with every planned cell."""
    cells = [cell for cell in setting.cells if cell.role == "cell"]
    candidates = [cell for cell in setting.cells if cell.role == "candidate"]
    question = parse_question(setting.question) if setting.question else None
    labels = dict.fromkeys([*setting.rows, *(cell.row for cell in cells)])
    index = with_common_teacher(index, {identity_of(cell, setting) for cell in cells})
    rows = [planned_row(label, cells, setting, index) for label in labels]
    # Of a row that the question has no longer there may be nothing, and nothing will come.
    empty = {row.label for row in rows if {*row.states.values()} <= {MISSING}}
    rows = [row for row in rows if row.label not in empty.intersection(setting.removed)]
    reach = _reach(question, rows)
    return Evidence(
        name=name,
        setting=setting,
        question=question,
        rows=[replace(row, reach=reach) for row in rows],
        timing=timing,
        candidates=[(cell, index.get(identity_of(cell, setting))) for cell in candidates],
    )


def _baseline_label(question: Question | None, rows: list[Row]) -> str:
    """The label; without a question the first row is as good as any."""
    return question.baseline if question else rows[0].label


def _reach(question: Question | None, rows: list[Row]) -> float | None:
    """The question's own, or nine tenths of what the baseline reaches."""
    if question and question.reach:
        return question.reach
    baseline = _baseline_label(question, rows)
    tops = [row.values("top1") for row in rows if row.label == baseline and row.runs]
    return 0.9 * float(tops[0].mean()) if tops else None
