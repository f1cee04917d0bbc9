"""Where a page's numbers come from, in words: source, commit, versions, hardware, hours."""

import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from titn.records.cell_state import DONE, STOPPED
from titn.records.rows import flatten
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.formats import duration_text, number
from titn.reporting.markdown import code, escape
from titn.system.text import counted

# Of a command for some cells of a sweep.
OF_PARTS = ("rows=", "seed=", "busy=", "retry=")
VERSIONS = ("titn", "torch", "torchvision", "timm")


def describe_setting(row: Row | None) -> str:
    """The data of a row's cells and how long they were trained, for a heading."""
    if row is None:
        return "nothing recorded yet"
    data = describe_classes(row)
    if (row.shared_value("dataset.fraction") or 1.0) < 1:
        data += f", {100 * row.shared_value('dataset.fraction'):g}% of the training images"
    if "validation" in (row.shared_value("split"), row.shared_value("dataset.split")):
        data += ", validation split"
    epochs = int(row.shared_value("epochs") or 0)
    if epochs:
        at_most = "up to " if row.shared_value("patience") else ""
        return f"{data}, {at_most}{counted(epochs, 'epoch')}"
    given = row.shared_value("checkpoint") or row.shared_value("weights")
    return f"{data}, {'weights from a file' if given else 'untrained'}"


def describe_classes(row: Row) -> str:
    """A row's data set and, if it has a part of its classes, how many."""
    num_classes = row.shared_value("dataset.num_classes")
    return choice_name(row, "dataset") + (f", {num_classes:.0f} classes" if num_classes else "")


def recipe_line(evidence: Evidence) -> str:
    """Images, steps, optimizer, precision, smoothing of labels and teacher of the reference row."""
    row = evidence.reference
    assert row is not None
    parts = [*_work(row), optimizer_text(row), str(row.shared_value("environment.precision") or "")]
    if smoothing := row.shared_value("loss.label_smoothing"):
        parts.append(f"label smoothing {number(smoothing)}")
    if patience := row.shared_value("patience"):
        parts.append(f"early stop (patience {number(patience)})")
    if row.shared_value("teacher") not in (None, "none"):
        epochs = row.shared_value("teacher.epochs")
        known = "" if epochs is None else f" ({number(epochs)} epochs)"
        parts.append(f"teacher {row.shared_value('teacher')}{known}")
    return f"{escape(row.label)}: {escape('; '.join(filter(None, parts)))}."


def _work(row: Row) -> list[str]:
    """Images and steps; empty for a row whose cells have not gone through all of them."""
    found = count_steps(row)
    if found is None:
        return []
    num_steps, size = found
    num_train = row.shared_value("num_train")
    evaluated = f"{number(row.shared_value('num_evaluated'))} {row.shared_value('split')} images"
    return [
        f"{number(num_train)} training and {evaluated}",
        f"{num_steps} steps of {number(size)} images",
    ]


