"""The training loop and the evaluation, readable top to bottom."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from titn.data.batches import sequential_batches, steps_per_epoch, training_batches
from titn.data.images import Dataset, Images
from titn.data.mixing import Mix
from titn.data.streams import draw_seed
from titn.data.views import View
from titn.losses.terms import Terms
from titn.optim.schedules import Schedule
from titn.system.progress import Progress
from titn.training.averaging import WeightAverage
from titn.training.metrics import Predictions, metrics_by_head
from titn.training.objective import Objective

# The same for every run, so that the same weights always give the same record: a batch's size
# changes how sums round.
EVALUATION_BATCH = 256
# The name among a step's terms of what `take_step` measures before it clips.
GRADIENT_NORM = "grad_norm"


class DivergenceError(FloatingPointError):
    """A loss or a prediction is not finite. epoch: in which, counted from 1."""

    def __init__(self, what: str, epoch: int):
        super().__init__(f"{what} in epoch {epoch}: the run has diverged")
        self.epoch = epoch


@dataclass(frozen=True, kw_only=True)
class Task:
    """Everything that a training run is made of, built and on its device.

    network: the student as it is evaluated, always in its plain form, so that the same weights give
    the same record however they were trained. objective: holds the student in the form that trains,
    perhaps compiled, with the same parameters; with an `average`, whose network is the one that is
    evaluated, these are other parameters. eval_every: evaluate after every so many epochs, and
    after the last. clip_grad: the most that the norm of all gradients may be; None: whatever it is.
    repeats: see `training_batches`.
    """

    fabric: Fabric
    network: nn.Module
    objective: Objective
    optimizer: Any
    schedule: Schedule
    dataset: Dataset
    view: View
    mix: Mix
    seed: int
    epochs: int
    batch_size: int
    eval_every: int
    clip_grad: float | None = None
    repeats: int = 1
    average: WeightAverage | None = None


class RunningMeans:
    """Means of named scalars over an epoch. The sums stay on the device until `compute`.

    Reading a number waits for the device, so it is not done in every step.
    """

    def __init__(self) -> None:
        self.totals: dict[str, Tensor] = {}
        self.count = 0

    def add(self, terms: dict[str, Tensor]) -> None:
        for name, term in terms.items():
            self.totals[name] = self.totals.get(name, 0.0) + term
        self.count += 1

    def compute(self, epoch: int) -> dict[str, float]:
        """The means so far; DivergenceError, naming `epoch`, if one that matters is not finite.

        A gradient can be infinite where its loss is not, and then no weight is a number any more.
        """
        means = {name: (total / self.count).item() for name, total in self.totals.items()}
        for name, what in (("loss", "loss"), (GRADIENT_NORM, "gradient's norm")):
            if not math.isfinite(means.get(name, 0.0)):
                raise DivergenceError(f"the {what} is {means[name]}", epoch)
        return means


@dataclass
class State:
    """How far a run has come: the number of finished epochs, and of steps in the next one.

    train_secs: without evaluation and compilation. means: those of the unfinished epoch. rows: the
    metrics of the finished epochs. Together with the weights and the optimizer's state this is all
    that the rest of a run depends on.
    """

    epoch: int = 0
    step: int = 0
    train_secs: float = 0.0
    images_seen: int = 0
    means: RunningMeans = field(default_factory=RunningMeans)
    rows: list[dict] = field(default_factory=list)


def no_autosave() -> None:
    """Save nothing: for runs that are not resumed."""


def fit(
    task: Task,
    state: State,
    progress: Progress,
    on_epoch: Callable[[dict], None],
    autosave: Callable[[], None] = no_autosave,
) -> None:
    """Train from `state` to the last epoch, updating `state`.

    The result depends on the seed alone and not on where a run was interrupted: order, views and
    mixes are functions of (seed, epoch, step), the learning rate is a function of the step, and
    torch's global generator, from which dropout and stochastic depth draw, is seeded at every step.
    So is the rate of a weight average, whose weights are part of what has to be saved.

    on_epoch: called with the row of metrics of each epoch. autosave: called after each step, each
    evaluated batch and each epoch, when `state` is consistent; it may save it, or raise to leave.

    Raises DivergenceError as soon as a loss that is not finite is read.
    """
    while state.epoch < task.epochs:
        terms = train_epoch(task, state, progress, autosave)
        epoch = state.epoch + 1
        row = {"epoch": epoch, "lr": task.optimizer.param_groups[0]["lr"], "train": terms}
        if epoch % task.eval_every == 0 or epoch == task.epochs:
            row |= epoch_metrics(task, autosave)
            if not math.isfinite(row["nll"]):
                raise DivergenceError(f"the predictions' nll is {row['nll']}", epoch)
        row |= {"train_secs": state.train_secs, "images_seen": state.images_seen}
        state.epoch, state.step, state.means = epoch, 0, RunningMeans()
        state.rows.append(row)
        progress.epoch(row)
        on_epoch(row)
        autosave()


def train_epoch(
    task: Task, state: State, progress: Progress, autosave: Callable[[], None] = no_autosave
) -> dict[str, float]:
    """Train the steps of an epoch that are left; return the mean terms of the whole epoch."""
    task.objective.student.train()
    started = time.perf_counter()
    steps = steps_per_epoch(len(task.dataset.train), task.batch_size)
    batches = training_batches(
        task.dataset.train,
        task.view,
        task.mix,
        batch_size=task.batch_size,
        seed=task.seed,
        epoch=state.epoch,
        first=state.step,
        repeats=task.repeats,
    )

    mean_terms = partial(state.means.compute, state.epoch + 1)
    for batch in batches:
        step = state.epoch * steps + state.step  # counted from the run's first
        set_learning_rate(task, step, steps)
        # Dropout and stochastic depth draw the same numbers in a resumed run.
        torch.manual_seed(draw_seed("noise", task.seed, step))
        task.optimizer.zero_grad()
        terms = task.objective.gradients(batch, task.fabric.backward)
        terms |= take_step(task, step)
        state.means.add(terms)
        state.step += 1
        state.images_seen += len(batch.images)
        progress.step(state.epoch + 1, len(batch.images), mean_terms)
        state.train_secs += time.perf_counter() - started
        # Outside the measured time: saving does not count as training.
        autosave()
        started = time.perf_counter()
    means = mean_terms()  # waits for the device
    state.train_secs += time.perf_counter() - started
    return means


def take_step(task: Task, step: int) -> Terms:
    """Clip the gradients, move the weights, and let their average follow.

    step: counted from the run's first. Returns the norm of the gradients before clipping, of a run
    that clips: g becomes g min(1, clip_grad / |g|), |g| the l2 norm of the gradients of all
    parameters as one vector (Pascanu et al., 2013). Gradients are float32 in every precision.
    """
    terms: Terms = {}
    if task.clip_grad is not None:
        terms[GRADIENT_NORM] = nn.utils.clip_grad_norm_(trained_parameters(task), task.clip_grad)
    task.optimizer.step()
    if task.average is not None:
        task.average.update(num_steps=step + 1)
    return terms


def trained_parameters(task: Task) -> list[nn.Parameter]:
    """Those that the optimizer moves, of the student and of the loss."""
    return [parameter for group in task.optimizer.param_groups for parameter in group["params"]]


def set_learning_rate(task: Task, step: int, steps: int) -> None:
    """The schedule's rate for this step, counted from the run's first."""
    factor = task.schedule.factor(step, steps, steps * task.epochs)
    for group in task.optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def epoch_metrics(task: Task, autosave: Callable[[], None] = no_autosave) -> dict:
    """The metrics of the evaluated images for the curves; they never choose anything."""
    predictions = evaluate(task.network, task.dataset.evaluated, autosave=autosave)
    heads = metrics_by_head(predictions, task.objective.loss.token_weights)
    fused = heads.pop("fused")
    return {**fused, **heads, "split": task.dataset.split}


@torch.no_grad()
def evaluate(
    student: nn.Module,
    images: Images,
    teacher: nn.Module | None = None,
    autosave: Callable[[], None] = no_autosave,
) -> Predictions:
    """Log-probabilities (N, k) of N images, and the teacher's classes if there is a teacher.

    The student is evaluated in evaluation mode and left in the mode that it was in. autosave:
    called after each batch, as in `fit`.
    """
    was_training = student.training
    student.eval()
    cls, dist, taught = [], [], []
    for batch in sequential_batches(images, EVALUATION_BATCH):
        output = student(batch.pixels)
        # In float32, whatever precision the network runs in, and kept on the CPU.
        cls.append(output.cls.float().log_softmax(-1).cpu())
        dist.append(output.dist.float().log_softmax(-1).cpu())
        if teacher is not None:
            taught.append(teacher(batch.pixels).argmax(-1).cpu())
        autosave()
    student.train(was_training)
    return Predictions(
        cls=torch.cat(cls),
        dist=torch.cat(dist) if student.has_distillation_token else None,
        labels=images.labels.cpu(),
        teacher=torch.cat(taught) if taught else None,
    )
