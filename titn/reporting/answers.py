"""The answer of a question, in a sentence that the statistics carry, and in ten words."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from titn.records.cell_state import DIVERGED, STOPPED
from titn.reporting.comparisons.chance import is_near_chance
from titn.reporting.comparisons.differences import Difference
from titn.reporting.comparisons.teachers import are_teachers_ranked_by_one, differently_taught
from titn.reporting.comparisons.verdicts import BETTER, EQUAL, MIN_SEEDS, UNDECIDED, WORSE
from titn.reporting.cost_answers import cost_answer
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import STATES, Row
from titn.reporting.formats import margin_text, size_text
from titn.reporting.markdown import code, escape, listed
from titn.reporting.row_names import display_names
from titn.system.text import counted, percent

# Rows of one verdict that the sentence names with their numbers.
MOST_NAMED = 3


@dataclass(frozen=True)
class Answer:
    """text: the verdicts, a sentence for each. aside: the rows that have none. pairs: what is found
    of the question's pairs. All markdown. short: the verdict in some ten words, plain text."""

    text: str
    short: str
    aside: str = ""
    pairs: str = ""

    @property
    def paragraph(self) -> str:
        """All of it, with the verdicts in bold."""
        return " ".join(filter(None, [self.text and f"**{self.text}**", self.aside, self.pairs]))


def answer(evidence: Evidence, found: Sequence[Difference]) -> Answer:
    """What may be concluded; and if nothing may, why not."""
    if evidence.is_untrained:
        return Answer(cost_answer(evidence), "Sizes and times; nothing was trained.")
    called = display_names(evidence.rows)
    return why_unranked(evidence) or Answer(
        " ".join(_sentences(evidence, found)),
        _in_short(evidence, found),
        " ".join(
            filter(None, [_without_verdict(found, called), _taught_and_not(evidence, called)])
        ),
    )


def why_unranked(evidence: Evidence) -> Answer | None:
    """Why the rows are not compared; None if they are."""
    if not evidence.recorded:
        lacking = _record_lacked(evidence.rows)
        return Answer(f"No cell has a {lacking}: {_states(evidence.rows)}.", f"No {lacking}.")
    chance = [row for row in evidence.recorded if is_near_chance(row)]
    learned = [row for row in evidence.recorded if not is_near_chance(row)]
    if chance and (evidence.baseline in chance or len(learned) < 2):
        text = (
            f"Nothing is compared: {_named(chance)} stayed near chance, hardly trained if at all."
        )
        return Answer(text, "Near chance: nothing is compared.")
    if evidence.baseline is None:
        return _without_baseline(evidence)
    if len(evidence.recorded) == 1:
        return _of_one_row(evidence)
    few = [row for row in learned if len(row.runs) < MIN_SEEDS]
    if evidence.baseline in few or len(few) >= len(learned) - 1:
        return _of_few_seeds(few, learned)
    others = [row for row in learned if row is not evidence.baseline]
    if all(are_teachers_ranked_by_one([evidence.baseline, row]) for row in others):
        text = (
            "Teachers are not ranked: some were trained once, so the intervals cover other "
            "students but not other teachers. `teacher.seed='${seed}'` trains a teacher for each "
            "seed."
        )
        return Answer(text, "Teachers are not ranked: some were trained once.")
    return None


def _without_baseline(evidence: Evidence) -> Answer:
    label = evidence.question.baseline if evidence.question else evidence.rows[0].label
    rows = [row for row in evidence.rows if row.label == label]
    states, lacking = _states(rows) or "not asked for", _record_lacked(rows)
    highest = _highest(evidence.recorded)
    return Answer(
        f"The baseline, {escape(label)}, has no {lacking} ({states}): nothing is compared.",
        f"Nothing is compared: no {lacking} of the baseline. Highest: {highest}",
    )


def _of_one_row(evidence: Evidence) -> Answer:
    is_stopped = any(row.count(STOPPED) for row in evidence.rows if not row.runs)
    have = "records of all their epochs" if is_stopped else "records"
    text = f"Only one row has {have}: nothing is compared."
    return Answer(text, "One row: no comparison.")


def _of_few_seeds(few: Sequence[Row], learned: Sequence[Row]) -> Answer:
    """few: those of the rows with too few seeds for a verdict."""
    counts = {len(row.runs) for row in few}
    seeds = counted(counts.pop(), "seed") if len(counts) == 1 else "fewer than three seeds"
    have = "has" if len(few) == 1 else "have"
    is_each = len(few) == len(learned)
    who = "each row has" if is_each else f"{_named(few)} {have}"
    highest = _highest(learned)
    return Answer(
        f"No verdict: {who} {seeds}, and three are needed. The highest is {escape(highest)}.",
        f"No verdict: {f'{seeds} a row' if is_each else 'too few seeds'}. Highest: {highest}",
    )


