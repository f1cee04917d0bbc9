"""A question's page: what was asked, what the paper says, what was found in each setting."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from titn.records.postponed import Postponed
from titn.records.question import Question
from titn.reporting.answers import answer, cautions
from titn.reporting.comparisons.claims import ClaimResult, claims_of, judge_claim
from titn.reporting.comparisons.differences import Difference, differences_from_baseline
from titn.reporting.comparisons.levels import row_level
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.run_index import RunIndex
from titn.reporting.markdown import code, escape
from titn.reporting.output_files import OutputFiles
from titn.reporting.provenance import choice_name, describe_setting, origin_lines, recipe_line
from titn.reporting.sections.accuracy import accuracy_section
from titn.reporting.sections.claims import claims_section
from titn.reporting.sections.classes import classes_section
from titn.reporting.sections.differences import differences_section
from titn.reporting.sections.learning import learning_section
from titn.reporting.sections.printed_numbers import printed_numbers_section
from titn.reporting.sections.sizes import sizes_section
from titn.reporting.sections.trace import cells_section, protocols_section, tuning_section

# What is replaced in a dataset's name where it is part of a file's.
UNFIT = re.compile(r"[^\w.-]+")
MAX_LENGTH = 60  # of that part
# A sweep's name that needs no quotes in a shell.
PLAIN = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)


@dataclass(frozen=True)
class SettingSummary:
    """What other pages need of a setting.

    results: of the question's claims. teachers: their records, as flat dicts. files: where its
    tables and figures are.
    """

    heading: str
    evidence: Evidence
    answer: str
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
) -> Page:
    """Write the tables and figures of a question's page, and return the page.

    postponed: the parts of the question that were put off. The setting with the most recorded
    cells comes first.
    """
    parts = [f"# {escape(question.title if question else 'Sweeps without a question')}"]
    if question:
        parts += [escape(question.asks), f"**The paper.** {escape(question.paper)}"]
        group, _, choice = name.partition("/")
        if choice and PLAIN.fullmatch(name):
            parts.append(f"```sh\npython -m titn.train --multirun +{group}={choice}\n```")
    begun = sorted(
        (evidence for evidence in evidences if evidence.is_begun), key=_num_recorded, reverse=True
    )
    # Settings whose cells have left nothing are only listed by their commands.
    waiting = [evidence for evidence in evidences if not evidence.is_begun]
    if not begun:
        parts.append("**Not run.** There is no record of any of its cells.")
    if postponed:
        lines = [f"{postponement(note, question)}. {code(note.command)}" for note in postponed]
        parts += ["Put off:", _list(lines)]
    if not begun:
        parts += _claims_not_run(question)
    if waiting:
        commands = (command for evidence in waiting for command in evidence.setting.commands)
        parts += ["Asked for, and not begun:", _list([code(command) for command in commands])]
    settings = []
    for evidence, heading in zip(begun, _headings(begun), strict=True):
        text, summary = _setting(evidence, heading, index, out, _is_ambiguous(begun))
        parts += text
        settings.append(summary)
    return Page(name, question, "\n\n".join(parts) + "\n", settings, postponed)


def _num_recorded(evidence: Evidence) -> int:
    return sum(1 for _ in evidence.runs)


def postponement(note: Postponed, question: Question | None) -> str:
    """Which rows (unless all) and seeds were put off, why, and how long they would take."""
    is_whole = question is not None and list(question.rows) == note.rows
    rows = "" if is_whole else f"{'; '.join(note.rows)}, "
    seeds = f"seed{'s' if len(note.seeds) > 1 else ''} {', '.join(map(str, note.seeds))}"
    return escape(f"{rows}{seeds}: {note.reason}; {note.needs}")


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


def _setting(
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
    differences = differences_from_baseline(evidence)
    claims = claims_of(question) if question else []
    results = [judge_claim(claim, evidence) for claim in claims]
    text = answer(evidence, differences)
    teachers = _teachers(evidence, index)
    remarks = [*([] if reference is None else [recipe_line(evidence)]), *cautions(evidence)]
    parts = [
        f"## {escape(heading)}",
        f"**Answer.** {text}",
        *([_list(remarks)] if remarks and not evidence.is_untrained else []),
        *_body(evidence, question, differences, results, files),
        *protocols_section(evidence, files),
        "### Where this comes from",
        _list(origin_lines(evidence, teachers)),
        *cells_section(evidence, files),
    ]
    return parts, SettingSummary(heading, evidence, text, results, teachers, files)


def _body(
    evidence: Evidence,
    question: Question | None,
    differences: list[Difference],
    results: list[ClaimResult],
    files: OutputFiles,
) -> list[str]:
    """Tables and figures: of networks that were not trained, what they cost."""
    if evidence.is_untrained:
        return [
            *sizes_section(evidence, files),
            *printed_numbers_section(evidence, question, files),
            *claims_section(results, evidence.setting.revised, files),
        ]
    levels = [row_level(row) for row in evidence.recorded]
    return [
        *accuracy_section(evidence, levels, files),
        *differences_section(evidence, differences, files),
        *printed_numbers_section(evidence, question, files),
        *claims_section(results, evidence.setting.revised, files),
        *tuning_section(evidence, files),
        *learning_section(evidence, files),
        *classes_section(evidence, differences, files),
    ]


def _teachers(evidence: Evidence, index: RunIndex) -> list[dict[str, Any]]:
    keys = sorted(set().union(*(row.teachers for row in evidence.rows)))
    # Older records named their teachers without a digest, which was the setting's.
    identities = [(key, digest or evidence.setting.source_digest) for key, digest in keys]
    return [index[identity] for identity in identities if identity in index]


def _claims_not_run(question: Question | None) -> list[str]:
    if question is None or not claims_of(question):
        return []
    lines = [f"{escape(claim.says)} ({escape(claim.source)})" for claim in claims_of(question)]
    return ["Claims that it would test:", _list(lines)]


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
