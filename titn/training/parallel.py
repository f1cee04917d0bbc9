"""One run on several devices: each process has some rows of every batch.

Every process makes the whole batch, with its one draw of a mix, so that images are what they are on
one device. It sends its rows through the network, gets the outputs of all others, and computes the
loss of the whole batch: so any loss is that of one device, those that compare images as well. The
gradients of the weights are added up, and every process takes the same step.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from titn.data.images import Dataset
from titn.losses.terms import Terms
from titn.system.errors import ConfigError
from titn.system.text import counted
from titn.training.accumulation import accumulated, assemble_accumulated, micro_batch_sizes
from titn.training.assembly import AssembledRun, assemble
from titn.training.batch_norm import synchronise
from titn.training.engine import trained_parameters
from titn.training.objective import CachedAnswers, Objective
from titn.training.ranks import Ranks
from titn.types import Batch, Output


def assemble_parallel(
    run: dict, ranks: Ranks | None, *, dataset: Dataset, **others: Any
) -> AssembledRun:
    """`assemble_accumulated`, for one of several processes that train a run together.

    ranks: None in a run on one device. others: the other keywords of `assemble`.
    """
    if ranks is None:
        return assemble_accumulated(run, dataset=dataset, **others)
    try:
        synchronise(others["parts"].model)
    except ValueError as error:
        raise ConfigError(f"devices={ranks.size}: {error}; set devices=1") from None
    # What is compiled is compiled for this process's rows of a micro-batch.
    sizes = micro_batch_sizes(min(run["batch_size"], len(dataset.train)), run["accumulate"])
    if sizes[-1] < ranks.size:
        raise ConfigError(
            f"devices={ranks.size}: {counted(sizes[-1], 'image')} at once are too few for so many; "
            f"give {sizes[-1]} or less"
        )
    rows = ranks.rows(sizes[0])
    assembled = assemble(run | {"batch_size": rows.stop - rows.start}, dataset=dataset, **others)
    task = assembled.task
    whole = task.objective
    objective = Objective(
        SharedNetwork(whole.student, ranks),
        whole.loss,
        # In evaluation mode, in which asking it draws no numbers: a kept answer is not asked for.
        None if whole.teacher is None else SharedNetwork(whole.teacher, ranks).eval(),
        SharedAnswers(whole.answer_cache, ranks) if whole.teacher is not None else None,
    )
    objective = accumulated(objective, run["accumulate"], task)
    task = replace(
        task,
        batch_size=run["batch_size"],
        objective=SharedObjective(objective, ranks, trained_parameters(task)),
        network=SharedNetwork(task.network, ranks),
    )
    return replace(assembled, task=task)


class SharedNetwork(nn.Module):
    """A network that is given whole batches: each process answers its rows, all get all answers.

    Dropout and stochastic depth draw for each process's rows apart. network: of this process.
    """

    def __init__(self, network: nn.Module, ranks: Ranks):
        super().__init__()
        self.network = network
        self.ranks = ranks
        self.has_distillation_token = getattr(network, "has_distillation_token", False)

    def forward(self, images: Tensor, *asked: Any) -> Tensor | Output:
        num_images, rows = len(images), self.ranks.rows(len(images))
        own = images[rows]
        if self.training and not self.ranks.leads:
            # Else the rows of each process would have the noise of the leader's.
            seed = int(torch.randint(2**62, ()))
            torch.manual_seed(seed + self.ranks.rank)
        # An evaluation's last batch may have a row for some processes only: no rows of an answer.
        answer = self.network(own if len(own) else images[:1], *asked)
        return _mapped(answer, lambda tensor: self.ranks.gather(tensor[: len(own)], num_images))


def _mapped(answer: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same tensors, tuples and named tuples, each tensor changed, and changed once."""
    changed: dict[int, Tensor] = {}

    def of(value: Any) -> Any:
        if isinstance(value, Tensor):
            if id(value) not in changed:
                changed[id(value)] = change(value)
            return changed[id(value)]
        if isinstance(value, tuple):
            parts = [of(part) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        return value

    return of(answer)


class SharedObjective(Objective):
    """An objective whose gradients are the sums of what the processes have.

    whole: computes the terms of whole batches, with a SharedNetwork. parameters: those that the
    optimizer moves. Those among them that belong to the loss get their gradients from whole batches
    in every process; all take the leader's, because kernels of a GPU may round differently.
    """

    def __init__(self, whole: Objective, ranks: Ranks, parameters: Sequence[nn.Parameter]):
        super().__init__(whole.student, whole.loss, whole.teacher, whole.answer_cache)
        self.whole = whole
        self.ranks = ranks
        self.of_loss = list(whole.loss.parameters()) if isinstance(whole.loss, nn.Module) else []
        in_full = {id(parameter) for parameter in self.of_loss}
        self.in_parts = [parameter for parameter in parameters if id(parameter) not in in_full]

    def gradients(self, batch: Batch, backward: Callable[[Tensor], None]) -> Terms:
        terms = self.whole.gradients(batch, backward)
        self.ranks.sum_([parameter.grad for parameter in self.in_parts])
        for parameter in self.of_loss:
            if parameter.grad is not None:
                self.ranks.broadcast(parameter.grad)
        return terms


class SharedAnswers:
    """The leader's cache of a teacher's answers, for all processes.

    The leader alone reads and writes it; what it does, ask or answer, it tells the others.
    """

    ASK, ANSWERED = 1, 0

    def __init__(self, cache: CachedAnswers | None, ranks: Ranks):
        self.cache = cache
        self.ranks = ranks
        self.last = torch.empty(0)  # what the teacher answered last, on processes that follow

    def answer_to(self, batch: Batch, ask: Callable[[], Tensor]) -> Tensor:
        if self.cache is None:  # nowhere, since all have the same configuration
            return ask()
        if not self.ranks.leads:
            return self._follow(ask)

        def announced() -> Tensor:
            self.ranks.broadcast_number(self.ASK)
            return ask()

        answer = self.cache.answer_to(batch, announced)
        self.ranks.broadcast_number(self.ANSWERED)
        return self.ranks.broadcast(answer.contiguous())

    def _follow(self, ask: Callable[[], Tensor]) -> Tensor:
        while self.ranks.broadcast_number() == self.ASK:
            self.last = ask()
        # The first batch of an epoch is always asked for, and all batches have as many images.
        return self.ranks.broadcast(torch.empty_like(self.last))