def _highest(rows: Sequence[Row]) -> str:
    """The row with the highest top-1, and that; plain text."""
    top1 = {row.label: float(row.values("top1").mean()) for row in rows}
    label = max(top1, key=lambda one: top1[one])
    return f"{label}, {percent(top1[label], 1)}%"


def _named(rows: Iterable[Row]) -> str:
    return listed([escape(row.label) for row in rows])


def _record_lacked(rows: Iterable[Row]) -> str:
    """What rows without numbers lack: of a run that stopped early there is a record, of less."""
    return "record of all its epochs" if any(row.count(STOPPED) for row in rows) else "record"


def _states(rows: Iterable[Row]) -> str:
    """What has become of the cells without a number: "3 diverged, 1 missing"."""
    counted = Counter(state for row in rows for state in row.states.values())
    return ", ".join(f"{counted[state]} {state}" for state in STATES if counted[state])


def _sentences(evidence: Evidence, found: Sequence[Difference]) -> Iterator[str]:
    """One for each verdict that there is."""
    baseline = evidence.baseline
    assert baseline is not None
    called = display_names(evidence.rows)
    name = escape(called[baseline.label])
    groups = _by_verdict(found)
    for verdict, word in ((BETTER, "Better than"), (WORSE, "Worse than")):
        if rows := groups[verdict]:
            yield f"{word} {name}: {_with_numbers(rows, called)}."
    if rows := groups[EQUAL]:
        within = margin_text(evidence.margin)
        yield f"Equal to {name} within {within}: {_names(rows, called)}."
    if rows := groups[UNDECIDED]:
        if len(rows) == sum(not difference.unjudged for difference in found):
            yield (
                f"No row is told apart from {name}: differences of up to {_most_excluded(rows)} "
                "points remain possible."
            )
        else:
            yield f"Undecided: {_names(rows, called)} (up to {_most_excluded(rows)} points)."


def _without_verdict(found: Sequence[Difference], called: dict[str, str]) -> str:
    """The rows that were not judged, by the reason why."""
    reasons: dict[str, list[str]] = {}
    for difference in found:
        if difference.unjudged:
            name = escape(called[difference.row.label])
            reasons.setdefault(difference.unjudged, []).append(name)
    said = "; ".join(f"{listed(names)} ({why})" for why, names in reasons.items())
    return f"No verdict: {said}." if reasons else ""


def _in_short(evidence: Evidence, found: Sequence[Difference]) -> str:
    """The row that differs most, and how many others have which verdict."""
    called = display_names(evidence.rows)
    groups = _by_verdict(found)
    decided = [*groups[BETTER], *groups[WORSE]]
    parts = []
    if decided:
        first = max(decided, key=lambda one: abs(one.estimate))
        size = percent(abs(first.estimate), 1)
        parts.append(f"{called[first.row.label]} {first.verdict} by {size}")
        for verdict in (BETTER, WORSE):
            more = sum(one is not first for one in groups[verdict])
            parts += [f"{more} more {verdict}"] if more else []
    if groups[EQUAL]:
        parts.append(f"{len(groups[EQUAL])} equal within {100 * evidence.margin:g}")
    if undecided := groups[UNDECIDED]:
        if not parts:
            return f"No difference found (up to {_most_excluded(undecided)} points possible)"
        parts.append(f"{len(undecided)} undecided")
    return "; ".join(parts) or "No verdict."


def _by_verdict(found: Sequence[Difference]) -> dict[str, list[Difference]]:
    """Of the rows that were judged, those that differ most first."""
    judged = [difference for difference in found if not difference.unjudged]
    judged.sort(key=lambda difference: -abs(difference.estimate))
    return {
        verdict: [one for one in judged if one.verdict == verdict]
        for verdict in (BETTER, WORSE, EQUAL, UNDECIDED)
    }


def _with_numbers(found: Sequence[Difference], called: dict[str, str]) -> str:
    """Names with their differences, the largest; of the others how many there are."""
    texts = []
    for difference in found[:MOST_NAMED]:
        assert difference.interval is not None
        by = size_text(difference.estimate, difference.interval)
        texts.append(f"{escape(called[difference.row.label])} by {by}")
    more = len(found) - MOST_NAMED
    return listed([*texts, *([f"{counted(more, 'more row')}"] if more > 0 else [])])


