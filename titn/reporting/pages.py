"""A question's page: what was asked, what the paper says, what was found in each setting."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from titn.records.postponed import Postponed
from titn.records.question import Question
from titn.reporting.comparisons.claims import claims_of
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.run_index import RunIndex
from titn.reporting.markdown import bullets, code, escape, fold, html
from titn.reporting.provenance import describe_setting
from titn.reporting.setting_part import SettingSummary, setting_part

ROOT = "dataset.root"  # where data lie is a machine's own affair
# A sweep's name that needs no quotes in a shell.
PLAIN = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)


@dataclass(frozen=True)
class Page:
    """A page, and what other pages need of it. name: as ablation/patch_size; path: relative.

    is_alone: whether no other page has its title; else what others call it has its name, too.
    """

    name: str
    question: Question | None
    text: str
    settings: list[SettingSummary]
    postponed: Sequence[Postponed] = ()
    is_alone: bool = True

    @property
    def title(self) -> str:
        said = self.question.title if self.question else "Sweeps without a question"
        return said if self.is_alone else f"{said} ({self.name})"

    @property
    def path(self) -> str:
        return f"{self.name}.md"


def told_apart(pages: Sequence[Page]) -> list[Page]:
    """The same pages, each with a title of its own."""
    counts = Counter(page.title for page in pages)
    return [replace(page, is_alone=counts[page.title] == 1) for page in pages]


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
    begun = _by_weight([evidence for evidence in evidences if evidence.is_begun], question)
    parts = [f"# {escape(question.title if question else 'Sweeps without a question')}"]
    settings = list[SettingSummary]()
    for text, summary in _setting_parts(begun, question, index, out):
        parts += text
        settings.append(summary)
    if not begun:
        parts.append("**Not run.** There is no record of any of its cells.")
    if postponed:
        lines = [f"{postponement(note, question)}. {code(note.command)}" for note in postponed]
        parts += ["Postponed:", bullets(lines)]
    # Settings whose cells have left nothing are only listed by their commands.
    waiting = [evidence for evidence in evidences if not evidence.is_begun]
    if waiting:
        begin = (command for evidence in waiting for command in evidence.setting.commands)
        parts += ["Asked for, and not begun:", bullets([code(command) for command in begin])]
    if question:
        asked = _asked(name, question, is_own, [*begun, *waiting], postponed)
        title = "What is asked" + (", and what the paper says" if question.paper else "")
        parts += [fold(title, asked)] if begun else [*asked, *_claims_not_run(question)]
    return Page(name, question, "\n\n".join(parts) + "\n", settings, postponed)


def _setting_parts(
    begun: Sequence[Evidence], question: Question | None, index: RunIndex, out: Path
) -> Iterator[tuple[list[str], SettingSummary]]:
    """The first setting as it stands, the others in folds; each says of what it was asked.

    begun: the one that says most first.
    """
    for evidence, heading in zip(begun, _headings(begun), strict=True):
        text, summary = setting_part(evidence, heading, index, out, _is_ambiguous(begun))
        is_of_today = _baseline(evidence.question) == _baseline(question)
        if evidence is not begun[0]:
            when = "Also asked" if is_of_today else "Asked before, of another baseline,"
            text = [fold(f"{when} on {html(heading)}: {html(summary.answer.short)}", text)]
        elif not is_of_today:
            said = "What follows was asked of another baseline; nothing is recorded of this one."
            text = [said, *text]
        yield text, summary


def _asked(
    name: str,
    question: Question,
    is_own: bool,
    evidences: Sequence[Evidence],
    postponed: Sequence[Postponed],
) -> list[str]:
    """The question, what the paper says of it, and the command.

    evidences: the settings in which it was asked, that which the page begins with first. Their
    commands know where a question of one's own is.
    """
    parts = [escape(question.asks)]
    if question.paper:
        parts.append(f"**The paper.** {escape(question.paper)}")
    group, _, choice = name.partition("/")
    if not is_own and choice and PLAIN.fullmatch(name):
        begun = (one.setting.overrides for one in evidences if one.is_begun)
        overrides = next(chain(begun, (one.overrides for one in postponed)), [])
        parts.append(f"```sh\n{_command(f'+{group}={choice}', overrides)}\n```")
        return parts
    commands = [command for one in evidences for command in one.setting.commands]
    commands += [note.command for note in postponed]
    if commands:
        parts += ["Asked by", bullets([code(command) for command in dict.fromkeys(commands)])]
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


def _claims_not_run(question: Question | None) -> list[str]:
    if question is None or not claims_of(question):
        return []
    lines = [f"{escape(claim.says)} ({escape(claim.source)})" for claim in claims_of(question)]
    return ["Claims that it would test:", bullets(lines)]
