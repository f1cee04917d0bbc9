"""What the page of a search shows of its trials: history, importances, slices, the front."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from titn.records.search import trial_row
from titn.records.trials import DomainSchema, TrialSchema, TrialsFile
from titn.reporting import figures
from titn.reporting.comparisons.importances import GOOD, MIN_TRIALS, importances
from titn.reporting.figures.style import amount_tick
from titn.reporting.formats import number
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import OutputFiles
from titn.reporting.sections.candidates import is_at_an_end
from titn.system.text import counted, percent

# Objective -> what an axis calls it. Top-1 is shown in percent.
LABELS = {
    "top1": "validation top-1 (%)",
    "nll": "validation NLL",
    "macs": "MACs an image",
    "parameters": "parameters",
    "train_secs": "seconds of training",
}
COSTS = ("macs", "parameters", "train_secs")
MOST_SHOWN = 10  # trials in the page's table; the others are in its CSV


def shown(objective: str, value: float) -> str:
    """A value as tables and sentences have it."""
    if objective == "top1":
        return f"{percent(value)}%"
    rounded = float(f"{value:.4g}")
    return amount_tick(rounded) if objective in COSTS else number(rounded)


def values_text(found: TrialsFile, trial: TrialSchema) -> str:
    pairs = zip(found.asked.objective, trial.values or (), strict=False)
    return ", ".join(f"{name} {shown(name, value)}" for name, value in pairs)


def chosen_text(trial: TrialSchema) -> str:
    return ", ".join(f"{key}={number(value)}" for key, value in trial.chosen.items())


def ranked(found: TrialsFile) -> list[TrialSchema]:
    """The complete trials, the best in the first objective first; of equals the earlier one."""
    sign = -1 if found.asked.directions[0] == "maximize" else 1
    complete = [one for one in found.trials if one.outcome == "complete" and one.values]
    return sorted(complete, key=lambda one: (sign * (one.values or [0.0])[0], one.number))


def front(found: TrialsFile) -> list[TrialSchema]:
    """The complete trials that no other is at least as good as in all objectives, and better in
    one; the best in the first objective first."""
    signs = [-1 if one == "maximize" else 1 for one in found.asked.directions]
    complete = ranked(found)

    def beats(a: TrialSchema, b: TrialSchema) -> bool:
        values = zip(signs, a.values or (), b.values or (), strict=True)
        pairs = [(sign * x, sign * y) for sign, x, y in values]
        return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)

    return [one for one in complete if not any(beats(other, one) for other in complete)]


def history_section(found: TrialsFile, files: OutputFiles) -> list[str]:
    """Each trial by its outcome, and of several objectives the front."""
    first = found.asked.objective[0]
    higher = found.asked.directions[0] == "maximize"
    reached = [_reached(one, first) for one in found.trials]
    figures.draw_history(files.path("history.svg"), reached, ylabel=LABELS[first], higher=higher)
    parts = [files.image("history.svg", f"{LABELS[first]} of each trial, and the best so far")]
    if any(one.outcome == "pruned" for one in found.trials):
        parts.append("A pruned trial is drawn with what it had reached when it was ended.")
    return [*_front(found, files), *parts]


def _front(found: TrialsFile, files: OutputFiles) -> list[str]:
    names = found.asked.objective
    best = front(found)
    if len(names) < 2 or not best:
        return []
    parts = []
    for other in names[1:]:
        i = names.index(other)
        figures.draw_front(
            files.path(f"front-{other}.svg"),
            [_point(one, i, names) for one in ranked(found)],
            [_point(one, i, names) for one in best],
            xlabel=LABELS[other], ylabel=LABELS[names[0]], amount=other in COSTS,
        )  # fmt: skip
        about = f"{LABELS[names[0]]} against {LABELS[other]}, with the front"
        parts.append(files.image(f"front-{other}.svg", about))
    lines = [
        [escape(trial_row(one.number)), escape(chosen_text(one)),
         *(shown(name, value) for name, value in zip(names, one.values or (), strict=True))]
        for one in best
    ]  # fmt: skip
    return [*parts, table(["on the front", "", *names], lines, left=2)]


def _point(trial: TrialSchema, i: int, names: Sequence[str]) -> tuple[float, float]:
    assert trial.values
    return _on_axis(trial.values[i], names[i]), _on_axis(trial.values[0], names[0])


def importance_section(found: TrialsFile, files: OutputFiles) -> list[str]:
    """How much each key matters, and what was reached with each of its values."""
    parts = _importances(found, files)
    first = found.asked.objective[0]
    slices = [one for key in found.domains if (one := _slice(found, key, first)) is not None]
    for i in range(0, len(slices), 3):
        name = f"slices-{i // 3 + 1}.svg"
        figures.draw_slices(files.path(name), slices[i : i + 3], ylabel=LABELS[first])
        keys = ", ".join(one.key for one in slices[i : i + 3])
        parts.append(files.image(name, f"{LABELS[first]} against {keys}"))
    return parts


def _importances(found: TrialsFile, files: OutputFiles) -> list[str]:
    listed = importances(found)
    if not listed:
        return [
            f"How much each key matters is not estimated from fewer than {MIN_TRIALS} complete "
            "trials, or from equal ones."
        ]
    link = files.save_csv("importances", pd.DataFrame([vars(one) for one in listed]))
    lines = [[escape(one.key), percent(one.variance, 0), percent(one.among_good, 0)]
             for one in listed]  # fmt: skip
    complete = len(ranked(found))
    text = (
        f"Of {complete} complete trials, by {escape(found.asked.objective[0])}. Variance: how much "
        "of it over the space a key explains alone or with others (fANOVA). Good trials: how much "
        f"it tells the best {100 * GOOD:.0f}% from the rest (PED-ANOVA). Both are optuna's, rough "
        "with so few trials, and about this space only: a narrow interval makes a key unimportant."
    )
    if any(one.variance is None and one.among_good is None for one in listed):
        text += " A dash: chosen in some trials only, or always alike."
    return [
        table(["key", "of the variance (%)", "of what good trials have (%)"], lines),
        f"{text} {link}",
    ]


def _slice(found: TrialsFile, key: str, objective: str) -> figures.Slice | None:
    """None for a key that no trial with a value has chosen."""
    domain = found.domains[key]
    trials = [one for one in found.trials if key in one.chosen]
    reached = [_reached(one, objective) for one in trials]
    if not any(one.value is not None for one in reached):
        return None
    if domain.values is None:
        chosen = [float(one.chosen[key]) for one in trials]  # type: ignore[arg-type]
        return figures.Slice(key, chosen, reached, log=domain.log)
    names = [number(value) for value in domain.values]
    places = [float(names.index(number(one.chosen[key]))) for one in trials]
    return figures.Slice(key, places, reached, names)


def _reached(trial: TrialSchema, objective: str) -> figures.Reached:
    value = trial.values[0] if trial.values else None
    if trial.outcome == "pruned" and trial.curve:
        value = trial.curve[max(trial.curve, key=int)]
    on_axis = None if value is None else _on_axis(value, objective)
    return figures.Reached(trial.number, trial.outcome, on_axis)


def _on_axis(value: float, objective: str) -> float:
    return 100 * value if objective == "top1" else value


def at_ends(found: TrialsFile, trial: TrialSchema) -> list[str]:
    """Keys of which a trial has chosen a number near an end of what there was.

    Near: within a twentieth of the interval, on its scale; of listed numbers an end itself.
    """
    keys = []
    for key, value in trial.chosen.items():
        domain = found.domains[key]
        if domain.values is not None:
            is_near = is_at_an_end(value, domain.values)
        else:
            assert isinstance(value, int | float)
            is_near = _is_near_an_end(value, domain)
        keys += [key] if is_near else []
    return keys


def _is_near_an_end(value: float, domain: DomainSchema) -> bool:
    low, high, at = (_scaled(one, domain.log) for one in (domain.low, domain.high, value))
    return high > low and not 0.05 < (at - low) / (high - low) < 0.95


def _scaled(value: float, log: bool) -> float:
    return math.log(value) if log else float(value)


def trials_section(found: TrialsFile, files: OutputFiles) -> list[str]:
    """The best trials; all of them in the CSV."""
    names = found.asked.objective
    link = files.save_csv("trials", pd.DataFrame([_record(one, found) for one in found.trials]))
    lines = [
        [escape(trial_row(one.number)), escape(chosen_text(one)),
         *(shown(name, value) for name, value in zip(names, one.values or (), strict=True))]
        for one in ranked(found)[:MOST_SHOWN]
    ]  # fmt: skip
    if not lines:
        return [f"All trials: {link}"]
    text = (
        f"On the validation split, seed {found.seed}: the best by {names[0]}, "
        f"{len(lines)} of {counted(len(ranked(found)), 'complete trial')}."
    )
    return [table(["trial", "", *names], lines, left=2), f"{text} {link}"]


def _record(trial: TrialSchema, found: TrialsFile) -> dict[str, Any]:
    values = dict(zip(found.asked.objective, trial.values or (), strict=False))
    return {
        "trial": trial.number,
        "outcome": trial.outcome,
        **{name: values.get(name) for name in found.asked.objective},
        **{key: trial.chosen.get(key) for key in found.domains},
        "epochs": max(map(int, trial.curve), default=None),
        "secs": trial.secs,
        "config_hash": trial.config_hash,
    }
