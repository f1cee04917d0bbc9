"""Run directories and plans of sweeps as training leaves them, without training."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from titn.records.collation import load
from titn.records.run_dir import RunDir
from titn.records.sweep_dir import SweepDir
from titn.records.sweep_plan import PlannedCell, Setting
from titn.report import main
from titn.reporting import figures
from titn.reporting.evidence.evidence import Evidence, collect_evidence
from titn.reporting.evidence.run_index import index_runs
from titn.reporting.sweep_plans import read_plans

DIGEST = "d1" * 32
KEY = "ab" * 32
NETWORK = "titn.models.cnn.vgg16_bn"


def config() -> dict[str, Any]:
    """What the report reads of a run's configuration."""
    return {
        "choices": {"model": "titn", "dataset": "digits", "mix": "none", "loss": "supervised",
                    "optimizer": "adamw", "protocol": "quick"},
        "model": {"_target_": "titn.models.titn.TITN", "distillation_token": True},
        "dataset": {"_target_": "titn.data.sources.digits", "image_size": 32, "num_classes": None,
                    "fraction": 1.0, "split": "test"},
        "augment": {"_target_": "titn.data.views.CropFlip"},
        "mix": {"_target_": "titn.data.mixing.Unmixed"},
        "loss": {"_target_": "titn.losses.supervised.Supervised"},
        "optimizer": {"_target_": "titn.optim.optimizers.adamw", "lr": 0.001},
        "schedule": {"_target_": "titn.optim.schedules.Cosine"},
        "epochs": 2, "batch_size": 8, "precision": "32-true", "checkpoint": None, "weights": None,
        "teacher": None,
    }  # fmt: skip


def teacher(seed: int = 0, network: str = NETWORK) -> dict[str, Any]:
    """A teacher's node in its student's configuration."""
    own = config() | {"seed": seed, "model": {"_target_": network}}
    return own | {"choices": {"model": network.rpartition(".")[2]}}


def environment(hash_: str, digest: str) -> dict[str, Any]:
    versions = {"titn": "0.1.0", "torch": "2.15.0", "torchvision": "0.29.2", "timm": "1.0.31"}
    return {
        "config_hash": hash_, "source_digest": digest, "git_commit": "c0ffee" * 6,
        "git_dirty": False, "command": "titn-train", "started": "2026-01-01T00:00:00+00:00",
        "python": "3.11.7", "cpu": "A CPU", "cpu_count": 2, "versions": versions, "device": "cpu",
        "gpu": None, "threads": 1, "earlier": [],
    }  # fmt: skip


def samples(right: int, images: int, classes: int, seed: int) -> dict[str, Any]:
    """`right` of the images are predicted rightly, others ones for each seed; no teacher."""
    labels = np.arange(images) % classes
    is_right = np.roll(np.arange(images) < right, 3 * seed)
    fused = np.where(is_right, labels, (labels + 1) % classes).astype(np.int16)
    nothing = [None] * images
    return {"label": labels.astype(np.int16), "cls": fused, "dist": fused, "fused": fused,
            "teacher": nothing, "log_prob_fused": np.full(images, -0.5, np.float32)}  # fmt: skip


def averages(right: int, images: int, classes: int, seed: int) -> dict[str, float]:
    """Precision and recall of these predictions, means over classes: counted image by image."""
    said = samples(right, images, classes, seed)
    pairs = list(zip(said["label"].tolist(), said["fused"].tolist(), strict=True))
    found = {"precision": 0.0, "recall": 0.0}
    for one in range(classes):
        hits = pairs.count((one, one))
        predicted = sum(fused == one for _, fused in pairs)
        support = sum(label == one for label, _ in pairs)
        found["precision"] += hits / predicted / classes if predicted else 0.0
        found["recall"] += hits / support / classes if support else 0.0
    return found


def result(right: int, images: int, classes: int, seed: int, epochs: int) -> dict[str, Any]:
    top1 = right / images
    token = {"top1": top1, "top5": 1.0 if classes > 5 else None, "nll": 0.5}
    return {
        **token, **averages(right, images, classes, seed), "f1": top1, "ece": 0.1, "cls": token,
        "dist": token, "fused": token, "best_top1": top1, "best_epoch": epochs, "epochs": epochs,
        "images_per_sec": 100.0 if epochs else None, "train_secs": 60.0 * epochs,
        "train": {"top1": 1.0, "nll": 0.1, "num_images": 80}, "parameters": 5000,
        "macs_paper": 40_000, "macs": 50_000, "seed": seed, "split": "test", "num_train": 80,
        "num_evaluated": images, "class_names": [f"class {i}" for i in range(classes)],
        "data_digest": "da7a" * 16, "git_commit": "c0ffee" * 6, "teacher": None,
        "wall_secs": 70.0 * epochs,
    }  # fmt: skip


def asked(rows: list[str], **more: Any) -> dict[str, Any]:
    """A question's node."""
    overrides = {row: [f"model.number={index}"] for index, row in enumerate(rows)}
    said = {"title": "Which one?", "asks": "This or that.", "paper": "Nothing."}
    return {**said, "rows": overrides, **more}