def _names(found: Sequence[Difference], called: dict[str, str]) -> str:
    return listed([escape(called[difference.row.label]) for difference in found])


def _most_excluded(found: Sequence[Difference]) -> str:
    """In points: no row's difference is larger, either way."""
    return percent(max(difference.excluded or 0.0 for difference in found), 1)


def is_conditional(row: Row) -> bool:
    """Whether all seeds of a row had the same trained teacher."""
    return row.has_one_teacher and len(row.runs) > 1


def cautions(evidence: Evidence) -> list[str]:
    """What a reader of the numbers has to know besides."""
    lines = []
    for row in evidence.rows:
        if row.count(DIVERGED):
            luck = "; the mean is of the others, which are the luckier ones" if row.runs else ""
            share = f"{row.count(DIVERGED)} of {row.num_planned} diverged"
            lines.append(f"{escape(row.label)}: {share}{luck}.")
    shares = [
        f"{escape(row.label)} ({row.count(STOPPED)} of {row.num_planned})"
        for row in evidence.rows
        if row.count(STOPPED)
    ]
    if shares:
        lines.append(f"Cells that stopped early, and are in no mean: {', '.join(shares)}.")
    states = [(row, _states_without_record(row)) for row in evidence.rows]
    without = [f"{escape(row.label)} ({said})" for row, said in states if said]
    if without:
        lines.append(f"Cells without a record: {', '.join(without)}.")
    lines += _omissions(evidence)
    if any(is_conditional(row) for row in evidence.rows):
        lines.append(
            "All seeds of a row had the same trained teacher: the intervals are conditional on "
            "it, and another teacher of the same recipe might move them."
        )
    return lines


def _taught_and_not(evidence: Evidence, called: dict[str, str]) -> str:
    """The rows that differ from the baseline both in their network and in having a teacher."""
    baseline = evidence.baseline
    if baseline is None or not (rows := differently_taught(baseline, evidence.recorded)):
        return ""
    names = listed([escape(called[row.label]) for row in rows])
    differ = "differs" if len(rows) == 1 else "differ"
    return (
        f"{names} {differ} from {escape(called[baseline.label])} both in network and in "
        f"{'having no' if baseline.teachers else 'having a'} teacher: how much each of the two "
        "makes is not told by this comparison."
    )


def warnings(evidence: Evidence) -> list[str]:
    """What a reader of the answer has to know before anything else."""
    lines = list(_warnings_about_data(evidence.reference))
    if evidence.setting.revised:
        has_pairs = evidence.question is not None and evidence.question.pairs
        lines.append(
            f"The question's claims{', pairs' if has_pairs else ''} or margins were changed after "
            "the first asking: what they find was not fixed before the runs."
        )
    elif (asked := evidence.question) and (asked.claims or asked.pairs) and evidence.older:
        lines.append(f"When the question was first asked, {evidence.older} had begun already.")
    return lines


def _warnings_about_data(reference: Row | None) -> Iterator[str]:
    if reference is None:
        return
    num_images = reference.shared_value("num_evaluated")
    if (
        reference.shared_value("dataset") == "digits"
        and num_images
        and reference.shared_value("epochs")
    ):
        size = int(reference.shared_value("dataset.image_size") or 8)
        enlarged = f" enlarged to {size}x{size}" if size > 8 else ""
        yield (
            "Digits show that the code works; they test no claim of the paper. They are 8x8 pixels"
            f"{enlarged}, with {int(num_images)} images to evaluate on: one image is "
            f"{100 / num_images:.2f} points."
        )
    if reference.shared_value("split") == "validation":
        yield "These numbers are of a validation split: use them to choose, not as results."


def _states_without_record(row: Row) -> str:
    """Those that no line of their own tells."""
    return ", ".join(one for one in row.remarks() if not one.endswith((DIVERGED, STOPPED)))


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
            f"Several records, which differ, of {counted(copies, 'cell')}: the one whose teacher "
            "most other cells had counts, and of several such the first that was begun."
        )
    lost = [row for row in evidence.recorded if not row.has_all_samples]
    if lost:
        lines.append(
            f"Predictions by image are not kept, or not of the same images, for all seeds of "
            f"{_named(lost)}: there is no interval that covers other images."
        )
    faults = [fault for row in evidence.recorded for fault in row.faults]
    lines += [
        f"{code(fault.short_path)} cannot be used: {escape(fault.reason)}." for fault in faults
    ]
    return lines
