"""The answer of a question, in a sentence that the statistics carry."""

from collections import Counter
from collections.abc import Iterable, Sequence

from titn.records.cell_state import DIVERGED
from titn.reporting import comparisons as co
from titn.reporting.cost_answers import cost_answer
from titn.reporting.evidence import STATES, Evidence, Row
from titn.reporting.markdown import code, escape
from titn.reporting.row_names import names
from titn.system.text import counted, points

# How the rows of one verdict are spoken of.
PHRASES = {
    "above": "Above it: ",
    "below": "Below it: ",
    "not told apart": "Not told apart from it: ",
}


def answer(evidence: Evidence, found: Sequence[co.Difference]) -> str:
    """What may be concluded; and if nothing may, why not."""
    if evidence.is_untrained:
        return cost_answer(evidence)
    return unranked(evidence) or _sentences(evidence, found)


def unranked(evidence: Evidence) -> str | None:
    """Why the rows are not ranked; None if they are."""
    if not evidence.recorded:
        return f"No cell has a record: {_states(evidence.rows)}."
    chance = [row for row in evidence.recorded if co.is_near_chance(row)]
    learned = [row for row in evidence.recorded if not co.is_near_chance(row)]
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
    if co.are_teachers_ranked_by_one(learned):
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


def _sentences(evidence: Evidence, found: Sequence[co.Difference]) -> str:
    baseline = evidence.baseline
    assert baseline is not None
    called = names(evidence.rows)
    parts = [f"Against {escape(called[baseline.label])}, in points of top-1."]
    for verdict, phrase in PHRASES.items():
        rows = [one for one in found if one.is_ranked and one.verdict == verdict]
        rows.sort(key=lambda one: -abs(one.estimate))
        if rows:
            parts.append(phrase + "; ".join(_told(one, called) for one in rows) + ".")
    if chance := [row for row in evidence.recorded if co.is_near_chance(row)]:
        parts.append(f"Near chance, hardly trained if at all, and not ranked: {_named(chance)}.")
    without = [row for row in evidence.rows if len(row.runs) < 2 and not co.is_near_chance(row)]
    if without:
        parts.append(f"Not compared, for want of seeds: {_named(without)}.")
    if any(is_conditional(row) for row in evidence.recorded):
        parts.append("Conditional on one trained teacher.")
    return " ".join(parts)


def _told(one: co.Difference, called: dict[str, str]) -> str:
    name = escape(called[one.row.label])
    if one.both is None:
        return f"{name} ({points(one.estimate)}, without an interval)"
    # Of the interval's own seeds, which may be fewer than the row's.
    text = f"{points(one.both.estimate)}, 95% {points(one.both.low)} to {points(one.both.high)}"
    if one.verdict == "not told apart" and one.both.low * one.both.high > 0 and one.corrected:
        # Else a reader wonders about an interval without zero.
        text += f", but p {one.corrected:.2f} after correction for the number of rows"
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
    lines += _of_what_was_left_out(evidence)
    if any(is_conditional(row) for row in evidence.rows):
        lines.append(
            "All seeds of a row had the same trained teacher: the intervals are conditional on "
            "it, and another teacher of the same recipe might move them."
        )
    reference = evidence.reference
    if reference and reference.one("dataset") == "digits" and reference.one("num_evaluated"):
        lines.append(
            "Digits prove the machinery, not the paper: 8x8 pixels enlarged to 32x32, "
            f"and {int(reference.one('num_evaluated'))} test images, so that one image is "
            f"{100 / reference.one('num_evaluated'):.2f} points."
        )
    if reference and reference.one("split") == "validation":
        lines.append("These are numbers of a validation split: they may choose, and are no result.")
    if evidence.setting.revised:
        lines.append(
            "**The question's claims or margins were changed after the first asking**: what they "
            "find was not fixed before the runs."
        )
    return lines


def _states_but_diverged(row: Row) -> str:
    return ", ".join(one for one in row.remarks() if not one.endswith(DIVERGED))


def _of_what_was_left_out(evidence: Evidence) -> list[str]:
    """Records, and files of records, that the means and intervals do without."""
    lines = [
        f"{escape(row.label)}: in none of its numbers {'is' if row.left_out == 1 else 'are'} "
        f"{counted(row.left_out, 'more cell')} of another configuration: "
        "other chosen values, an edited row, or another teacher's seed."
        for row in evidence.rows
        if row.left_out
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
    lines += [f"{code(one.place)} cannot be used: {escape(one.reason)}." for one in faults]
    return lines