def count_steps(row: Row) -> tuple[int, float] | None:
    """Steps of a row's cells and images of a step; None without a record of all epochs."""
    if not row.runs:
        return None
    num_train, batch_size = row.shared_value("num_train"), row.shared_value("batch_size")
    if num_train is None or batch_size is None:
        return None
    size = min(batch_size, num_train)
    # Full batches only: titn.data.batches.
    return int(num_train // size) * int(row.shared_value("epochs") or 0), size


def optimizer_text(row: Row) -> str:
    """Its name and learning rate, and how its gradients and its weights come about."""
    lr, clip = row.shared_value("optimizer.lr"), row.shared_value("clip_grad")
    decay, repeats = row.shared_value("ema_decay"), row.shared_value("repeats")
    num_parts = row.shared_value("accumulate")
    return "".join(
        [
            choice_name(row, "optimizer"),
            f" at {number(lr)}" if lr is not None else "",
            f", gradients clipped at {number(clip)}" if clip else "",
            f", weights averaged with decay {number(decay)}" if decay else "",
            f", {number(repeats)} views of an image in a batch" if (repeats or 1) > 1 else "",
            f", batches in {number(num_parts)} micro-batches" if (num_parts or 1) > 1 else "",
        ]
    )


def choice_name(row: Row, group: str) -> str:
    """The name of a configuration group's choice: of its file, or of the class that it makes."""
    target = str(row.shared_value(f"{group}._target_") or "unknown")
    return str(row.shared_value(group) or target.rpartition(".")[2])


def hours(runs: Iterable[dict[str, Any]]) -> float:
    """Hours of all runs together, evaluation included where the record has it."""
    return sum(run.get("wall_secs") or run.get("train_secs") or 0.0 for run in runs) / 3600


def origin_lines(evidence: Evidence, teachers: list[dict[str, Any]]) -> list[str]:
    """Lines of a list: commands, and what `source_lines` says."""
    return [*_command_lines(evidence.setting.commands), *source_lines(evidence, teachers)]


def _command_lines(commands: Iterable[str]) -> Iterator[str]:
    """A line for each command; those that asked for parts of one are told as that one."""
    wholes: dict[str, list[str]] = {}
    for command in commands:
        wholes.setdefault(_without_parts(command), []).append(command)
    for whole, parts in wholes.items():
        if len(parts) == 1:
            yield f"Command: {code(parts[0])}"
        else:
            yield f"Command: {code(whole)}, in {len(parts)} parts, by `rows=` and `seed=`"


def _without_parts(command: str) -> str:
    """The command without what says which of its cells are asked for, and how."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    return shlex.join(word for word in words if not word.startswith(OF_PARTS))


def source_lines(evidence: Evidence, teachers: list[dict[str, Any]]) -> list[str]:
    """Source, versions, hardware, and the hours of cells, candidates and teachers."""
    runs = list(evidence.runs)
    stopped = [
        run for row in evidence.rows for run in row.unrecorded.values() if run["status"] == STOPPED
    ]
    tried = [run for _, run in evidence.candidates if run and run["status"] in DONE]
    known = [*runs, *stopped, *tried, *teachers]
    which = "a record of all epochs" if stopped else "a record"
    text = f"{counted(len(runs), 'cell')} with {which}: {_duration(runs)}"
    if stopped:
        text += f"; {len(stopped)} that stopped early: {_duration(stopped)}"
    if tried:
        text += f"; {counted(len(tried), 'candidate')}: {_duration(tried)}"
    if teachers:
        text += f"; teachers, shared with other questions: {_duration(teachers)}"
    return [
        f"{_source_digests(evidence)} {_commits(known)}",
        f"Versions: {distinct(_versions(one) for run in known for one in _processes(run))}",
        f"Hardware: {distinct(hardware(one) for run in known for one in _processes(run))}",
        text,
    ]


def _processes(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The processes that made a run, each with its environment; the earliest first."""
    for environment in run.get("environment.earlier") or ():
        yield flatten({"environment": environment})
    yield run


def _source_digests(evidence: Evidence) -> str:
    """The digest of the code that the cells use; where rows differ in it, with their names."""
    rows: dict[str, list[str]] = {}
    for row in evidence.rows:
        for digest in dict.fromkeys(digest for _, digest in row.identities.values()):
            rows.setdefault(digest, []).append(row.label)
    if len(rows) < 2:
        return f"Source digest `{next(iter(rows), evidence.setting.source_digest)[:12]}`,"
    parts = (f"`{digest[:12]}` ({escape(', '.join(labels))})" for digest, labels in rows.items())
    return f"Source digests: {', '.join(parts)};"


def _duration(runs: list[dict[str, Any]]) -> str:
    unknown = sum(run.get("wall_secs") is None and run.get("train_secs") is None for run in runs)
    without = f" without {unknown} whose time is not known" if unknown else ""
    return duration_text(hours(runs)) + without


def _commits(runs: list[dict[str, Any]]) -> str:
    commits = {run.get("git_commit") for run in runs}
    named = sorted(code(commit[:12]) for commit in commits if commit)
    text = f"commit{'s' if len(named) > 1 else ''} {', '.join(named)}" if named else "no commit"
    if any(run.get("environment.git_dirty") is True for run in runs):
        text += " (with uncommitted changes)"
    return text


def _versions(run: dict[str, Any]) -> str:
    named = [f"{name} {run.get(f'environment.versions.{name}', '?')}" for name in VERSIONS]
    return ", ".join([f"Python {run.get('environment.python', '?')}", *named])


def hardware(run: dict[str, Any]) -> str:
    """The GPUs, or the CPU and the threads of a process, and how many trained together."""
    gpu, threads = run.get("environment.gpu"), run.get("environment.threads")
    devices = run.get("environment.devices") or 1
    if gpu:
        return str(gpu) if devices == 1 else f"{devices:.0f} x {gpu}"
    count = "" if threads is None else f", {counted(threads, 'thread')}"
    together = "" if devices == 1 else f" in each of {devices:.0f} processes"
    return f"{run.get('environment.cpu', '?')}{count}{together}"


def distinct(texts: Iterable[str]) -> str:
    """Each different text once, escaped; a dash if there is none."""
    return "; ".join(escape(text) for text in dict.fromkeys(texts)) or "–"
