"""Two runs side by side: settings that differ, metrics, curves, and predictions of the same images.

`first` and `second` are run directories; all tables have a column for each.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from titn.config.identity import ADDED_LATER, SWITCHES_ADDED_LATER
from titn.config.spelling import as_typed
from titn.records.cell_state import DONE
from titn.records.epochs_and_samples import read_epochs, read_samples
from titn.records.rows import flatten, read_row
from titn.records.run_dir import RunDir
from titn.records.run_files import read_config
from titn.records.summary import epochs_text
from titn.reporting.provenance import hardware
from titn.reporting.statistics.predictions import mcnemar
from titn.system.errors import ConfigError
from titn.system.text import counted, printable

COLUMNS = ("part", "what", "first", "second")
# What says where a run is or what was to be done, and not what it is.
NO_SETTINGS = ("run_dir", "runs_dir", "force", "retry", "choices", "dataset.root")
METRICS = (
    "top1", "top5", "nll", "cls.top1", "dist.top1", "ece", "balanced_accuracy", "best_top1",
    "parameters", "macs", "train_secs", "images_per_sec", "teacher.top1",
)  # fmt: skip
# Evaluated epochs that are shown of a curve, evenly spaced, the last among them.
NUM_EPOCHS = 8
ALPHA = 0.05

Line = tuple[str, str, str, str]


@dataclass(frozen=True)
class Comparison:
    """lines: a table of COLUMNS. verdict: a sentence about the predictions."""

    lines: list[Line]
    verdict: str


def compare_runs(first: Path, second: Path) -> Comparison:
    """Raises ConfigError if one of them is no finished run, or is damaged, or both are one."""
    rows = [_recorded(path) for path in (first, second)]
    if os.path.samefile(first, second):
        raise ConfigError(f"{second}: is one run, named twice; name two runs")
    try:
        settings = _settings(*(read_config(path) for path in (first, second)))
        curves = _curves(*(read_epochs(row) for row in rows))
        predictions, verdict = _predictions(rows, [read_samples(row) for row in rows])
    except ValueError as error:
        raise ConfigError(f"{first}, {second}: {printable(error)}; put back a copy") from None
    lines = [*settings, *_origins(*rows), *_endings(*rows), *_metrics(*rows), *curves, *predictions]
    return Comparison(lines, verdict)


def _recorded(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise ConfigError(f"{path}: no such directory; give a run's, as runs/<config_hash>")
    if not RunDir(path).is_run():
        raise ConfigError(f"{path}: holds no run; give a run's directory, as runs/<config_hash>")
    row = read_row(path)
    if row["status"] not in DONE:
        reason = f" ({row['reason']})" if row["reason"] else ""
        raise ConfigError(printable(f"{path}: holds no finished run: {row['status']}{reason}"))
    return row


def _settings(first: dict[str, Any], second: dict[str, Any]) -> list[Line]:
    found = _differences(first, second)
    return found or [("setting", "all", "the same", "the same")]


def _differences(first: dict[str, Any], second: dict[str, Any]) -> list[Line]:
    """Keys with different values; of a part that is built by something else, what it is called."""
    keys = dict.fromkeys([*first, *second])
    return [
        line for key in keys if key not in NO_SETTINGS for line in _differing(key, first, second)
    ]


def _differing(key: str, first: dict[str, Any], second: dict[str, Any]) -> list[Line]:
    a, b = _value(key, first), _value(key, second)
    if a == b:
        return []
    names = _name(key, first), _name(key, second)
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return [("setting", key, *names)] if names[0] != names[1] else []
    if key == "teacher":
        return [(part, f"teacher.{what}", x, y) for part, what, x, y in _differences(a, b)]
    if a.get("_target_") != b.get("_target_"):
        return [("setting", key, *names)]
    a, b = flatten(a), flatten(b)
    pairs = {
        name: [node.get(name, ADDED_LATER.get(f"{key}.{name}")) for node in (a, b)]
        for name in dict.fromkeys([*a, *b])
        if f"{key}.{name}" not in NO_SETTINGS
    }
    return [
        ("setting", f"{key}.{name}", as_typed(x), as_typed(y))
        for name, (x, y) in pairs.items()
        if x != y
    ]


def _value(key: str, run: dict[str, Any]) -> Any:
    """A run's value; of a key that was added after it was made, what it ran with."""
    return run.get(key, (ADDED_LATER | SWITCHES_ADDED_LATER).get(key))


