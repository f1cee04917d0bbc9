"""A question's page: what was asked, what the paper says, what was found in each setting."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from titn.records.postponed import Postponed
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
from titn.reporting.markdown import code, escape, fold, html
from titn.reporting.output_files import OutputFiles
from titn.reporting.pair_answers import pairs_answer
from titn.reporting.provenance import choice_name, describe_setting, origin_lines
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
ROOT = "dataset.root"  # where data lie is a machine's own affair
# A sweep's name that needs no quotes in a shell.
PLAIN = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)


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


@dataclass(frozen=True)
class Page:
    """A page, and what other pages need of it. name: as ablation/patch_size; path: relative."""

    name: str
    question: Question | None
    text: str
    settings: list[SettingSummary]
    postponed: Sequence[Postponed] = ()

    @property
    def title(self) -> str:
        return self.question.title if self.question else "Sweeps without a question"

    @property
    def path(self) -> str:
        return f"{self.name}.md"


def write_page(
    name: str,
    question: Question | None,
    evidences: Sequence[Evidence],
    index: RunIndex,
    out: Path,
    postponed: Sequence[Postponed] = (),
    is_own: bool = False,
) -> Page:
    """Write the tables and figures of a question's page, and return the page.

    evidences: in the order of their last requests. postponed: the postponed parts of the question.
    is_own: titn has no such question; it is the user's. The setting that says most comes first; the
    others are folds below.
    """
    parts = [f"# {escape(question.title if question else 'Sweeps without a question')}"]
    begun = _by_weight([evidence for evidence in evidences if evidence.is_begun], question)
    # Settings whose cells have left nothing are only listed by their commands.
    waiting = [evidence for evidence in evidences if not evidence.is_begun]
    settings: list[SettingSummary] = []
    for evidence, heading in zip(begun, _headings(begun), strict=True):
        text, summary = setting_part(evidence, heading, index, out, _is_ambiguous(begun))
        is_of_today = _baseline(evidence.question) == _baseline(question)
        if not settings and not is_of_today:
            parts.append(
                "What follows was asked of another baseline; nothing is recorded of this one."
            )
        if settings:
            when = "Also asked" if is_of_today else "Asked before, of another baseline,"
            title = f"{when} on {html(heading)}: {html(summary.answer.short)}"
            text = [fold(title, text)]
        parts += text
        settings.append(summary)
    if not begun:
        parts.append("**Not run.** There is no record of any of its cells.")
    if postponed:
        lines = [f"{postponement(note, question)}. {code(note.command)}" for note in postponed]
        parts += ["Postponed:", _list(lines)]
    if waiting:
        begin = (command for evidence in waiting for command in evidence.setting.commands)
        parts += ["Asked for, and not begun:", _list([code(command) for command in begin])]
    if question:
        typed = [one for evidence in evidences for one in evidence.setting.commands]
        commands = [*typed, *(note.command for note in postponed)]
        overrides = [
            *(one.setting.overrides for one in begun),
            *(one.overrides for one in postponed),
        ]
        asked = _asked(name, question, is_own, commands, next(iter(overrides), []))
        title = "What is asked" + (", and what the paper says" if question.paper else "")
        parts += [fold(title, asked)] if begun else asked
    if not begun:
        parts += _claims_not_run(question)
    return Page(name, question, "\n\n".join(parts) + "\n", settings, postponed)


def _asked(
    name: str,
    question: Question,
    is_own: bool,
    commands: Sequence[str],
    overrides: Sequence[str],
) -> list[str]:
    """The question, what the paper says of it, and the command.

    commands: that asked it, which know where a question of one's own is. overrides: of the setting
    that the page begins with.
    """
    parts = [escape(question.asks)]
    if question.paper:
        parts.append(f"**The paper.** {escape(question.paper)}")
    group, _, choice = name.partition("/")
    if not is_own and choice and PLAIN.fullmatch(name):
        parts.append(f"```sh\n{_command(f'+{group}={choice}', overrides)}\n```")
    elif commands:
        parts += ["Asked by", _list([code(command) for command in dict.fromkeys(commands)])]
    return parts


def _command(asks: str, overrides: Sequence[str]) -> str:
    """What asks a question in a setting, from data that lie in DIR."""
    is_place = f"{ROOT}="
    more = [f"{ROOT}=DIR" if one.startswith(is_place) else one for one in overrides if one != asks]
    return shlex.join(["python", "-m", "titn.train", "--multirun", asks, *more])


def _by_weight(begun: Sequence[Evidence], question: Question | None) -> list[Evidence]:
    """Those that say most first; of equal ones that which was requested last.

    Before all others those with the baseline that the question has by now: an edited one gives
    another setting, and what the row was before answers another question.
    """
    last_first, today = begun[::-1], _baseline(question)
    return sorted(
        last_first,
        key=lambda one: (_baseline(one.question) == today, setting_weight(one)),
        reverse=True,
    )


def _baseline(question: Question | None) -> tuple[str, ...] | None:
    return question.rows[question.baseline] if question else None


def setting_weight(evidence: Evidence) -> tuple[bool, int, int, int, int]:
    """Orders settings by how much they say.

    Test before validation, then classes, training images, epochs of all records, and records.
    """
    row = evidence.reference
    if row is None:
        return False, 0, 0, 0, 0
    images = row.shared_value("num_train") or 0
    is_test = row.shared_value("split") != "validation"
    epochs = sum(int(row.shared_value("epochs") or 0) * len(row.runs) for row in evidence.rows)
    return is_test, evidence.num_classes, int(images), epochs, sum(1 for _ in evidence.runs)


def postponement(note: Postponed, question: Question | None) -> str:
    """Which rows (unless all) and seeds were postponed, why, and how long they would take."""
    return f"{which_cells(note, question)}: {escape(f'{note.reason}; {note.needs}')}"


def which_cells(note: Postponed, question: Question | None) -> str:
    """The rows, unless they are all, and seeds that were postponed."""
    is_whole = question is not None and list(question.rows) == note.rows
    rows = "" if is_whole else f"{' and '.join(note.rows)}, "
    seeds = "seeds" if len(note.seeds) > 1 else "seed"
    return escape(f"{rows}{seeds} {', '.join(map(str, note.seeds))}")


def _is_ambiguous(evidences: Sequence[Evidence]) -> bool:
    return len({evidence.setting.source_digest for evidence in evidences}) > 1


def _headings(evidences: Sequence[Evidence]) -> list[str]:
    """What each setting is called, with its source digest or key if it needs them to be unique."""
    texts = [describe_setting(evidence.reference) for evidence in evidences]
    if _is_ambiguous(evidences):
        digests = (evidence.setting.source_digest[:8] for evidence in evidences)
        texts = [f"{text} (source {digest})" for text, digest in zip(texts, digests, strict=True)]
    return [
        f"{text} (setting {evidence.setting.key[:8]})" if texts.count(text) > 1 else text
        for text, evidence in zip(texts, evidences, strict=True)
    ]


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
    teachers = teachers_of(evidence, index)
    parts = [
        found.paragraph,
        f"On {escape(heading)}. {' '.join(warnings(evidence))}".rstrip(),
        *_body(evidence, question, differences, pairs, results, files, effects),
        *_folds([("Cautions", _listed(cautions(evidence)))]),
        *_folds([("How each row was trained", protocols_section(evidence, files))]),
        fold("Where this comes from", [_list(origin_lines(evidence, teachers))]),
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
    whose = "The paper's claims" if question and question.paper else "Claims"
    claims = claims_section(results, whose, evidence.setting.revised, files)
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


def _listed(lines: Sequence[str]) -> list[str]:
    return [_list(lines)] if lines else []


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


def _claims_not_run(question: Question | None) -> list[str]:
    if question is None or not claims_of(question):
        return []
    lines = [f"{escape(claim.says)} ({escape(claim.source)})" for claim in claims_of(question)]
    return ["Claims that it would test:", _list(lines)]


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
