"""What several processes compute together is what one computes."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from titn.losses.correlation import CorrelationDistillation
from titn.losses.distillation import HardDistillation, SoftDistillation
from titn.losses.features import Guidance
from titn.system.errors import ConfigError
from titn.system.ports import free_port
from titn.training.accumulation import AccumulatedObjective
from titn.training.batch_norm import synchronise
from titn.training.objective import Objective
from titn.training.parallel import (
    SharedAnswers,
    SharedNetwork,
    SharedObjective,
    assemble_parallel,
)
from titn.training.ranks import Ranks, RanksDifferError, joined
from titn.types import Batch, Features, Output

SIZE = 3


class Network(nn.Module):
    """Two tokens, a map, batch normalisation, and a parameter that nothing uses."""

    has_distillation_token = True

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4)
        self.cls, self.dist = nn.Linear(16, 3), nn.Linear(16, 3)
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, images, num_maps=None):
        map = self.norm(self.conv(images))
        flat = map.flatten(1)
        output = Output(self.cls(flat), self.dist(flat))
        if num_maps is None:
            return output
        return output._replace(features=Features((map,) * num_maps, flat, flat))


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(12, 3).requires_grad_(False)
        self.seen = 0

    def forward(self, images, num_maps=None):
        self.seen += len(images)
        logits = self.head(images.flatten(1))
        if num_maps is None:
            return logits
        maps = (images.mean(1, keepdim=True).repeat(1, 2, 1, 1),) * num_maps
        return Output(logits, logits, Features(maps, images.flatten(1), images.flatten(1)))


def guidance():
    loss = Guidance()
    torch.manual_seed(3)
    image = torch.zeros(2, 3, 2, 2)
    with torch.no_grad():
        loss.connect(*(one(image, loss.num_maps).features for one in (Network(), Teacher())))
    return loss


# Of the last ones a term compares the images of a batch, and reads maps with layers of its own.
CASES = {
    "hard": (HardDistillation, 1),
    "soft, accumulated": (SoftDistillation, 2),
    "correlation": (CorrelationDistillation, 1),
    "guidance": (guidance, 1),
}


def step(name: str, ranks: Ranks | None) -> dict:
    """Terms, gradients and statistics after a step of 7 images, all of them or in three parts."""
    make_loss, num_parts = CASES[name]
    torch.manual_seed(1)
    network, teacher, loss = Network(), Teacher(), make_loss()
    labels = torch.tensor([0, 1, 2, 1, 0, 2, 1])
    batch = Batch(torch.rand(7, 3, 2, 2), labels, labels.flip(0), 0.75)
    if num_parts > 1:  # a micro-batch is what batch normalisation sees
        network.norm = nn.Identity()
    of_loss = list(loss.parameters()) if isinstance(loss, nn.Module) else []
    parameters = [*of_loss, *network.parameters()]
    objective = Objective(network, loss, teacher)
    if ranks is not None:
        synchronise(network)
        shared = SharedNetwork(network, ranks), loss, SharedNetwork(teacher, ranks)
        objective = Objective(*shared, SharedAnswers(None, ranks))
    if num_parts > 1:
        objective = AccumulatedObjective(objective, num_parts, parameters)
    if ranks is not None:
        for parameter in of_loss:  # as if the kernels of other devices rounded otherwise
            parameter.register_hook(lambda gradient: gradient + ranks.rank)
        objective = SharedObjective(objective, ranks, parameters)
    terms = objective.gradients(batch, torch.Tensor.backward)
    return {
        "terms": {key: term.item() for key, term in terms.items()},
        "gradients": [parameter.grad for parameter in parameters],
        "statistics": dict(network.named_buffers()),
        "seen": teacher.seen,
    }


class Cache:
    """Asks for the first batch and the third, and knows the second."""

    def __init__(self):
        self.num_batches = 0

    def answer_to(self, batch, ask):
        self.num_batches += 1
        return torch.full((4,), 9) if self.num_batches == 2 else ask()


def talk(ranks: Ranks) -> dict:
    """Other things that they tell each other."""
    answers = SharedAnswers(Cache() if ranks.leads else object(), ranks)
    images = torch.arange(4.0)[:, None]
    asked = [answers.answer_to(None, lambda k=k: torch.full((4,), k)) for k in range(3)]
    network = SharedNetwork(nn.Dropout(0.5), ranks)
    torch.manual_seed(5)
    noisy = network(torch.ones(6, 64))
    try:
        ranks.check_same("rank", [float(ranks.rank)])
        apart = "not noticed"
    except RanksDifferError as error:
        apart = str(error)
    few = SharedNetwork(nn.Identity(), ranks).eval()(images[:2])  # fewer rows than processes
    return {"asked": asked, "noisy": noisy, "apart": apart, "few": few}


def process(rank: int, port: int, directory: str) -> None:
    torch.set_num_threads(1)
    with joined(rank, SIZE, port, torch.device("cpu")) as ranks:
        found = {name: step(name, ranks) for name in CASES} | {"talk": talk(ranks)}
        torch.save(found, f"{directory}/{rank}.pt")


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What each of three processes found."""
    directory = tmp_path_factory.mktemp("ranks")
    torch.multiprocessing.spawn(process, (free_port(), str(directory)), nprocs=SIZE)
    return [torch.load(directory / f"{rank}.pt", weights_only=False) for rank in range(SIZE)]


@pytest.mark.parametrize("name", CASES)
def test_every_process_has_the_terms_and_gradients_of_the_whole_batch(together, name):
    alone = step(name, None)
    for found in (one[name] for one in together):
        assert found["terms"] == pytest.approx(alone["terms"], rel=1e-5)
        torch.testing.assert_close(found["gradients"], alone["gradients"], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(found["statistics"], alone["statistics"])
    assert sum(one[name]["seen"] for one in together) == alone["seen"]
    assert None in alone["gradients"]  # of the parameter that nothing uses


def test_processes_take_the_same_step(together):
    first, *others = (one["guidance"]["gradients"] for one in together)
    for other in others:
        torch.testing.assert_close(other, first, rtol=0, atol=0)


def test_only_the_leader_has_a_cache_of_answers(together):
    for one in together:
        assert [int(answer[0]) for answer in one["talk"]["asked"]] == [0, 9, 2]


def test_rows_of_other_processes_have_noise_of_their_own(together):
    noisy = together[0]["talk"]["noisy"]
    torch.manual_seed(5)
    assert torch.equal(noisy[:2], nn.functional.dropout(torch.ones(2, 64)))
    assert not torch.equal(noisy[:2], noisy[2:4])
    assert all(torch.equal(one["talk"]["noisy"], noisy) for one in together)


def test_an_empty_share_is_no_row(together):
    assert [one["talk"]["few"].tolist() for one in together] == [[[0.0], [1.0]]] * SIZE


def test_processes_that_come_apart_are_noticed(together):
    for one in together:
        assert one["talk"]["apart"] == "the 3 processes of this run have not the same rank"


def test_a_normalisation_without_a_form_for_several_processes_is_refused():
    network = nn.Sequential(nn.BatchNorm3d(2))
    with pytest.raises(ValueError, match=r"^BatchNorm3d has no form for several processes"):
        synchronise(network)
    with pytest.raises(ConfigError, match=r"^devices=2: BatchNorm3d has no .*; set devices=1$"):
        assemble_parallel({}, Ranks(0, 2, None), dataset=None, parts=SimpleNamespace(model=network))
