"""The making of one cell: begin or resume, fit, record."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from titn.cells.autosave import Autosave, describe_position
from titn.cells.checkpoints import Checkpoints
from titn.cells.curves import Curves
from titn.config.resolve import config_root
from titn.data.batches import steps_per_epoch
from titn.data.images import Dataset, Images
from titn.losses.terms import Loss
from titn.records import provenance
from titn.records.run_dir import RunDir
from titn.system import signals, tensor_files
from titn.system.errors import ConfigError
from titn.system.progress import Progress, say
from titn.training import build, hardware, weights
from titn.training.assembly import Assembled, assemble
from titn.training.engine import RunningMeans, State, evaluate, fit
from titn.training.label_cache import LabelCache
from titn.training.metrics import Predictions, macs, num_parameters, summarise, train_metrics
from titn.types import ImageSpec

# Of train, evaluated once at the end for the gap to test: more would not make it any clearer.
TRAIN_IMAGES = 10_000


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A run with its identity and its place; `make` does the work, in a directory that is locked.

    prefix: what its keys begin with on the command line. identity: config_hash and source_digest.
    precision: the resolved one. teacher: the cell that has to be made before.
    """

    run: dict
    prefix: str
    directory: RunDir
    identity: dict
    device: torch.device
    precision: str
    dataset: Dataset
    teacher: "Cell | None"

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{'teacher ' if self.prefix else ''}{self.run['choices']['model']}"

    def make(self, teacher: dict | None) -> dict:
        """Train, or go on training, and write the record; `teacher` is the teacher's record."""
        clock = Clock()
        hardware.release_memory()
        fabric = hardware.fabric(self.device, self.precision)
        spec = self.dataset.spec
        parts = build.parts(self.run, spec)
        if parts.new_layers:
            source, new = self.run["weights"], ", ".join(parts.new_layers)
            say(f"{self.name} starts from {self.prefix}weights={source}; new: {new}")
        made = assemble(
            self.run,
            parts=parts,
            dataset=self.dataset,
            fabric=fabric,
            precision=self.precision,
            teacher=self._teachers_network(),
            kept=self._kept(parts.loss),
        )
        with signals.held(), hardware.deterministic(self.run["deterministic"]):
            return self._made(made, teacher, clock)

    def _made(self, made: Assembled, teacher: dict | None, clock: "Clock") -> dict:
        task, parts, spec = made.task, made.parts, made.task.dataset.spec
        state = self._resume(made, clock)
        environment = self._environment(resumed=bool(state.images_seen))
        self.directory.begin(self.run | {"precision": self.precision}, environment)
        secs = self.run["checkpoint_secs"]
        keeper = Autosave(state, secs, lambda: self._save(made, state, clock))
        self._fit(made, state, keeper)
        predictions = evaluate(task.network, task.dataset.evaluated, made.frozen, keep=keeper)
        some = _spread(task.dataset.train, TRAIN_IMAGES)
        learned = evaluate(task.network, some, keep=keeper)
        self._checkpoints.giving_room(lambda: self._write_files(parts, predictions))
        summary = summarise(predictions, parts.loss.token_weights)
        result = {
            **summary,
            **_course(state, summary["top1"], timed=not (made.kept and made.kept.share)),
            "train": train_metrics(learned, parts.loss.token_weights),
            **_costs(parts.model, spec),
            "seed": self.run["seed"],
            "split": self.dataset.split,
            "num_train": len(self.dataset.train),
            "num_evaluated": len(self.dataset.evaluated),
            "class_names": list(self.dataset.class_names),
            "data_digest": self.dataset.digest,
            **self.identity,
            "git_commit": environment["git_commit"],
            "teacher": teacher
            and {key: teacher[key] for key in ("config_hash", "source_digest", "top1")},
            "compiled": made.compiled,
            "compile_secs": made.compile_secs,
            "kept_labels": made.kept.share if made.kept else 0.0,
            "wall_secs": clock.read(),
        }
        self._checkpoints.giving_room(lambda: self.directory.finish(result))
        return result

    def _teachers_network(self) -> nn.Module | None:
        if self.teacher is None:
            return None
        network = build.instantiate(self.teacher.run, "model", images=self.teacher.dataset.spec)
        try:
            weights.load(network, self.teacher.directory.path, key="teacher.run_dir")
        except ConfigError as error:
            raise ConfigError(f"{error}, or teacher.force=true to make it again") from None
        return network

    def _kept(self, loss: Loss) -> LabelCache | None:
        """The labels that the teacher gave to others who saw what this run sees."""
        if self.teacher is None or not self.run["keep_labels"] or not loss.hard_labels:
            return None
        run = self.run
        dataset = {key: value for key, value in run["dataset"].items() if key != "root"}
        key = {
            "teacher": self.teacher.identity,
            "data": [self.dataset.digest, dataset],
            **{name: run[name] for name in ("augment", "mix", "seed", "batch_size")},
            # What rounds: a label may hang by it.
            "precision": self.precision,
            "folded": run["fold_teacher"],
            "source_digest": self.identity["source_digest"],
            "torch": torch.__version__,
            "cpu": provenance.cpu_name(),
            **hardware.description(self.device),
        }
        steps = steps_per_epoch(len(self.dataset.train), run["batch_size"])
        return LabelCache(Path(run["runs_dir"]) / "labels", key, steps)

    def _environment(self, resumed: bool) -> dict:
        """Of this part of the run; what an interrupted one ran on is kept under `earlier`."""
        machine = hardware.description(self.device)
        before = self.directory.environment() if resumed else None
        earlier = [*before.pop("earlier", []), before] if before else []
        now = self.identity | provenance.environment(config_root()) | machine
        return now | {"earlier": earlier}

    @property
    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(self.directory, self.identity)

    def _fit(self, made: Assembled, state: State, keeper: Autosave) -> None:
        task = made.task
        steps = steps_per_epoch(len(task.dataset.train), task.batch_size)
        per_epoch = steps * min(task.batch_size, len(task.dataset.train))
        curves = Curves(self.directory, state.rows, self.run["tensorboard"])
        progress = Progress(
            self.name,
            epochs=task.epochs,
            total=task.epochs * per_epoch,
            done=state.images_seen,
        )
        try:
            fit(task, state, progress, curves.add, keeper)
        finally:
            progress.close()
            curves.close()

    def _save(self, made: Assembled, state: State, clock: "Clock") -> None:
        """Write all that the rest of the run depends on."""
        tree = {
            "model": made.parts.model.state_dict(),
            "optimizer": made.parts.optimizer.state_dict(),
            "means": state.means.totals,
        }
        facts = {
            "epoch": state.epoch,
            "step": state.step,
            "train_secs": state.train_secs,
            "images_seen": state.images_seen,
            "rows": state.rows,
            "labels": made.kept and made.kept.counts,
            "wall_secs": clock.read(),
        }
        steps = steps_per_epoch(len(made.task.dataset.train), made.task.batch_size)
        self._checkpoints.save(state.epoch * steps + state.step, tree, facts)

    def _resume(self, made: Assembled, clock: "Clock") -> State:
        """The state that an interrupted run left, with model and optimizer as they were then."""
        found = self._checkpoints.newest()
        if found is None:
            return State()
        tree, facts = found
        made.parts.model.load_state_dict(tree["model"])
        made.parts.optimizer.load_state_dict(tree["optimizer"])
        means = RunningMeans()
        means.count = facts["step"]
        device = made.task.fabric.device
        means.totals = {name: total.to(device) for name, total in tree["means"].items()}
        if made.kept and facts["labels"]:
            made.kept.counts = facts["labels"]
        clock.before = facts["wall_secs"]
        whole = ("epoch", "step", "train_secs", "images_seen", "rows")
        state = State(**{key: facts[key] for key in whole}, means=means)
        say(f"{self.name} resumes {describe_position(state)}")
        return state

    def _write_files(self, parts: build.Parts, predictions: Predictions) -> None:
        """What a record refers to: it has to be there before the record is."""
        facts = {"config_hash": self.identity["config_hash"]}
        tensor_files.save(self.directory.weights, parts.model.state_dict(), facts)
        self.directory.write_samples(samples(predictions, parts.loss.token_weights))


