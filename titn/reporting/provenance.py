"""Where a page's numbers come from, in words: source, commit, versions, hardware, hours."""

from collections.abc import Iterable
from typing import Any

from titn.reporting.evidence import Evidence, Row
from titn.reporting.markdown import escape

VERSIONS = ("titn", "torch", "torchvision", "timm")


def described(row: Row | None) -> str:
    """What a row's cells were trained on and how, as a heading has it."""
    if row is None:
        return "nothing recorded yet"
    data = str(row.one("dataset"))
    if row.one("dataset.num_classes"):
        data += f", {row.one('dataset.num_classes'):.0f} classes"
    if (row.one("dataset.fraction") or 1.0) < 1:
        data += f", {row.one('dataset.fraction'):.0%} of the training images"
    if row.one("split") == "validation":
        data += ", validation split"
    epochs = int(row.one("epochs"))
    return f"{data}, {epochs} epoch{'' if epochs == 1 else 's'}" if epochs else f"{data}, untrained"


def recipe(evidence: Evidence) -> str:
    """Sizes and settings that a reader wants beside the numbers."""
    row = evidence.reference
    assert row is not None
    steps = int(row.one("num_train") // row.one("batch_size")) * int(row.one("epochs"))
    parts = [
        f"{int(row.one('num_train'))} training and {int(row.one('num_evaluated'))} "
        f"{row.one('split')} images",
        f"{steps} steps of {int(row.one('batch_size'))} images",
        f"{row.one('optimizer')} at {row.one('optimizer.lr'):g}",
        f"{escape(row.one('environment.precision'))}",
    ]
    if row.one("teacher") not in (None, "none"):
        epochs = row.one("teacher.epochs")
        parts.append(f"teacher {escape(row.one('teacher'))} ({int(epochs)} epochs)")
    return f"{escape(row.label)}: {'; '.join(parts)}."


def hours(runs: Iterable[dict[str, Any]]) -> float:
    """Hours of the cells, evaluation included where the record has it."""
    return sum(run.get("wall_secs") or run.get("train_secs") or 0.0 for run in runs) / 3600


def origin(evidence: Evidence, teachers: list[dict[str, Any]]) -> list[str]:
    """Lines of a list: commands, source, versions, hardware, hours, teachers."""
    runs = list(evidence.runs)
    lines = [f"Command: `{command}`" for command in evidence.setting.commands]
    lines.append(f"Source digest `{evidence.setting.source_digest[:12]}`, {_commits(runs)}")
    lines.append(f"Versions: {_one_or_many(_versions(run) for run in runs)}")
    lines.append(f"Hardware: {_one_or_many(_hardware(run) for run in runs)}")
    text = f"{len(runs)} cells, {hours(runs):.1f} hours of their own"
    if teachers:
        text += f"; teachers, shared with other questions: {hours(teachers):.1f} hours"
    return [*lines, text]


def _commits(runs: list[dict[str, Any]]) -> str:
    commits = {run.get("git_commit") for run in runs}
    named = sorted(f"`{one[:12]}`" for one in commits if one)
    text = f"commit{'s' if len(named) > 1 else ''} {', '.join(named)}" if named else "no commit"
    if any(run.get("environment.git_dirty") is True for run in runs):
        text += " (with uncommitted changes)"
    return text


def _versions(run: dict[str, Any]) -> str:
    named = [f"{name} {run.get(f'environment.versions.{name}', '?')}" for name in VERSIONS]
    return ", ".join([f"Python {run.get('environment.python', '?')}", *named])


def _hardware(run: dict[str, Any]) -> str:
    gpu = run.get("environment.gpu")
    cpu = f"{run.get('environment.cpu', '?')}, {run.get('environment.threads', '?'):.0f} thread(s)"
    return str(gpu) if gpu else cpu


def _one_or_many(texts: Iterable[str]) -> str:
    return "; ".join(escape(text) for text in dict.fromkeys(texts)) or "–"
