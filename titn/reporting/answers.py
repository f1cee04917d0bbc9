"""The answer of a question, in a sentence that the statistics carry."""

from collections.abc import Sequence

from titn.reporting import comparisons as co
from titn.reporting.evidence import Evidence
from titn.reporting.markdown import escape, points
from titn.reporting.naming import names

# How the rows of one verdict are spoken of.
PHRASES = {
    "above": "Above it: ",
    "below": "Below it: ",
    "not told apart": "Not told apart from it: ",
}


def answer(evidence: Evidence, found: Sequence[co.Difference]) -> str:
    """What may be concluded; and if nothing may, why not."""
    if not evidence.recorded:
        return "Nothing is recorded yet."
    if evidence.is_untrained:
        return "The networks were not trained: what they cost is counted, and timed where asked."
    k = evidence.num_classes
    if chance := [row.label for row in evidence.recorded if co.is_near_chance(row, k)]:
        named = ", ".join(escape(label) for label in chance)
        return f"Nothing is ranked: {named} stayed near chance; it has hardly been trained."
    if evidence.baseline is None:
        return "The baseline has no record yet, so nothing is compared."
    if len(evidence.recorded) == 1:
        return "Only one row is recorded, so nothing is compared."
    if any(len(row.runs) < 2 for row in evidence.recorded):
        return "Some rows have one seed: what follows are single numbers, and nothing is ranked."
    if teachers_are_ranked_by_one(evidence):
        return (
            "Every teacher was trained once, so teachers are not ranked; the intervals are about "
            "students of these very teachers. teacher.seed='${seed}' gives each seed its own."
        )
    return _sentences(evidence, found)


def _sentences(evidence: Evidence, found: Sequence[co.Difference]) -> str:
    baseline = evidence.baseline
    assert baseline is not None
    called = names(evidence.rows)
    parts = [f"Against {escape(called[baseline.label])}, in points of top-1."]
    for verdict, phrase in PHRASES.items():
        rows = [one for one in found if one.verdict == verdict]
        rows.sort(key=lambda one: -abs(one.estimate))
        if rows:
            parts.append(phrase + "; ".join(_told(one, called) for one in rows) + ".")
    return " ".join(parts)


def _told(one: co.Difference, called: dict[str, str]) -> str:
    text = f"{escape(called[one.row.label])} ({points(one.estimate)}"
    if one.both:
        text += f", 95% {points(one.both.low)} to {points(one.both.high)}"
    return text + ")"


def teachers_are_ranked_by_one(evidence: Evidence) -> bool:
    """Whether the rows differ in their teachers' networks, and a teacher has one seed only."""
    networks = {row.one("teacher.model._target_") for row in evidence.recorded if row.teachers}
    return len(networks) > 1 and any(len(row.teachers) == 1 for row in evidence.recorded)


def cautions(evidence: Evidence) -> list[str]:
    """What a reader of the numbers has to know besides."""
    lines = []
    for row in evidence.rows:
        if row.count("diverged"):
            lines.append(
                f"{escape(row.label)}: {row.count('diverged')} of {row.num_planned} diverged; the "
                "mean is of the others, which are the luckier ones."
            )
    open_cells = [row.label for row in evidence.rows if row.count("missing") + row.count("failed")]
    if open_cells:
        named = ", ".join(escape(label) for label in open_cells)
        lines.append(f"Cells are missing or failed in: {named}.")
    if any(len(row.teachers) == 1 and len(row.runs) > 1 for row in evidence.rows):
        lines.append(
            "All seeds of a row had the same trained teacher: the intervals are conditional on "
            "it, and another teacher of the same recipe might move them."
        )
    reference = evidence.reference
    if reference and reference.one("dataset") == "digits":
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
