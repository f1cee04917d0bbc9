"""The page of a search: its best configuration, what that reaches on test, and all trials."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from titn.config.overrides import naming_dirs, own_dirs_of
from titn.records.question import Question
from titn.records.search import SEARCH, trial_row
from titn.records.trials import Outcome, TrialSchema, TrialsFile
from titn.reporting.best_file import BEST, best_yaml
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.run_index import RunIndex
from titn.reporting.formats import duration_text
from titn.reporting.markdown import code, escape, fold, link, table
from titn.reporting.output_files import OutputFiles, write_with_parent
from titn.reporting.pages import Page
from titn.reporting.provenance import describe_setting
from titn.reporting.sections.confirmation import Confirmed, confirmation_section, confirmed_rows
from titn.reporting.sections.search import (
    at_ends,
    front,
    history_section,
    importance_section,
    ranked,
    trials_section,
    values_text,
)
from titn.reporting.setting_part import setting_part
from titn.system.text import counted, percent, points

OUTCOMES: tuple[Outcome, ...] = ("complete", "pruned", "diverged", "failed", "impossible")


@dataclass(frozen=True)
class SearchPage:
    """A page, with its line in the index: texts, markdown. heading: the data and the epochs."""

    page: Page
    trials: str
    heading: str
    short: str


def write_search_page(
    name: str, found: TrialsFile, evidences: Sequence[Evidence], index: RunIndex, out: Path
) -> SearchPage:
    """Write a search's tables and figures and the file of its best configuration.

    evidences: of its confirmation; the last setting that was asked for counts.
    """
    asked = found.asked
    files = OutputFiles(out / SEARCH, f"{found.study}/{SEARCH}")
    confirmed: list[Confirmed] = []
    settings, tested = [], list[str]()
    begun = [one for one in evidences if one.is_begun]
    if begun:
        evidence = begun[-1]
        heading = describe_setting(evidence.reference)
        # The candidate among its cells is told in the table: it has chosen nothing.
        tested, summary = setting_part(
            replace(evidence, candidates=[]), heading, index, out, ambiguous=False
        )
        confirmed = confirmed_rows(found, evidence, summary.differences, index)
        settings = [summary]
    complete = ranked(found)
    answer = _answer(found, complete, confirmed)
    data = settings[0].heading if settings else _data(found, index)
    parts = [f"# {escape(asked.title)}", f"**{answer}**", _outcomes(found, data)]
    if confirmed:
        parts += confirmation_section(confirmed, begun[-1], files)
    elif complete:
        parts.append(_not_confirmed(found))
    if complete:
        parts += _best(found, out)
    if found.trials:
        parts += history_section(found, files)
        parts.append(fold("Which keys matter", importance_section(found, files)))
        parts.append(fold("The best trials", trials_section(found, files)))
    if tested:
        parts.append(fold("The confirmation on test, with verdicts", tested))
    parts.append(fold("What is asked", _asked(found)))
    question = Question(title=asked.title, asks=asked.asks, rows={trial_row(0): ()})
    page = Page(name, question, "\n\n".join(parts) + "\n", settings)
    write_with_parent(out / page.path, page.text)
    return SearchPage(page, str(len(found.trials)), data, _in_short(found, complete, confirmed))


def _answer(found: TrialsFile, complete: Sequence[TrialSchema], rows: Sequence[Confirmed]) -> str:
    """What the search has found, and what is left of it on test."""
    total = len([one for one in found.trials if one.outcome != "impossible"])
    if not complete:
        return f"None of {counted(total, 'trial')} has a record."
    best = complete[0]
    if len(found.asked.objective) > 1:
        on_front = len(front(found))
        are = "is" if on_front == 1 else "are"
        text = f"Of {counted(total, 'trial')}, {on_front} {are} on the front"
        text += f"; the best in {found.asked.objective[0]} is {trial_row(best.number)}: "
        text += f"{values_text(found, best)} on the validation split."
    else:
        text = f"Of {counted(total, 'trial')}, {trial_row(best.number)} is the best: "
        text += f"{values_text(found, best)} on the validation split."
    of_best = [one for one in rows if one.row == trial_row(best.number) and one.reached is not None]
    if not of_best:
        return f"{text} Not confirmed." if not rows else text
    one = of_best[0]
    text += f" On test, with fresh seeds, it reaches {percent(one.reached)}%"
    if one.difference is not None:
        interval = one.difference.interval
        within = f" ({points(interval.low, 1)} to {points(interval.high, 1)})" if interval else ""
        text += f", {points(one.gain)} points{within} over the defaults"
    if one.believed_gain is not None and one.optimism is not None:
        text += (
            f"; the search believed {points(one.believed_gain)}, "
            f"{percent(abs(one.optimism))} "
            f"points {'too many' if one.optimism > 0 else 'fewer'}"
        )
    return f"{text}."


def _in_short(found: TrialsFile, complete: Sequence[TrialSchema], rows: Sequence[Confirmed]) -> str:
    if not complete:
        return "No record."
    best = complete[0]
    text = f"{values_text(found, best)} on validation"
    for one in rows:
        if one.row == trial_row(best.number) and one.reached is not None:
            gain = f", {points(one.gain, 1)} over the defaults" if one.gain is not None else ""
            return f"{text}; {percent(one.reached)}% on test{gain}."
    return f"{text}; not confirmed."


def _outcomes(found: TrialsFile, data: str) -> str:
    counts = Counter(one.outcome for one in found.trials)
    told = ", ".join(f"{counts[one]} {one}" for one in OUTCOMES if counts[one])
    time = duration_text(sum(one.secs for one in found.trials) / 3600)
    asked = found.asked
    pruned = "not pruned" if asked.pruned_by == "none" else f"pruned by {asked.pruned_by}"
    left = asked.trials - (len(found.trials) - counts["impossible"])
    more = f" {left} of {asked.trials} are not made yet." if left > 0 else ""
    return (
        f"On {escape(data)}: {told or 'no trial'}, {time} together, proposed by {asked.sampler}, "
        f"{pruned}, seed {found.seed}.{more}"
    )


def _data(found: TrialsFile, index: RunIndex) -> str:
    """The data and the epochs of the trials, as one of their records says."""
    runs = {hash_: run for (hash_, _), run in index.items()}
    for one in ranked(found):
        if run := runs.get(one.config_hash or ""):
            epochs = counted(run.get("epochs") or 0, "epoch")
            return f"{run.get('dataset', 'unknown')}, validation split, {epochs}"
    return "data that no record here tells"


def _not_confirmed(found: TrialsFile) -> str:
    return (
        "The best of many is the luckiest, too: on the images by which it was chosen it is better "
        "than it is. What it reaches on test, with other seeds, beside the defaults, says "
        f"{code(f'{found.command} search.confirm=1')}"
    )


def _best(found: TrialsFile, out: Path) -> list[str]:
    """The best configuration as a command line and as a file."""
    if not found.best:
        return []
    best, trials = found.best[0], {one.number: one for one in found.trials}
    file = out / SEARCH / BEST / f"{found.study}.yaml"
    about = f"{trial_row(best.number)} of the search {found.study}: {found.asked.title}"
    write_with_parent(file, best_yaml(best.overrides, about))
    own = own_dirs_of(found.command)
    options = naming_dirs(own)
    command = shlex.join(["python", "-m", "titn.train", *options, *best.overrides])
    shown = link(f"{BEST}/{found.study}.yaml", f"{BEST}/{found.study}.yaml")
    chosen = [*naming_dirs(["DIR", *own]), f"+{BEST}={found.study}"]
    use = shlex.join(["python", "-m", "titn.train", *chosen])
    parts = [
        f"The best, {trial_row(best.number)}:",
        f"```sh\n{command}\n```",
        f"or the file {shown}: {code(use)}, where DIR is the directory of this page.",
    ]
    trial = trials.get(best.number)
    if trial is not None and (ends := at_ends(found, trial)):
        named = ", ".join(code(one) for one in ends)
        parts.append(
            f"**At an end of what there was to choose from: {named}.** What lies beyond was not "
            "tried, and may be better."
        )
    return parts


def _asked(found: TrialsFile) -> list[str]:
    asked = found.asked
    lines = [[code(key), code(text), ""] for key, text in asked.space.items()]
    lines += [
        [code(key), code(text), code(when)]
        for when, part in asked.when.items()
        for key, text in part.items()
    ]
    return [
        escape(asked.asks),
        table(["key", "chosen from", "only where"], lines, left=3),
        f"Objective: {', '.join(asked.objective)}, on training images that were held out, from the "
        "teacher too. Asked by",
        f"```sh\n{' '.join(found.command.splitlines())}\n```",
    ]
