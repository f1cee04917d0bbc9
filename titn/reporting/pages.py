"""A question's page: what was asked, what the paper says, what was found in each setting."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from titn.questions import Question
from titn.reporting import comparisons as co
from titn.reporting.answers import answer, cautions
from titn.reporting.evidence import Evidence, Index
from titn.reporting.markdown import escape
from titn.reporting.place import Place
from titn.reporting.provenance import described, origin, recipe
from titn.reporting.sections.accuracy import accuracy
from titn.reporting.sections.beside import beside_the_paper
from titn.reporting.sections.claims import claims
from titn.reporting.sections.classes import classes
from titn.reporting.sections.differences import against_baseline
from titn.reporting.sections.learning import learning
from titn.reporting.sections.sizes import sizes
from titn.reporting.sections.trace import cells, tuning


@dataclass(frozen=True)
class Found:
    """A setting as the index has it. teachers: their records, as flat dicts."""

    evidence: Evidence
    answer: str
    judged: list[co.Judged]
    teachers: list[dict[str, Any]]


@dataclass(frozen=True)
class Page:
    """A page with what the index says of it. name: as ablation/patch_size; path: relative."""

    name: str
    question: Question | None
    text: str
    found: list[Found]

    @property
    def title(self) -> str:
        return self.question.title if self.question else "Sweeps without a question"

    @property
    def path(self) -> str:
        return f"{self.name}.md"


def page(
    name: str, question: Question | None, evidences: Sequence[Evidence], index: Index, out: Path
) -> Page:
    """Write the files of a question's page, and return the page."""
    parts = [f"# {escape(question.title if question else 'Sweeps without a question')}"]
    if question:
        parts += [escape(question.asks), f"**The paper.** {escape(question.paper)}"]
        group, _, choice = name.rpartition("/")
        parts.append(f"```sh\npython -m titn.train --multirun +{group or 'ablation'}={choice}\n```")
    recorded = [one for one in evidences if one.recorded]
    if not recorded:
        parts.append("**Not run.** There is no record of any of its cells.")
        parts += _claims_not_run(question)
    found = []
    for evidence in recorded:
        text, one = _setting(evidence, question, index, out, ambiguous=_is_ambiguous(evidences))
        parts += text
        found.append(one)
    return Page(name, question, "\n\n".join(parts) + "\n", found)


def _is_ambiguous(evidences: Sequence[Evidence]) -> bool:
    return len({one.setting.source_digest for one in evidences}) > 1


def _setting(
    evidence: Evidence, question: Question | None, index: Index, out: Path, ambiguous: bool
) -> tuple[list[str], Found]:
    reference = evidence.reference
    assert reference is not None
    stem = f"{Path(evidence.name).name}/{reference.one('dataset')}-{evidence.setting.key[:8]}"
    if ambiguous:
        stem += f"-{evidence.setting.source_digest[:8]}"
    place = Place((out / evidence.name).parent, stem)
    differences = co.differences(evidence)
    judged = [co.judge(claim, evidence) for claim in co.claims_of(question)] if question else []
    said = answer(evidence, differences)
    heading = f"## {escape(described(reference))}"
    if ambiguous:
        heading += f" (source {evidence.setting.source_digest[:8]})"
    teachers = _teachers(evidence, index)
    parts = [
        heading,
        f"**Answer.** {said}",
        *([] if evidence.is_untrained else [_list([recipe(evidence), *cautions(evidence)])]),
        *_body(evidence, question, differences, judged, place),
        "### Where this comes from",
        _list(origin(evidence, teachers)),
        *cells(evidence, place),
    ]
    return parts, Found(evidence, said, judged, teachers)


def _body(
    evidence: Evidence,
    question: Question | None,
    differences: list[co.Difference],
    judged: list[co.Judged],
    place: Place,
) -> list[str]:
    """Tables and figures: of networks that were not trained, what they cost."""
    if evidence.is_untrained:
        return [
            *sizes(evidence, place),
            *beside_the_paper(evidence, question, place),
            *claims(judged, place),
        ]
    levels = [co.level(row) for row in evidence.recorded]
    return [
        *accuracy(evidence, levels, place),
        *against_baseline(evidence, differences, place),
        *beside_the_paper(evidence, question, place),
        *claims(judged, place),
        *tuning(evidence, place),
        *learning(evidence, place),
        *classes(evidence, differences, place),
    ]


def _teachers(evidence: Evidence, index: Index) -> list[dict[str, Any]]:
    hashes = sorted(set().union(*(row.teachers for row in evidence.rows)))
    keys = [(one, evidence.setting.source_digest) for one in hashes]
    return [index[key] for key in keys if key in index]


def _claims_not_run(question: Question | None) -> list[str]:
    if question is None or not co.claims_of(question):
        return []
    lines = [f"{escape(one.says)} ({escape(one.source)})" for one in co.claims_of(question)]
    return ["Claims that it would test:", _list(lines)]


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
