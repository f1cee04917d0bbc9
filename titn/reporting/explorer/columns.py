"""The runs' numbers and settings as columns, each word written once."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from titn.reporting.formats import without_paths

Values = Mapping[str, Any]

# Key -> how the page calls it. Fractions are shown in percent.
FRACTIONS = {
    "top1": "top-1", "top5": "top-5", "balanced_accuracy": "balanced accuracy",
    "best_top1": "best top-1", "cls.top1": "class token top-1",
    "dist.top1": "distillation token top-1", "train.top1": "top-1 on train",
    "teacher.top1": "teacher's top-1", "precision": "precision", "recall": "recall", "f1": "F1",
    "ece": "calibration error",
}  # fmt: skip
NUMBERS = {
    "nll": "log loss", "train.nll": "log loss on train", "best_epoch": "best epoch",
    "parameters": "parameters", "macs": "MACs", "macs_paper": "MACs as thop counts",
    "train_secs": "training time (s)", "wall_secs": "wall time (s)",
    "compile_secs": "compilation (s)", "images_per_sec": "images per second",
    "num_train": "images trained on", "num_evaluated": "images evaluated",
}  # fmt: skip
RESULTS = FRACTIONS | NUMBERS
RUN = {"id": "run", "status": "status", "question": "question", "reason": "reason"}
CHOICES = (
    "dataset", "model", "teacher", "loss", "augment", "mix", "optimizer", "schedule", "protocol",
)  # fmt: skip
# images: the beginning of their digest, which tells data sets of one name apart.
SCALARS = ("images", "classes", "seed", "epochs", "batch_size")
MACHINE = (
    "environment.device", "environment.gpu", "environment.cpu", "environment.threads",
    "environment.precision", "environment.python", "environment.versions.torch",
    "environment.versions.titn", "environment.git_commit", "compiled", "source_digest",
)  # fmt: skip

# Where a run lay, what it was called there, and switches of a command: not what it was.
LEFT_OUT = {
    "path", "config_hash", "class_names", "split", "git_commit", "data_digest", "kept_labels",
    "teacher.config_hash", "train.num_images", "environment",
}  # fmt: skip
LEFT_OUT_ENDINGS = (
    "root", "run_dir", "runs_dir", "checkpoint_secs", "tensorboard", "force", "retry", "download",
    "storage",
)  # fmt: skip


def run_columns(rows: Sequence[Values]) -> list[dict[str, Any]]:
    """The columns that at least one row has, in the order in which the page offers them.

    Each: `key`, `label`, `kind` (text, number, fraction, list), `part` (run, result, setting,
    machine), and either `values`, one for each row, or `words` with a `code` for each row, -1
    where a row has none.
    """
    present = {key for row in rows for key in row if row[key] is not None}
    offered = [
        *(("run", key) for key in RUN),
        *(("setting", key) for key in (*CHOICES, *SCALARS)),
        *(("result", key) for key in RESULTS),
    ]
    named = {key for _, key in offered}
    offered += [("setting", key) for key in sorted(present - named) if is_setting(key)]
    offered += [("machine", key) for key in MACHINE]
    return [_column(key, part, rows) for part, key in offered if key in present]


def is_setting(key: str) -> bool:
    """Whether a column is a value of the configuration that says what a run was."""
    if key in LEFT_OUT or key in RESULTS or key in MACHINE or key in RUN:
        return False
    if key.startswith(("environment.", "cls.", "dist.", "fused.", "train.")):
        return False
    return key.rpartition(".")[2] not in LEFT_OUT_ENDINGS


def _column(key: str, part: str, rows: Sequence[Values]) -> dict[str, Any]:
    values = [_plain(row.get(key)) for row in rows]
    known = [value for value in values if value is not None]
    column = {"key": key, "label": RESULTS.get(key) or RUN.get(key) or key, "part": part}
    if isinstance(known[0], list):
        return column | {"kind": "list", "values": values}
    if not all(isinstance(value, int | float) for value in known):
        values = [None if value is None else str(value) for value in values]
        kind = "text"
    else:
        kind = "fraction" if key in FRACTIONS else "number"
    words = sorted({value for value in values if value is not None})
    if 2 * len(words) > len(values):
        return column | {"kind": kind, "values": values}
    codes = {word: code for code, word in enumerate(words)}
    codes_of_rows = [-1 if value is None else codes[value] for value in values]
    return column | {"kind": kind, "words": words, "codes": codes_of_rows}


def _plain(value: Any) -> Any:
    """A value as JSON has it: seven digits, whole numbers whole, texts without directories."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 1e15 else float(f"{value:.7g}")
    if isinstance(value, list):
        return [without_paths(one) for one in value]
    return None if value is None else without_paths(value)