def _name(key: str, run: dict[str, Any]) -> str:
    """A value, or the name of the file that a part was chosen from."""
    node = _value(key, run)
    if not isinstance(node, dict):
        return "none" if key == "teacher" else as_typed(node)
    choices = (node if key == "teacher" else run).get("choices") or {}
    return str(choices.get("model" if key == "teacher" else key))


def _endings(*rows: dict[str, Any]) -> list[Line]:
    """How long each was trained, if the patience of one has ended it."""
    if not any(row.get("stopped_after") for row in rows):
        return []
    first, second = map(epochs_text, rows)
    return [("run", "trained for", first, second)]


def _origins(*rows: dict[str, Any]) -> list[Line]:
    """The code and the machine, where they differ: what is no setting, and may decide numbers."""
    what = {"source": _source, "machine": hardware}
    pairs = ((name, *map(of, rows)) for name, of in what.items())
    return [("run", name, a, b) for name, a, b in pairs if a != b]


def _source(row: dict[str, Any]) -> str:
    return str(row.get("source_digest"))[:12]


def _metrics(first: dict[str, Any], second: dict[str, Any]) -> list[Line]:
    """Numbers of the record that one of the two has."""
    pairs = ((name, first.get(name), second.get(name)) for name in METRICS)
    return [
        ("metric", name, _number(a), _number(b)) for name, a, b in pairs if _number(a) or _number(b)
    ]


def _number(value: Any) -> str:
    if value is None or value != value:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def _curves(first: Sequence[dict], second: Sequence[dict]) -> list[Line]:
    """top1 after some of the evaluated epochs of either."""
    a, b = (
        {row["epoch"]: row["top1"] for row in rows if "top1" in row} for rows in (first, second)
    )
    epochs = sorted({*a, *b})
    if not epochs:
        return []
    picked = np.unique(np.linspace(0, len(epochs) - 1, NUM_EPOCHS).round().astype(int))
    return [
        ("curve", f"epoch {epoch}", _number(a.get(epoch)), _number(b.get(epoch)))
        for epoch in (epochs[i] for i in picked)
    ]


def _predictions(
    rows: Sequence[dict[str, Any]], samples: Sequence[dict | None]
) -> tuple[list[Line], str]:
    """Counts of images by who is right, McNemar's test, and what they say."""
    if reason := _why_not_comparable(rows, samples):
        return [], f"no test of the predictions: {reason}"
    first, second = (one["fused"] == one["label"] for one in samples if one is not None)  # (m,)
    n = len(first)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    p = mcnemar(only_first, only_second)
    same = _num_equal(samples)
    lines: list[Line] = [
        ("predictions", "right", str(int(first.sum())), str(int(second.sum()))),
        ("predictions", "right alone", str(only_first), str(only_second)),
        ("predictions", "same class", str(same), str(same)),
        ("predictions", "mcnemar_p", f"{p:.4g}", f"{p:.4g}"),
    ]
    found = "differ" if p < ALPHA else "are not told apart"
    images = f"the same {counted(n, 'image')}"
    return lines, (
        f"the accuracies on {images} {found} (McNemar, exact, p = {p:.3g}); "
        "this is about these weights, and another seed of either may differ by as much"
    )


def _num_equal(samples: Sequence[dict | None]) -> int:
    first, second = (one["fused"] for one in samples if one is not None)
    return int((first == second).sum())


def _why_not_comparable(
    rows: Sequence[dict[str, Any]], samples: Sequence[dict | None]
) -> str | None:
    """Why two runs were not evaluated on the same images; None if they were."""
    if any(one is None for one in samples):
        return "a run has no samples.parquet"
    for key, what in (("data_digest", "data"), ("split", "splits"), ("num_evaluated", "images")):
        values = [row.get(key) for row in rows]
        if values[0] != values[1]:
            named = "" if key == "data_digest" else f" ({values[0]} and {values[1]})"
            return f"the runs were evaluated on different {what}{named}"
    first, second = (one["label"] for one in samples if one is not None)
    if len(first) != len(second) or (first != second).any():
        return "the images have different labels"
    return None
