"""Where a training step's time goes: measured end to end, and stage by stage, on made-up images.

Speed does not depend on what the images show, nor on what the networks have learned: so no data
set is needed, and the teacher is not trained.
"""

import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from titn.data.batches import training_batches
from titn.data.images import Dataset, Images
from titn.training import build, hardware
from titn.training.assembly import AssembledRun, assemble
from titn.training.engine import EVALUATION_BATCH, State, evaluate, train_epoch
from titn.training.label_cache import LabelCache
from titn.training.metrics import macs
from titn.types import Batch, ImageSpec

# So long that compiling pays in any case: what is measured is a long run's step.
EPOCHS = 10**6
# Sides of the square matrices whose product is the ceiling: large enough, and still quick.
CEILING_SIZE = {"cpu": 2048}
CEILING_SIZE_ELSEWHERE = 8192


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
    """What `measure` found. ceiling: operations a second of a large matrix product, in the run's
    precision. memory: bytes at the peak, of the GPU or else of the process."""

    stages: list[Stage]
    assembled: AssembledRun
    device: str
    precision: str
    threads: int
    batch_size: int
    ceiling: float
    memory: int


def measure(run: dict, *, steps: int, rounds: int, num_classes: int) -> StepProfile:
    """All stages of a run take turns, `rounds` times, each over `steps` batches.

    run: as `titn.config.resolve` returns it. No labels are kept: the teacher answers every time.
    """
    made = _assembled(run, steps, num_classes)
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
                _wait(device)
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
        memory=_peak_memory(device),
    )


def training_rates(
    run: dict, *, steps: int, rounds: int, num_classes: int, label_cache: LabelCache | None = None
) -> list[float]:
    """Images a second of whole training steps, one number for each round, after a warm-up.

    label_cache: to be filled in the warm-up, which sees the same images, and used in the rounds.
    """
    made = _assembled(run, steps, num_classes, label_cache)
    whole = _whole(made, steps)
    whole.run()
    return [_rate(whole, made.task.fabric.device) for _ in range(rounds)]


def concurrent_rates(
    run: dict, cells: int, *, steps: int, rounds: int, num_classes: int
) -> list[float]:
    """Images a second of `cells` runs at once, each a process; summed, for each round.

    On a CPU they share its threads.
    """
    context = get_context("spawn")
    barrier, queue = context.Barrier(cells), context.Queue()
    threads = max(torch.get_num_threads() // cells, 1)
    settings = {"steps": steps, "rounds": rounds, "num_classes": num_classes}
    processes = [
        context.Process(target=_one_of, args=(run | {"seed": i}, threads, settings, barrier, queue))
        for i in range(cells)
    ]
    for process in processes:
        process.start()
    rates = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    return [sum(of_round) for of_round in zip(*rates, strict=True)]


def _one_of(run: dict, threads: int, settings: dict, barrier: Any, queue: Any) -> None:
    torch.set_num_threads(threads)
    steps = settings["steps"]
    made = _assembled(run, steps, settings["num_classes"])
    whole = _whole(made, steps)
    whole.run()
    rates = []
    for _ in range(settings["rounds"]):
        barrier.wait()
        rates.append(_rate(whole, made.task.fabric.device))
    queue.put(rates)


def _rate(stage: Stage, device: torch.device) -> float:
    started = time.perf_counter()
    stage.run()
    _wait(device)
    return stage.num_images / (time.perf_counter() - started)


def _assembled(
    run: dict, steps: int, num_classes: int, label_cache: LabelCache | None = None
) -> AssembledRun:
    device = hardware.device(run["device"])
    precision = hardware.precision(run["precision"], device)
    run = run | {"epochs": EPOCHS, "tensorboard": False}
    spec = ImageSpec(num_classes=num_classes, size=run["dataset"]["image_size"])
    torch.manual_seed(run["seed"])
    teacher = None
    if run["teacher"] is not None:
        teacher = build.instantiate(run["teacher"], "model", images=spec)
    return assemble(
        run,
        parts=build.parts(run, spec),
        dataset=made_up(spec, steps * run["batch_size"]),
        fabric=hardware.fabric(device, precision),
        precision=precision,
        teacher=teacher,
        label_cache=label_cache,
    )


def made_up(spec: ImageSpec, num_train: int) -> Dataset:
    """Noise with labels: `num_train` images, and two batches to evaluate."""
    train, evaluated = (
        Images(
            torch.randint(256, (n, spec.channels, spec.size, spec.size), dtype=torch.uint8),
            torch.randint(spec.num_classes, (n,)),
        )
        for n in (num_train, 2 * EVALUATION_BATCH)
    )
    names = tuple(str(label) for label in range(spec.num_classes))
    return Dataset("made up", train, evaluated, "test", names, digest="")


class _Silent:
    """In the place of a progress bar."""

    def step(self, *_: object) -> None:
        pass


def _whole(made: AssembledRun, steps: int) -> Stage:
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
        return list(training_batches(task.dataset.train, task.view, task.mix, **settings))

    batches = views()
    student, frozen = task.objective.student.train(), made.teacher
    answers: list[Tensor | None] = [None] * steps
    if loss.needs_teacher and frozen is not None:
        logits = [frozen(batch.images) for batch in batches]
        answers = [one.argmax(-1) if loss.hard_labels else one for one in logits]

    def teacher() -> None:
        for batch in batches:
            frozen(batch.images)  # type: ignore[misc]

    def forward() -> None:
        for batch, answer in zip(batches, answers, strict=True):
            loss(student(batch.images), batch, answer)

    def both_ways() -> None:
        for batch, answer in zip(batches, answers, strict=True):
            terms = loss(student(batch.images), batch, answer)
            task.optimizer.zero_grad()
            fabric.backward(terms["loss"])

    def optimizer() -> None:
        for _ in range(steps):
            task.optimizer.step()

    train_flops = num_images * _train_flops(made)
    stages = [_whole(made, steps), Stage("views and mix", num_images, 0, views)]
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
    return made.task.dataset.spec


def matrix_ceiling(device: torch.device, dtype: torch.dtype, rounds: int = 10) -> float:
    """Operations a second of the product of two large square matrices: the best of the rounds."""
    size = CEILING_SIZE.get(device.type, CEILING_SIZE_ELSEWHERE)
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(rounds):
        _wait(device)
        started = time.perf_counter()
        a @ b
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def _wait(device: torch.device) -> None:
    """On a GPU nothing has been computed until it has been waited for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