class Clock:
    """Seconds that a cell takes, with what was saved of the earlier parts of an interrupted run."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.before = 0.0

    def read(self) -> float:
        return self.before + time.monotonic() - self.started


def _spread(images: Images, most: int) -> Images:
    """Evenly spaced images, `most` at most: of every class, even where classes lie in a row."""
    return images.take(torch.arange(0, len(images), -(-len(images) // most)))


def _course(state: State, last: float, timed: bool) -> dict:
    """How training went: the best epoch, which chose itself, and the throughput.

    last: top1 after the last epoch, which is the best of a run without epochs. timed: whether the
    throughput is that of student and teacher; it is null where the teacher's labels were kept.
    """
    evaluated = [(row["top1"], row["epoch"]) for row in state.rows if "top1" in row]
    trained = state.train_secs > 0
    # Of equal maxima the first: the epoch by which it had been reached.
    best = max(evaluated, key=lambda pair: (pair[0], -pair[1]), default=(last, 0))
    return {
        "best_top1": best[0],
        "best_epoch": best[1],
        "epochs": state.epoch,
        "images_per_sec": state.images_seen / state.train_secs if timed and trained else None,
        "train_secs": state.train_secs,
    }


def _costs(model: nn.Module, spec: ImageSpec) -> dict:
    macs_paper, macs_all = macs(model, spec)
    return {"parameters": num_parameters(model), "macs_paper": macs_paper, "macs": macs_all}


def samples(predictions: Predictions, weights: Any) -> dict[str, Any]:
    """Columns for samples.parquet: one row per evaluated image, in the data set's order.

    label, cls, dist, fused, teacher: classes; log_prob_*: natural logarithm of the probability
    of the label. A column is null where there is no such token or teacher.
    """
    labels = predictions.labels
    heads = {"cls": predictions.cls, "dist": predictions.dist, "fused": predictions.fused(weights)}
    columns: dict[str, Any] = {"label": _small(labels)}
    for name, log_probs in heads.items():
        columns[name] = None if log_probs is None else _small(log_probs.argmax(-1))
        true = None if log_probs is None else log_probs.gather(1, labels[:, None])[:, 0].numpy()
        columns[f"log_prob_{name}"] = true
    columns["teacher"] = None if predictions.teacher is None else _small(predictions.teacher)
    return {k: [None] * len(labels) if v is None else v for k, v in columns.items()}


def _small(classes: torch.Tensor) -> Any:
    return classes.to(torch.int16).numpy()
