"""Where a training step's time goes: measured end to end, and stage by stage, on made-up images.

Speed does not depend on what the images show, nor on what the networks have learned: so no data
set is needed, and the teacher is not trained.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from tqdm import tqdm

from titn.data.batches import training_batches
from titn.profiling.ceiling import matrix_ceiling, peak_memory, wait_for
from titn.profiling.made_up import assemble_made_up
from titn.system.text import counted
from titn.training import hardware
from titn.training.accumulation import AccumulatedObjective, micro_batches
from titn.training.assembly import AssembledRun
from titn.training.engine import State, evaluate, take_step, train_epoch
from titn.training.metrics import macs
from titn.types import Batch, ImageSpec


@dataclass
class Stage:
    """Seconds for each of `num_images`; flops: of those, floating-point operations in products."""

    name: str
    num_images: int
    flops: int
    run: Callable[[], object]
    times: list[float] = field(default_factory=list)

    @property
    def secs(self) -> float:
        return statistics.median(self.times)


@dataclass(frozen=True)
class StepProfile:
    """What `profile_step` measured.

    ceiling: operations a second of a large matrix product, in the run's precision. memory: bytes at
    the peak, of the GPU or else of the process.
    """

    stages: list[Stage]
    assembled: AssembledRun
    device: str
    precision: str
    threads: int
    batch_size: int
    ceiling: float
    memory: int

    def facts(self) -> dict[str, Any]:
        """What was measured, fit for JSON; the first stage is the whole step."""
        step = self.stages[0]
        return {
            "device": self.device,
            "precision": self.precision,
            "threads": self.threads,
            "batch_size": self.batch_size,
            "compiled": self.assembled.compiled,
            "compile_secs": self.assembled.compile_secs,
            "ceiling_flops": self.ceiling,
            "memory_bytes": self.memory,
            "images_per_sec": [step.num_images / secs for secs in step.times],
            "stages": [
                {
                    "name": stage.name,
                    "num_images": stage.num_images,
                    "flops": stage.flops,
                    "secs": stage.times,
                }
                for stage in self.stages
            ],
        }

    def describe(self) -> str:
        """What it was measured on, and what does not fit into the table of stages."""
        how, secs = self.assembled.compiled, self.assembled.compile_secs
        compiled = "not compiled" if how == "none" else f"compiled ({how}) in {secs:.1f} s"
        return (
            f"{self.precision} on {self.device}, {counted(self.threads, 'thread')}, batch "
            f"{self.batch_size}; {compiled}; {self.memory / 2**30:.2f} GiB at the peak; ceiling of "
            f"matrix products {self.ceiling / 1e12:.2f} TFLOP/s"
        )


def profile_step(run: dict, *, steps: int, rounds: int, num_classes: int) -> StepProfile:
    """All stages of a run take turns, `rounds` times, each over `steps` batches.

    run: as `titn.config.resolve` returns it. No labels are kept: the teacher answers every time.
    """
    made = assemble_made_up(run, steps, num_classes)
    device = made.task.fabric.device
    precision = hardware.precision(run["precision"], device)
    stages = _stages(made, steps)
    for stage in tqdm(stages, desc="warming up", unit="stage", disable=None, leave=False):
        stage.run()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    bar = tqdm(total=rounds * len(stages), unit="part", disable=None, leave=False)
    with bar:
        for _ in range(rounds):
            for stage in stages:
                bar.set_description(stage.name, refresh=False)
                started = time.perf_counter()
                stage.run()
                wait_for(device)
                stage.times.append(time.perf_counter() - started)
                bar.update()
    return StepProfile(
        stages=stages,
        assembled=made,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        precision=precision,
        threads=torch.get_num_threads(),
        batch_size=run["batch_size"],
        ceiling=matrix_ceiling(device, hardware.WEIGHT_DTYPES[precision]),
        memory=peak_memory(device),
    )


class _Silent:
    """In the place of a progress bar."""

    def step(self, *_: object) -> None:
        pass


def whole_step(made: AssembledRun, steps: int) -> Stage:
    task = made.task
    silent: Any = _Silent()
    num_images = steps * task.batch_size
    flops = num_images * (_train_flops(made) + _teacher_flops(made))
    return Stage("end to end", num_images, flops, lambda: train_epoch(task, State(), silent))


def _stages(made: AssembledRun, steps: int) -> list[Stage]:
    task, fabric, loss = made.task, made.task.fabric, made.parts.loss
    num_images = steps * task.batch_size

    def views() -> list[Batch]:
        settings = {"batch_size": task.batch_size, "seed": task.seed, "epoch": 0}
        settings["repeats"] = task.repeats
        return list(training_batches(task.dataset.train, task.view, task.mix, **settings))

    batches = views()
    if isinstance(task.objective, AccumulatedObjective):
        parts = task.objective.num_parts
        batches = [part for batch in batches for part in micro_batches(batch, parts)]
    student, frozen = task.objective.student.train(), made.teacher
    asked = task.objective.asked
    answers: list[Any] = [None] * len(batches)
    if loss.needs_teacher and frozen is not None:
        answers = [frozen(batch.images, *asked) for batch in batches]
        if loss.hard_labels:
            answers = [one.argmax(-1) for one in answers]

    def teacher() -> None:
        for batch in batches:
            frozen(batch.images, *asked)  # type: ignore[misc]

    def forward() -> None:
        for batch, answer in zip(batches, answers, strict=True):
            loss(student(batch.images, *asked), batch, answer)

    def both_ways() -> None:
        for batch, answer in zip(batches, answers, strict=True):
            terms = loss(student(batch.images, *asked), batch, answer)
            task.optimizer.zero_grad()
            fabric.backward(terms["loss"])

    def optimizer() -> None:
        for _ in range(steps):
            take_step(task, step=0)

    train_flops = num_images * _train_flops(made)
    stages = [whole_step(made, steps), Stage("views and mix", num_images, 0, views)]
    if frozen is not None and loss.needs_teacher:
        stages.append(Stage("teacher", num_images, num_images * _teacher_flops(made), teacher))
    stages += [
        Stage("student forward", num_images, train_flops // 3, forward),
        Stage("forward and backward", num_images, train_flops, both_ways),
        Stage("optimizer", num_images, 0, optimizer),
        Stage(
            "evaluation",
            len(task.dataset.evaluated),
            len(task.dataset.evaluated) * _train_flops(made) // 3,
            lambda: evaluate(task.network, task.dataset.evaluated),
        ),
    ]
    return stages


def _train_flops(made: AssembledRun) -> int:
    """Of one image: two for each multiply-accumulate, backward twice what forward takes."""
    return 6 * macs(made.parts.model, _spec(made))[1]


def _teacher_flops(made: AssembledRun) -> int:
    """Of one image, in the form that runs: folded, a VGG has a quarter less to do."""
    if made.teacher is None or not made.parts.loss.needs_teacher:
        return 0
    return 2 * macs(made.teacher, _spec(made))[1]


def _spec(made: AssembledRun) -> ImageSpec:
    """Of its images, without their means: those would be computed from images on a GPU."""
    dataset = made.task.dataset
    channels, size = dataset.train.pixels.shape[1:3]
    return ImageSpec(num_classes=len(dataset.class_names), size=size, channels=channels)
