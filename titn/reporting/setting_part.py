"""The part of a page that is about one setting: the answer, its tables and its figures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from titn.records.question import Question
from titn.reporting.ablation_answers import ablation_answer
from titn.reporting.answers import Answer, answer, cautions, warnings, why_unranked
from titn.reporting.comparisons.claims import ClaimResult, claims_of, judge_claim
from titn.reporting.comparisons.differences import (
    Difference,
    differences_from_baseline,
    differences_of_pairs,
)
from titn.reporting.comparisons.effects import Effects, ablation_effects
from titn.reporting.comparisons.levels import row_levels
from titn.reporting.comparisons.table_model import table_model
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.run_index import RunIndex, record_with
from titn.reporting.markdown import bullets, escape, fold
from titn.reporting.output_files import OutputFiles
from titn.reporting.pair_answers import pairs_answer
from titn.reporting.provenance import choice_name, origin_lines
from titn.reporting.row_names import display_names
from titn.reporting.sections.ablation import ablation_sections, effects_section
from titn.reporting.sections.claims import claims_section
from titn.reporting.sections.classes import classes_section
from titn.reporting.sections.learning import learning_section
from titn.reporting.sections.levels import certainty_section, levels_section
from titn.reporting.sections.overview import overview_section, standings
from titn.reporting.sections.pairs import pairs_section
from titn.reporting.sections.printed_numbers import printed_numbers_section
from titn.reporting.sections.sizes import sizes_section
from titn.reporting.sections.trace import cells_section, protocols_section, tuning_section

# What is replaced in a dataset's name where it is part of a file's.
UNFIT = re.compile(r"[^\w.-]+")
MAX_LENGTH = 60  # of that part


@dataclass(frozen=True)
class SettingSummary:
    """What other pages need of a setting.

    differences: of its rows from the baseline. pairs: of the question's pairs of rows. results: of
    the question's claims. teachers: their records, as flat dicts. files: where its tables and
    figures are.
    """

    heading: str
    evidence: Evidence
    answer: Answer
    differences: list[Difference]
    pairs: list[Difference]
    results: list[ClaimResult]
    teachers: list[dict[str, Any]]
    files: OutputFiles


def setting_part(
    evidence: Evidence, heading: str, index: RunIndex, out: Path, ambiguous: bool
) -> tuple[list[str], SettingSummary]:
    """A setting's part of the page, judged by the question as it was asked then."""
    question, reference = evidence.question, evidence.reference
    dataset = choice_name(reference, "dataset") if reference else "unknown"
    name = UNFIT.sub("-", dataset)[:MAX_LENGTH]
    stem = f"{Path(evidence.name).name}/{name}-{evidence.setting.key[:8]}"
    if ambiguous:
        stem += f"-{evidence.setting.source_digest[:8]}"
    files = OutputFiles((out / evidence.name).parent, stem)
    differences, pairs = differences_from_baseline(evidence), differences_of_pairs(evidence)
    claims = claims_of(question) if question else []
    results = [judge_claim(claim, evidence) for claim in claims]
    effects = ablation_effects(evidence, differences)
    found = answer(evidence, differences)
    if effects and not why_unranked(evidence):
        found = ablation_answer(effects)
    found = replace(found, pairs=pairs_answer(pairs, display_names(evidence.rows)))
    teachers, warned = teachers_of(evidence, index), cautions(evidence)
    parts = [
        found.paragraph,
        f"On {escape(heading)}. {' '.join(warnings(evidence))}".rstrip(),
        *_body(evidence, question, differences, pairs, results, files, effects),
        *_folds(
            [
                ("Cautions", [bullets(warned)] if warned else []),
                ("How each row was trained", protocols_section(evidence, files)),
            ]
        ),
        fold("Where this comes from", [bullets(origin_lines(evidence, teachers))]),
        *cells_section(evidence, files),
    ]
    return parts, SettingSummary(
        heading, evidence, found, differences, pairs, results, teachers, files
    )


def _body(
    evidence: Evidence,
    question: Question | None,
    differences: list[Difference],
    pairs: list[Difference],
    results: list[ClaimResult],
    files: OutputFiles,
    effects: Effects | None,
) -> list[str]:
    """Tables and figures: of networks that were not trained, what they cost."""
    claims = claims_section(results, evidence, files)
    printed = printed_numbers_section(evidence, question, files)
    if evidence.is_untrained:
        return [
            *sizes_section(evidence, files),
            *claims,
            *_folds([("The paper's numbers", printed)]),
        ]
    rows = standings(evidence, row_levels(evidence), differences)
    overview = overview_section(evidence, rows, files)
    ablation = question.ablation if question else None
    return [
        *(effects_section(effects, evidence, files) if effects else overview),
        *pairs_section(pairs, display_names(evidence.rows), files),
        *claims,
        *_folds(
            [
                ("Every row of the design", overview if effects else []),
                *(ablation_sections(ablation, evidence, files) if ablation else []),
                ("The paper's numbers and ours", printed),
                ("How sure this is", certainty_section(rows, table_model(evidence))),
                ("Other metrics", levels_section(rows) if evidence.recorded else []),
                *(
                    []
                    if ablation
                    else [("How each row chose its values", tuning_section(evidence, files))]
                ),
                ("Learning and cost", learning_section(evidence, files)),
                ("Classes", classes_section(evidence, differences, files)),
            ]
        ),
    ]


def _folds(sections: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """A fold for each section that has something in it."""
    return [fold(title, parts) for title, parts in sections if parts]


def teachers_of(evidence: Evidence, index: RunIndex) -> list[dict[str, Any]]:
    """The records of the teachers that the students had."""
    taught = (run for row in evidence.rows for run in row.runs.values())
    found = {}
    for run in taught:
        # Older records named their teachers without a digest, which was the setting's.
        digest = run.get("teacher.source_digest") or evidence.setting.source_digest
        teacher = index.get((run.get("teacher.config_hash", ""), digest))
        if teacher is not None:
            record = record_with(run.get("teacher.top1"), teacher)
            found[teacher["config_hash"], digest, str(record.get("top1"))] = record
    return [record for _, record in sorted(found.items(), key=itemgetter(0))]
