"""The answer of a question, in a sentence that the statistics carry."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from titn.records.cell_state import DIVERGED
from titn.reporting.comparisons.differences import NOT_TOLD_APART, Difference
from titn.reporting.comparisons.levels import is_near_chance
from titn.reporting.comparisons.teachers import are_teachers_ranked_by_one
from titn.reporting.cost_answers import cost_answer
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import STATES, Row
from titn.reporting.markdown import code, escape
from titn.reporting.row_names import display_names
from titn.system.text import counted, points

# verdict -> the words before its rows.
PHRASES = {
    "above": "Above it: ",
    "below": "Below it: ",
    NOT_TOLD_APART: "Not told apart from it: ",
}


def answer(evidence: Evidence, found: Sequence[Difference]) -> str:
    """What may be concluded; and if nothing may, why not."""
    if evidence.is_untrained:
        return cost_answer(evidence)
    return why_unranked(evidence) or _sentences(evidence, found)


def why_unranked(evidence: Evidence) -> str | None:
    """Why the rows are not ranked; None if they are."""
    if not evidence.recorded:
        return f"No cell has a record: {_states(evidence.rows)}."
    chance = [row for row in evidence.recorded if is_near_chance(row)]
    learned = [row for row in evidence.recorded if not is_near_chance(row)]
    if chance and (evidence.baseline in chance or len(learned) < 2):
        return f"Nothing is ranked: {_named(chance)} stayed near chance, hardly trained if at all."
    if evidence.baseline is None:
        label = evidence.question.baseline if evidence.question else evidence.rows[0].label
        states = _states(row for row in evidence.rows if row.label == label) or "not asked for"
        return f"The baseline, {escape(label)}, has no record ({states}): nothing is compared."
    if len(evidence.recorded) == 1:
        return "Only one row has records, so nothing is compared."
    single = [row for row in learned if len(row.runs) < 2]
    if evidence.baseline in single or len(single) >= len(learned) - 1:
        return f"Nothing is ranked: of {_named(single)} there is one seed, a single number."
    if are_teachers_ranked_by_one(learned):
        return (
            "Teachers are not ranked: some were trained once, and the intervals are about students "
            "of these very teachers. `teacher.seed='${seed}'` gives each seed its own."
        )
    return None


def _named(rows: Iterable[Row]) -> str:
    return ", ".join(escape(row.label) for row in rows)


def _states(rows: Iterable[Row]) -> str:
    """What has become of the cells without a record: "3 diverged, 1 missing"."""
    counted = Counter(state for row in rows for state in row.states.values())
    return ", ".join(f"{counted[state]} {state}" for state in STATES if counted[state])


def _sentences(evidence: Evidence, found: Sequence[Difference]) -> str:
    baseline = evidence.baseline
    assert baseline is not None
    called = display_names(evidence.rows)
    parts = [f"Against {escape(called[baseline.label])}, in points of top-1."]
    for verdict, phrase in PHRASES.items():
        rows = [
            difference
            for difference in found
            if difference.is_ranked and difference.verdict == verdict
        ]
        rows.sort(key=lambda difference: -abs(difference.estimate))
        if rows:
            parts.append(
                phrase + "; ".join(_with_interval(difference, called) for difference in rows) + "."
            )
    if chance := [row for row in evidence.recorded if is_near_chance(row)]:
        parts.append(f"Near chance, hardly trained if at all, and not ranked: {_named(chance)}.")
    without = [row for row in evidence.rows if len(row.runs) < 2 and not is_near_chance(row)]
    if without:
        parts.append(f"Not compared, for want of seeds: {_named(without)}.")
    if any(is_conditional(row) for row in evidence.recorded):
        parts.append("Conditional on one trained teacher.")
    return " ".join(parts)


def _with_interval(difference: Difference, called: dict[str, str]) -> str:
    name = escape(called[difference.row.label])
    interval = difference.over_seeds_and_images
    if interval is None:
        return f"{name} ({points(difference.estimate)}, without an interval)"
    # The estimate of the interval's own seeds, which may be fewer than the row's.
    text = f"{points(interval.estimate)}, 95% {points(interval.low)} to {points(interval.high)}"
    is_overruled = difference.verdict == NOT_TOLD_APART and interval.low * interval.high > 0
    if is_overruled and difference.holm_p:
        # Else a reader wonders about an interval without zero.
        text += f", but p {difference.holm_p:.2f} after correction for the number of rows"
    return f"{name} ({text})"


def is_conditional(row: Row) -> bool:
    """Whether all seeds of a row had the same trained teacher."""
    return len(row.teachers) == 1 and len(row.runs) > 1


def cautions(evidence: Evidence) -> list[str]:
    """What a reader of the numbers has to know besides."""
    lines = []
    for row in evidence.rows:
        if row.count(DIVERGED):
            luck = "; the mean is of the others, which are the luckier ones" if row.runs else ""
            share = f"{row.count(DIVERGED)} of {row.num_planned} diverged"
            lines.append(f"{escape(row.label)}: {share}{luck}.")
    states = [(row, _states_but_diverged(row)) for row in evidence.rows]
    without = [f"{escape(row.label)} ({said})" for row, said in states if said]
    if without:
        lines.append(f"Cells without a record: {', '.join(without)}.")
    lines += _omissions(evidence)
    if any(is_conditional(row) for row in evidence.rows):
        lines.append(
            "All seeds of a row had the same trained teacher: the intervals are conditional on "
            "it, and another teacher of the same recipe might move them."
        )
    lines += _cautions_about_data(evidence.reference)
    if evidence.setting.revised:
        lines.append(
            "**The question's claims or margins were changed after the first asking**: what they "
            "find was not fixed before the runs."
        )
    return lines


def _cautions_about_data(reference: Row | None) -> Iterator[str]:
    if reference is None:
        return
    num_images = reference.shared_value("num_evaluated")
    if reference.shared_value("dataset") == "digits" and num_images:
        yield (
            "Digits prove the machinery, not the paper: 8x8 pixels enlarged to 32x32, "
            f"and {int(num_images)} test images, so that one image is "
            f"{100 / num_images:.2f} points."
        )
    if reference.shared_value("split") == "validation":
        yield "These are numbers of a validation split: they may choose, and are no result."


def _states_but_diverged(row: Row) -> str:
    return ", ".join(remark for remark in row.remarks() if not remark.endswith(DIVERGED))


def _omissions(evidence: Evidence) -> list[str]:
    """Records, and files of records, that the means and intervals do without."""
    lines = [
        f"{escape(row.label)}: in none of its numbers {'is' if row.num_left_out == 1 else 'are'} "
        f"{counted(row.num_left_out, 'more cell')} of another configuration: "
        "other chosen values, an edited row, or another teacher's seed."
        for row in evidence.rows
        if row.num_left_out
    ]
    copies = sum(run.get("num_others", 0) > 0 for run in evidence.runs)
    if copies:
        lines.append(
            f"Several records, which differ, of {counted(copies, 'cell')}: the "
            "first that was begun counts."
        )
    lost = [row for row in evidence.recorded if not row.has_all_samples]
    if lost:
        lines.append(
            f"Predictions by image are not kept, or not of the same images, for all seeds of "
            f"{_named(lost)}: there is no interval that covers test images."
        )
    faults = [fault for row in evidence.recorded for fault in row.faults]
    lines += [
        f"{code(fault.short_path)} cannot be used: {escape(fault.reason)}." for fault in faults
    ]
    return lines
