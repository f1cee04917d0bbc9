"""What the page of a generated ablation has besides: effects, interactions, both configurations."""

import shlex
from typing import Any

import pandas as pd

from titn.config.overrides import naming_dirs, own_dirs_of
from titn.records.ablation import ROMAN, Ablation
from titn.records.cell_state import DONE
from titn.reporting import figures
from titn.reporting.comparisons.effects import Effect, Effects
from titn.reporting.comparisons.levels import row_levels
from titn.reporting.comparisons.verdicts import EQUAL, UNDECIDED
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.formats import IMAGES_NOTE, bounds, interval_or_images
from titn.reporting.markdown import code, escape, table
from titn.reporting.output_files import OutputFiles
from titn.reporting.sections.candidates import CHOSEN_ON_VALIDATION, state_and_top1
from titn.system.text import percent, points

# What an effect is, by design.
MEANS = {
    "leave_one_out": "An effect is what the better configuration loses without the change.",
    "add_one_in": "An effect is what the baseline gains by the change alone.",
    "path": "An effect is what the step adds to the one before it: chosen on validation, measured "
    "on test.",
    "factorial": "An effect is the mean of the rows with the change minus that of the rows "
    "without it; an interaction, half of what one change does more with the other than without it.",
}
# The verdict of a pair: whether one changes what the other does.
OF_PAIRS = {"better": "more together", "worse": "less together", "equal": "independent"}


def effects_section(effects: Effects, evidence: Evidence, files: OutputFiles) -> list[str]:
    """The waterfall, and tables of what each change adds and costs, and of pairs."""
    _draw(effects, evidence, files)
    shown = [*effects.changes, *([effects.rest] if effects.rest else []), effects.total]
    link = files.save_csv("effects", pd.DataFrame([_record(one) for one in shown]))
    columns = ["change", "top-1 (points)", "95%", "verdict", "MACs (M)", "parameters (M)",
               "minutes a cell"]  # fmt: skip
    parts = [
        files.image("waterfall.svg", "top-1 from one configuration to the other, by changes"),
        table(columns, [_line(one, effects) for one in shown]),
        f"{MEANS[effects.ablation.design]} {_intervals(effects)} Costs are compared in the same "
        f"way; minutes were taken as they came, beside other work or not. {link}",
    ]
    if effects.pairs:
        link = files.save_csv("interactions", pd.DataFrame([_record(one) for one in effects.pairs]))
        parts += [
            table(["two changes", "interaction (points)", "95%", "verdict"],
                  [_pair_line(one) for one in effects.pairs]),
            f"Above zero, two changes together give more than the sum of both. {link}",
        ]  # fmt: skip
    return parts


def _intervals(effects: Effects) -> str:
    """What they cover."""
    every = [*effects.changes, *effects.pairs, effects.total]
    lines = []
    if any(one.interval for one in every):
        lines.append("Intervals are for other seeds and other images.")
    if any(one.images_alone for one in every if one.interval is None):
        lines.append(IMAGES_NOTE)
    pairs = " and pairs" if effects.pairs else ""
    return " ".join([*lines, f"Intervals of changes{pairs} hold together."] if lines else [])


def ablation_sections(
    ablation: Ablation, evidence: Evidence, files: OutputFiles
) -> list[tuple[str, list[str]]]:
    """Folds of the page, title and parts: how a path was chosen, and what was compared."""
    return [
        ("How the path was chosen", _path(ablation, evidence, files)),
        (
            "The two configurations, and the changes between them",
            _configurations(ablation, evidence),
        ),
    ]


def _configurations(ablation: Ablation, evidence: Evidence) -> list[str]:
    """Both configurations as command lines, the changes between them, and what was left out."""
    lines = [
        [escape(change.name), *(code(" ".join(side)) if side else "the default"
                                for side in (change.before, change.after))]
        for change in ablation.changes
    ]  # fmt: skip
    (asked, *_) = [*evidence.setting.commands, ""]
    beside = [*naming_dirs(own_dirs_of(asked)), *evidence.setting.overrides]
    commands = [
        shlex.join(["python", "-m", "titn.train", *beside, *overrides])
        for overrides in (ablation.begin, ablation.end)
    ]
    parts = [
        f"From {code(commands[0])}",
        f"to {code(commands[1])}",
        table(["change", "from", "to"], lines, left=3),
    ]
    if ablation.resolution:
        parts.append(
            f"A fraction of resolution {ROMAN[ablation.resolution]}: "
            f"{escape('; '.join(ablation.generators))}."
        )
    if ablation.aliases:
        parts.append(f"Not told apart: {escape('; '.join(ablation.aliases))}.")
    if ablation.outside:
        outside = escape(", ".join(ablation.outside))
        parts.append(f"Beside the fraction, for the ends of the figure: {outside}.")
    if ablation.impossible:
        left_out = (f"{escape(row)} ({escape(why)})" for row, why in ablation.impossible.items())
        parts.append(f"Impossible, and left out: {'; '.join(left_out)}.")
    return parts