def claim(rows: list[str], between: list[float | None], **more: Any) -> dict[str, Any]:
    """A claim's node."""
    said = {"says": "it is so", "source": "section 4", "dataset": "digits"}
    return {**said, "rows": rows, "between": between, **more}


def copied(node: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(node))


@dataclass
class Runs:
    """Writes below a directory; what was written is returned as the plan of a sweep has it."""

    root: Path
    written: dict[str, Path] = field(default_factory=dict)

    question = staticmethod(asked)
    claim = staticmethod(claim)
    teacher = staticmethod(teacher)

    def cell(
        self,
        row: str,
        seed: int,
        right: int | None = 30,
        *,
        state: str = "recorded",
        changes: dict[str, Any] | None = None,
        record: dict[str, Any] | None = None,
        taught: dict[str, Any] | None = None,
        digest: str = DIGEST,
        images: int = 40,
        classes: int = 10,
        curve: tuple[float, ...] = (0.3, 0.6),
        kept: bool = True,
        tuned: dict[str, Any] | None = None,
        role: str = "cell",
        directory: str | None = None,
        **identity: Any,
    ) -> PlannedCell:
        """A cell of a row in a state. right: how many of the images; None for a missing cell.

        changes: of the configuration, record: of the record (None: without the key), by key. One
        that stopped early did so after the first of its epochs.
        """
        if state == "stopped early":
            state, record = "recorded", {"stopped_after": 1} | (record or {})
        run = config() | {"seed": seed, "teacher": taught} | (changes or {})
        spoken = json.dumps([row, run, tuned, role], sort_keys=True)
        hash_ = hashlib.sha256(spoken.encode()).hexdigest()
        place = RunDir(self.root / (directory or hash_))
        cell = PlannedCell(row, seed, hash_, f"../../{place.path.name}", None, role, tuned or {})
        if state == "missing":
            return cell
        self.written[hash_] = place.path
        # Nodes that are one object would be written as references to each other.
        place.begin(copied(run), environment(hash_, digest) | identity)
        if state in ("diverged", "failed"):
            known = {"config_hash": hash_, "source_digest": digest}
            place.fail({"kind": state, "reason": f"it has {state}", **known})
        if state != "recorded":
            return cell
        assert right is not None
        epochs = run["epochs"]
        for epoch, top1 in enumerate(curve[:epochs], 1):
            place.add_epoch({"epoch": epoch, "train": {"loss": 1.0}, "top1": top1, "nll": 1.0})
        if kept:
            place.write_samples(samples(right, images, classes, seed))
        content = result(right, images, classes, seed, epochs)
        content["best_top1"] = max(curve[:epochs], default=content["top1"])
        content |= record or {}
        if taught and "teacher" not in (record or {}):
            said = json.dumps(taught, sort_keys=True).encode()
            content["teacher"] = {"config_hash": hashlib.sha256(said).hexdigest(), "top1": 0.9}
        content |= {"config_hash": hash_, "source_digest": digest}
        place.finish({key: value for key, value in content.items() if value != "drop"})
        return cell

    def row(self, label: str, rights: list[int], **more: Any) -> list[PlannedCell]:
        """A recorded cell for each seed, from 0."""
        return [self.cell(label, seed, right, **more) for seed, right in enumerate(rights)]

    def ask(
        self,
        *cells: PlannedCell,
        question: dict | None = None,
        name: str = "ablation/own",
        digest: str = DIGEST,
        key: str = KEY,
        commands: tuple[str, ...] = ("python -m titn.train --multirun +ablation=own",),
        place: str | None = None,
        overrides: tuple[str, ...] | list[str] = (),
        first_asked: str = "",
    ) -> SweepDir:
        """Plan these cells; without a question of their own the rows are those of the cells."""
        rows = list(dict.fromkeys(cell.row for cell in cells))
        sweep = SweepDir(self.root / "sweeps" / (place or name.rpartition("/")[2]))
        node = question or asked(rows)
        setting = Setting(
            key, digest, list(overrides), list(commands), node, False, rows, list(cells),
            first_asked=first_asked,
        )  # fmt: skip
        sweep.add_setting(name, setting)
        return sweep

    def evidence(self) -> list[Evidence]:
        """Of all settings that were asked for."""
        index = index_runs(load(self.root))
        plans, _ = read_plans([self.root])
        return [collect_evidence(one.name, one.setting, index, one.timing) for one in plans]

    def one(self, *cells: PlannedCell, **asked: Any) -> Evidence:
        """The evidence of a single setting that is asked for with these cells."""
        self.ask(*cells, **asked)
        (found,) = self.evidence()
        return found


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Runs:
    # A power cut in a test loses nothing.
    monkeypatch.setattr("titn.system.files.os.fsync", lambda _: None)
    return Runs(tmp_path / "runs")


@pytest.fixture
def without_figures(monkeypatch) -> None:
    """No figure is drawn: drawing takes most of a page's time."""
    for name in figures.__all__:
        if name.startswith("draw_"):
            monkeypatch.setattr(figures, name, lambda *_, **__: None)


@pytest.fixture
def report(monkeypatch, capsys):
    """Runs the command; returns its exit code, and what it said on both streams."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["titn-report", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run
