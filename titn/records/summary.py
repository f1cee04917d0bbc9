"""A record in a few lines, for a terminal."""

from pathlib import Path

from titn.system.progress import duration
from titn.system.text import counted, in_millions


def summarise_record(result: dict) -> str:
    """Accuracies of each token, size, cost and time.

    result: as `titn.records.run_dir.RunDir.result` returns it.
    """
    lines = [f"{'':12}{'top1':>8}{'top5':>8}{'nll':>8}"]
    for head in ("cls", "dist", "fused"):
        if result[head] is not None:
            numbers = (result[head][key] for key in ("top1", "top5", "nll"))
            cells = ("-" if number is None else f"{number:.4f}" for number in numbers)
            lines.append(f"{head:12}" + "".join(f"{cell:>8}" for cell in cells))
    lines.append(
        f"{result['split']} of {result['num_evaluated']} images after {epochs_text(result)}; "
        f"macro f1 {result['f1']:.4f}, ece {result['ece']:.4f}"
    )
    if (balanced := result.get("balanced_accuracy")) is not None:
        lines.append(
            f"balanced accuracy {balanced:.4f}: the mean over classes, which differ in their "
            "number of images"
        )
    lines.append(
        f"{in_millions(result['parameters'], 2)} parameters, "
        f"{in_millions(result['macs'], 1)} multiply-accumulates an image"
    )
    if result["train_secs"]:
        speed = result["images_per_sec"]
        rate = f"at {speed:.0f} images/s" if speed else "with its teacher's answers from the cache"
        lines.append(f"trained in {result['train_secs']:.0f} s {rate}")
    if result["teacher"]:
        lines.append(f"teacher top1 {result['teacher']['top1']:.4f}")
    return "\n".join(lines)


def epochs_text(result: dict) -> str:
    """How long the run of a record was: "100 epochs", "12 of 100 epochs (stopped early)"."""
    if (stopped := result.get("stopped_after")) is not None:
        return f"{stopped} of {result['epochs']} epochs (stopped early)"
    return counted(result["epochs"], "epoch")


def outcome_text(result: dict, path: Path) -> str:
    """A record as a sweep says it of each cell: "top1 0.7253 (33 min), runs/..."."""
    return f"top1 {result['top1']:.4f} ({duration(result.get('wall_secs', 0.0))}), {path}"