def _path(ablation: Ablation, evidence: Evidence, files: OutputFiles) -> list[str]:
    """How the steps of a path were chosen: the candidates of each on the validation split."""
    lines, records = [], []
    for cell, run in evidence.candidates:
        state, top1 = state_and_top1(run)
        step, _, change = cell.row.partition(": ")
        taken = cell.row in ablation.states
        shown = percent(top1) if state in DONE else state
        lines.append([escape(step), escape(change), shown, "chosen" if taken else ""])
        records.append({"step": step, "change": change, "state": state,
                        "validation_top1": top1, "chosen": taken})  # fmt: skip
    if not lines:
        return []
    link = files.save_csv("path", pd.DataFrame(records))
    return [
        table(["step", "change", "validation top-1 (%)", ""], lines, left=2),
        f"{CHOSEN_ON_VALIDATION} {link}",
    ]


def _draw(effects: Effects, evidence: Evidence, files: OutputFiles) -> None:
    levels = {level.row.label: level for level in row_levels(evidence)}

    def level(row: Row) -> figures.IntervalRow:
        found = levels[row.label]
        return figures.interval_row(row.label, found.mean, found.interval, found.images_alone)

    shown = [*effects.changes, *([effects.rest] if effects.rest else [])]
    steps = [figures.WaterfallStep(_interval_row(one), _verdict(one)) for one in shown]
    figures.draw_waterfall(
        files.path("waterfall.svg"), level(effects.begin), steps, level(effects.end)
    )


def _interval_row(effect: Effect) -> figures.IntervalRow:
    return figures.interval_row(effect.name, effect.estimate, effect.interval, effect.images_alone)


def _verdict(effect: Effect) -> str:
    return "no verdict" if effect.unjudged else effect.verdict


def _verdict_text(effect: Effect, effects: Effects) -> str:
    if effect.unjudged:
        return effect.unjudged
    if effect.verdict == EQUAL:
        could_go = ", could go" if effect in effects.changes else ""
        return f"equal within {100 * effect.margin:g}{could_go}"
    if effect.verdict == UNDECIDED:
        return f"undecided, up to {percent(effect.excluded, 1)}"
    return effect.verdict


def _line(effect: Effect, effects: Effects) -> list[str]:
    name = escape(effect.name)
    return [
        f"**{name}**" if effect is effects.total else name,
        points(effect.estimate),
        interval_or_images(effect.interval, effect.images_alone, points),
        escape(_verdict_text(effect, effects)),
        _added(effect, "macs", 1e6),
        _added(effect, "parameters", 1e6),
        _added(effect, "wall_secs", 60),
    ]


def _pair_line(effect: Effect) -> list[str]:
    said = effect.unjudged or OF_PAIRS.get(effect.verdict)
    return [
        escape(effect.name),
        points(effect.estimate),
        interval_or_images(effect.interval, effect.images_alone, points),
        escape(said or f"undecided, up to {percent(effect.excluded, 1)}"),
    ]


def _added(effect: Effect, metric: str, unit: float) -> str:
    value = effect.added(metric)
    if value is None:
        return "–"
    return "0" if value == 0 else f"{value / unit:+.3g}".replace("-", "−")


def _record(effect: Effect) -> dict[str, Any]:
    """A line of the CSV."""
    return {
        "change": effect.name,
        "top1": effect.estimate,
        **bounds("top1", effect.interval),
        **bounds("top1_images", effect.images_alone),
        "verdict": _verdict(effect),
        "unjudged": effect.unjudged,
        "margin": effect.margin,
        **{metric: effect.added(metric) for metric in ("macs", "parameters", "wall_secs")},
    }
