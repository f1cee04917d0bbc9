"""A record's numbers, computed again from its weights."""

from dataclasses import dataclass

from titn.cells.reopen import FinishedRun
from titn.cells.result import balance
from titn.data.stored import kept_off
from titn.system.errors import ConfigError
from titn.system.text import printable
from titn.training.engine import evaluate
from titn.training.metrics import summarise

METRICS = ("top1", "top5", "nll", "precision", "recall", "f1", "ece")
# Of images whose classes differ in their number.
BALANCED = "balanced_accuracy"
HEADS = ("cls", "dist", "fused")

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class Recomputed:
    """Metrics by path ("top1", "cls.top1", ...), as they were recorded and as they are now."""

    recorded: Metrics
    now: Metrics

    def differing(self, tolerance: float) -> list[str]:
        """The metrics that lie further apart than `tolerance`."""
        return [
            name
            for name, value in self.recorded.items()
            if not _is_close(value, self.now.get(name), tolerance)
        ]


def recompute(run: FinishedRun, *, root: str | None, device: str) -> Recomputed:
    """Evaluate a finished run's weights on the images that it was evaluated on.

    root: where its data set lies, if not where it lay. Raises ConfigError if the images are not
    the record's, or the record has no numbers.
    """
    recorded = _recorded_metrics(run)
    network, torch_device = run.network_on(device)
    dataset = run.dataset_at(root)
    expected = len(run.class_names), run.result.get("data_digest", dataset.digest)
    if (len(dataset.class_names), dataset.digest) != expected:
        place = printable(run.run["dataset"].get("root"))
        raise ConfigError(
            f"dataset.root={place}: these are not the images of the record; give theirs with --root"
        )
    images = kept_off(dataset, torch_device).evaluated.to(torch_device)
    predictions = evaluate(network, images)
    weights = run.token_weights()
    now = summarise(predictions, weights) | balance(predictions, weights)
    return Recomputed(recorded, _flatten(now))


def machine_of(run: FinishedRun) -> str:
    """What a record was made on, as far as it says."""
    try:
        machine = run.directory.environment() or {}
    except (OSError, ValueError):
        return "a machine that it does not name"
    if "device" not in machine:  # a folder for the hub
        return "a machine that it does not name"
    versions = machine.get("versions")
    version = versions.get("torch") if isinstance(versions, dict) else None
    return f"{machine.get('device')} with {machine.get('threads')} threads and torch {version}"


def _recorded_metrics(run: FinishedRun) -> Metrics:
    """ConfigError if the record has not all numbers of one."""
    file = f"{run.directory.path}/result.json"
    try:
        metrics = _flatten(run.result)
    except (KeyError, AttributeError):
        raise ConfigError(
            printable(f"{file}: lacks numbers that a record has; put back a copy")
        ) from None
    for name, value in metrics.items():
        if not isinstance(value, int | float | None):
            raise ConfigError(printable(f"{file}: {name} is not a number; put back a copy"))
    return metrics


def _flatten(record: dict) -> Metrics:
    metrics = {name: record[name] for name in METRICS}
    if BALANCED in record:
        metrics[BALANCED] = record[BALANCED]
    for head in HEADS:
        metrics |= {f"{head}.{name}": value for name, value in (record[head] or {}).items()}
    return metrics


def _is_close(first: float | None, second: float | None, tolerance: float) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) <= tolerance
