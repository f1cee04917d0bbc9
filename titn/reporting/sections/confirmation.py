"""What a search believed of its best configurations, beside what they reach on test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from titn.records.cell_state import RECORDED
from titn.records.search import DEFAULTS, trial_row
from titn.records.trials import TrialSchema, TrialsFile
from titn.reporting.comparisons.differences import Difference
from titn.reporting.comparisons.levels import row_levels
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.run_index import RunIndex
from titn.reporting.formats import bounds, interval_text, percent_interval
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import OutputFiles
from titn.reporting.statistics.intervals import Interval
from titn.system.text import counted, percent, points


@dataclass(frozen=True)
class Confirmed:
    """A configuration that was made again; accuracies are fractions.

    believed: its top-1 on the validation split, of one seed. reached: its mean on test. gain: on
    test over the defaults. believed_gain: the same on the validation split. None where a number, or
    the defaults, is not there.
    """

    row: str
    believed: float | None
    reached: float | None
    interval: Interval | None = None
    believed_gain: float | None = None
    difference: Difference | None = None

    @property
    def gain(self) -> float | None:
        return self.difference.estimate if self.difference else None

    @property
    def optimism(self) -> float | None:
        """How much more the search believed to gain over the defaults than shows on test.

        What the two splits differ in for every configuration, their images and the training images
        beside them, is in both gains and drops out, as far as it is the same for both.
        """
        if self.believed_gain is None or self.gain is None:
            return None
        return self.believed_gain - self.gain


def confirmed_rows(
    found: TrialsFile, evidence: Evidence, differences: list[Difference], index: RunIndex
) -> list[Confirmed]:
    """Of each row of the confirmation, in its order."""
    believed = _believed(found, evidence, index)
    levels = {level.row.label: level for level in row_levels(evidence)}
    over = {one.row.label: one for one in differences}
    base = believed.get(DEFAULTS)
    rows = []
    for row in evidence.rows:
        level, own = levels.get(row.label), believed.get(row.label)
        gained = own - base if own is not None and base is not None else None
        is_base = row.label == DEFAULTS
        rows.append(
            Confirmed(
                row=row.label,
                believed=own,
                reached=level.mean if level else None,
                interval=level.interval if level else None,
                believed_gain=None if is_base else gained,
                difference=over.get(row.label) if DEFAULTS in levels else None,
            )
        )
    return rows


def _believed(found: TrialsFile, evidence: Evidence, index: RunIndex) -> dict[str, float]:
    """Row -> top-1 on the validation split: the study's, or that of the trial's record."""
    by_hash = {hash_: run for (hash_, _), run in index.items()}
    seen = {trial_row(one.number): _top1(found, one, by_hash) for one in found.trials}
    known = {row: top1 for row, top1 in seen.items() if top1 is not None}
    for cell, run in evidence.candidates:
        if cell.row == DEFAULTS and run and run["status"] == RECORDED:
            known[DEFAULTS] = run["top1"]
    return known


def _top1(found: TrialsFile, trial: TrialSchema, by_hash: Mapping[str, dict]) -> float | None:
    values = dict(zip(found.asked.objective, trial.values or (), strict=False))
    run = by_hash.get(trial.config_hash or "", {})
    return values.get("top1", run.get("top1"))


def confirmation_section(
    rows: list[Confirmed], evidence: Evidence, files: OutputFiles
) -> list[str]:
    """The table, and what its numbers mean."""
    link = files.save_csv("confirmation", pd.DataFrame([_record(one) for one in rows]))
    counts = [len(row.runs) for row in evidence.recorded] or [0]
    some = f"{min(counts)} to " if min(counts) < max(counts) else ""
    columns = [
        "",
        "validation top-1 (%), one seed",
        f"test top-1 (%), {some}{counted(max(counts), 'fresh seed')}",
        "gain on validation (points)",
        "gain on test (points)",
        "optimism (points)",
    ]
    text = (
        "Validation: what the search saw, with the one seed that it used; the highest of many "
        "trials. Test: the same configuration with fresh seeds, trained on all training images and "
        "evaluated on the test images. The two columns also differ by the images and by the size "
        "of the training set, so compare the gains over the defaults, where both configurations "
        "have the same. Optimism is the gain on validation minus the gain on test. It is rough, "
        "because the gain on validation is of one seed, of the defaults too; below zero there was "
        "none. 95% intervals, for other seeds and other images, are in brackets."
    )
    return [table(columns, [_line(one) for one in rows]), f"{text} {link}"]


def _line(one: Confirmed) -> list[str]:
    of_gain = one.difference.interval if one.difference else None
    interval = one.interval
    return [
        escape(one.row),
        percent(one.believed),
        f"{percent(one.reached)}{_within(interval, percent_interval)}",
        points(one.believed_gain),
        f"{points(one.gain)}{_within(of_gain, _gain_interval)}",
        points(one.optimism),
    ]


def _within(interval: Interval | None, text: Callable[[Interval], str]) -> str:
    return f" ({text(interval)})" if interval else ""


def _gain_interval(interval: Interval) -> str:
    return interval_text(interval, points)


def _record(one: Confirmed) -> dict[str, float | str | None]:
    return {
        "row": one.row,
        "validation_top1": one.believed,
        "test_top1": one.reached,
        **bounds("test_top1", one.interval),
        "believed_gain": one.believed_gain,
        "gain": one.gain,
        **bounds("gain", one.difference.interval if one.difference else None),
        "optimism": one.optimism,
    }
