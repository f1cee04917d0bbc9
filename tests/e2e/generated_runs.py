"""Runs that were never made, as the explorer reads them: any number, without a disk."""

from typing import Any

import numpy as np

from titn.reporting.explorer.contents import Contents, contents_of

MODELS, LOSSES = ("deit", "titn", "tnt", "vit"), ("hard", "supervised")


def row(index: int, classes: int, epochs: int, top1: float) -> dict[str, Any]:
    """A recorded run: models alternate, seeds follow, settings repeat as those of sweeps do."""
    model, seed = MODELS[index % 4], index // 4 % 5
    settings = {f"model.setting{number}": (index // 20 + number) % 7 for number in range(60)}
    words = {f"augment.word{number}": f"word {(index // 20 + number) % 3}" for number in range(40)}
    return {
        "id": f"{index * 2654435761 % 16**8:08x}{index:04x}", "status": "recorded",
        "dataset": "cifar100", "classes": classes, "model": model, "loss": LOSSES[index // 20 % 2],
        "seed": seed, "epochs": epochs, "top1": top1, "best_top1": top1, "nll": 1.5 + top1 / 7,
        "parameters": 5_000_000 + 1000 * (index % 4), "macs": (1 + index % 4) * 50_000_000,
        "train_secs": 100.0 + index / 3, "class_names": [f"class {k}" for k in range(classes)],
        "optimizer.lr": 0.0005, **settings, **words,
    }  # fmt: skip


def curve(generator: np.random.Generator, epochs: int, top1: float) -> list[dict[str, Any]]:
    rise = top1 * (1 - np.exp(-4 * np.arange(1, epochs + 1) / epochs))
    noise = generator.normal(0, 0.01, (3, epochs))
    return [
        {"epoch": epoch + 1, "lr": 0.0005 * (1 - epoch / epochs), "train_secs": 2.0 * epoch,
         "top1": rise[epoch] + noise[0, epoch], "cls.top1": rise[epoch] + noise[1, epoch],
         "nll": 4 - 3 * rise[epoch] + noise[2, epoch], "train.loss": 4.1 - 3 * rise[epoch],
         "train.accuracy": rise[epoch]}
        for epoch in range(epochs)
    ]  # fmt: skip


def generated_contents(num_runs: int, images: int, classes: int, epochs: int) -> Contents:
    """Images are right with a chance of 0.6 to 0.75, and wrong at random: the worst to compress."""
    generator = np.random.default_rng(0)
    labels = np.arange(images) % classes
    rows, curves, samples = [], [], []
    for index in range(num_runs):
        right = generator.random(images) < 0.6 + 0.05 * (index % 4)
        fused = np.where(right, labels, generator.integers(0, classes, images))
        top1 = float((fused == labels).mean())
        rows.append(row(index, classes, epochs, top1))
        curves.append(curve(generator, epochs, top1))
        samples.append({"label": labels, "fused": fused})
    return contents_of(rows, curves, samples, [])
