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

# What a file's name should not have, of a dataset's name.
UNFIT = re.compile(r"[^\w.-]+")
LONGEST = 60  # of a dataset's name in that of a file
# A sweep's name that a shell takes as it stands.
PLAIN = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)


@dataclass(frozen=True)
class Found:
    """A setting as the index has it.

    teachers: their records, as flat dicts. place: where its tables and figures are.
    """

    heading: str
    evidence: Evidence
    answer: str
    judged: list[ClaimResult]
    teachers: list[dict[str, Any]]
    files: OutputFiles


@dataclass(frozen=True)
class Page:
    """A page with what the index says of it. name: as ablation/patch_size; path: relative."""

    name: str
    question: Question | None
    text: str
    found: list[Found]
    notes: Sequence[Postponed] = ()

    @property
    def title(self) -> str:
        return self.question.title if self.question else "Sweeps without a question"

    @property
    def path(self) -> str:
        return f"{self.name}.md"


def page(
    name: str,
    question: Question | None,
    evidences: Sequence[Evidence],
    index: RunIndex,
    out: Path,
    notes: Sequence[Postponed] = (),
) -> Page:
    """Write the files of a question's page, and return the page. notes: what was put off of it.

    The setting with the most recorded cells comes first.
    """
    parts = [f"# {escape(question.title if question else 'Sweeps without a question')}"]
    if question:
        parts += [escape(question.asks), f"**The paper.** {escape(question.paper)}"]
        group, _, choice = name.partition("/")
        if choice and PLAIN.fullmatch(name):
            parts.append(f"```sh\npython -m titn.train --multirun +{group}={choice}\n```")
    # Of a setting of which nothing has begun there is nothing to say but that it was asked for.
    begun = sorted((one for one in evidences if one.is_begun), key=_num_recorded, reverse=True)
    waiting = [one for one in evidences if not one.is_begun]
    if not begun:
        parts.append("**Not run.** There is no record of any of its cells.")
    if notes:
        told = [f"{postponement(one, question)}. {code(one.command)}" for one in notes]
        parts += ["Put off:", _list(told)]
    if not begun:
        parts += _claims_not_run(question)
    if waiting:
        commands = (command for one in waiting for command in one.setting.commands)
        parts += ["Asked for, and not begun:", _list([code(one) for one in commands])]
    found = []
    for evidence, heading in zip(begun, _headings(begun), strict=True):
        text, one = _setting(evidence, heading, index, out, _is_ambiguous(begun))
        parts += text
        found.append(one)
    return Page(name, question, "\n\n".join(parts) + "\n", found, notes)


def _num_recorded(evidence: Evidence) -> int:
    return sum(1 for _ in evidence.runs)


def postponement(note: Postponed, question: Question | None) -> str:
    """Which rows, unless it is all, and seeds were put off, why, and how long they would take."""
    is_whole = question is not None and list(question.rows) == note.rows
    rows = "" if is_whole else f"{'; '.join(note.rows)}, "
    seeds = f"seed{'s' if len(note.seeds) > 1 else ''} {', '.join(map(str, note.seeds))}"
    return escape(f"{rows}{seeds}: {note.reason}; {note.needs}")


def _is_ambiguous(evidences: Sequence[Evidence]) -> bool:
    return len({one.setting.source_digest for one in evidences}) > 1


def _headings(evidences: Sequence[Evidence]) -> list[str]:
    """What each setting is called, with the source or the setting's key where it takes that."""
    told = [describe_setting(one.reference) for one in evidences]
    if _is_ambiguous(evidences):
        digests = (one.setting.source_digest[:8] for one in evidences)
        told = [f"{text} (source {digest})" for text, digest in zip(told, digests, strict=True)]
    return [
        f"{text} (setting {one.setting.key[:8]})" if told.count(text) > 1 else text
        for text, one in zip(told, evidences, strict=True)
    ]


def _setting(
    evidence: Evidence, heading: str, index: RunIndex, out: Path, ambiguous: bool
) -> tuple[list[str], Found]:
    """A setting's part of the page. It is judged by its own question, as it was when asked."""
    question, reference = evidence.question, evidence.reference
    dataset = choice_name(reference, "dataset") if reference else "unknown"
    stem = (
        f"{Path(evidence.name).name}/{UNFIT.sub('-', dataset)[:LONGEST]}-{evidence.setting.key[:8]}"
    )
    if ambiguous:
        stem += f"-{evidence.setting.source_digest[:8]}"
    files = OutputFiles((out / evidence.name).parent, stem)
    differences = differences_from_baseline(evidence)
    judged = [judge_claim(claim, evidence) for claim in claims_of(question)] if question else []
    said = answer(evidence, differences)
    teachers = _teachers(evidence, index)
    notes = [*([] if reference is None else [recipe_line(evidence)]), *cautions(evidence)]
    parts = [
        f"## {escape(heading)}",
        f"**Answer.** {said}",
        *([_list(notes)] if notes and not evidence.is_untrained else []),
        *_body(evidence, question, differences, judged, files),
        *protocols_section(evidence, files),
        "### Where this comes from",
        _list(origin_lines(evidence, teachers)),
        *cells_section(evidence, files),
    ]
    return parts, Found(heading, evidence, said, judged, teachers, files)


def _body(
    evidence: Evidence,
    question: Question | None,
    differences: list[Difference],
    judged: list[ClaimResult],
    files: OutputFiles,
) -> list[str]:
    """Tables and figures: of networks that were not trained, what they cost."""
    if evidence.is_untrained:
        return [
            *sizes_section(evidence, files),
            *printed_numbers_section(evidence, question, files),
            *claims_section(judged, evidence.setting.revised, files),
        ]
    levels = [row_level(row) for row in evidence.recorded]
    return [
        *accuracy_section(evidence, levels, files),
        *differences_section(evidence, differences, files),
        *printed_numbers_section(evidence, question, files),
        *claims_section(judged, evidence.setting.revised, files),
        *tuning_section(evidence, files),
        *learning_section(evidence, files),
        *classes_section(evidence, differences, files),
    ]


def _teachers(evidence: Evidence, index: RunIndex) -> list[dict[str, Any]]:
    keys = sorted(set().union(*(row.teachers for row in evidence.rows)))
    # Records of before named their teachers without a digest, which was the setting's.
    named = [(one, digest or evidence.setting.source_digest) for one, digest in keys]
    return [index[key] for key in named if key in index]


def _claims_not_run(question: Question | None) -> list[str]:
    if question is None or not claims_of(question):
        return []
    lines = [f"{escape(one.says)} ({escape(one.source)})" for one in claims_of(question)]
    return ["Claims that it would test:", _list(lines)]


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
