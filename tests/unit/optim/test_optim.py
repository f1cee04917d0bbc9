"""Schedules by hand; parameter groups; the paper's SGD against its formula."""

import pytest
import torch
from torch import nn

from titn.optim.groups import parameter_groups
from titn.optim.optimizers import adamw, rmsprop, sgd
from titn.optim.schedules import Cosine, OneCycle


def test_cosine_starts_at_one_is_half_way_at_half_and_ends_near_zero():
    factors = [Cosine().factor(step, 10, 100) for step in (0, 50, 100)]
    assert factors == pytest.approx([1.0, 0.5, 0.0])


def test_cosine_follows_torchs_annealing():
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
    for step in range(40):
        assert Cosine().factor(step, 10, 40) == pytest.approx(theirs.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        theirs.step()


def test_the_warm_up_rises_in_equal_steps_to_the_full_rate():
    schedule = Cosine(warmup_epochs=1.0)
    factors = [schedule.factor(step, 4, 40) for step in range(5)]
    assert factors == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_the_rate_never_falls_below_final():
    assert Cosine(final=0.1).factor(100, 10, 100) == pytest.approx(0.1)


def test_a_warm_up_longer_than_the_run_only_rises():
    schedule = Cosine(warmup_epochs=5.0)
    factors = [schedule.factor(step, 2, 4) for step in range(4)]
    assert factors == sorted(factors)


@pytest.mark.parametrize(
    ("rising", "shape", "start", "final"),
    [
        (10, "linear", 0.0, 0.0),
        (10, "linear", 0.04, 0.1),
        (0, "linear", 0.0, 0.1),
        (0, "cosine", 0.0, 0.1),  # torch's rises by a cosine, too
    ],
)
def test_one_cycle_is_torchs_of_two_steps_more(rising, shape, start, final):
    steps = 50
    schedule = OneCycle(warmup=rising / steps, start=start, final=final, shape=shape)
    factors = [schedule.factor(step, 1, steps) for step in range(steps)]
    theirs = torchs_one_cycle(steps + 2, rising + 2, shape, start, final)
    assert factors == pytest.approx(theirs[1:-1], abs=1e-9)


def torchs_one_cycle(total, rising, shape, start, final) -> list[float]:
    """The rates of OneCycleLR's `total` steps for a peak of 1, which the last of `rising` has."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    first = max(start, 1e-12)  # it divides by factors
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=1.0,
        total_steps=total,
        pct_start=rising / total,
        anneal_strategy={"linear": "linear", "cosine": "cos"}[shape],
        cycle_momentum=False,
        div_factor=1 / first,
        final_div_factor=first / max(final, 1e-12),
    )
    rates = []
    for _ in range(total):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        if len(rates) < total:
            schedule.step()
    return rates


def test_one_cycle_rises_without_a_wasted_step():
    factors = [OneCycle(warmup=0.4).factor(step, 1, 10) for step in range(5)]
    assert factors == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_one_cycle_that_only_rises_ends_below_the_peak():
    factors = [OneCycle(warmup=1.0).factor(step, 1, 4) for step in range(4)]
    assert factors == pytest.approx([0.2, 0.4, 0.6, 0.8])


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.ones(1, 3))
        self.linear = nn.Linear(3, 3)
        self.norm = nn.LayerNorm(3)


def test_matrices_alone_decay_when_asked():
    model = Small()
    decayed, spared = parameter_groups(model, 0.1, "matrices")
    assert [p is model.linear.weight for p in decayed["params"]] == [True]
    assert decayed["weight_decay"] == 0.1
    assert len(spared["params"]) == 4
    assert spared["weight_decay"] == 0.0


def test_everything_decays_when_asked():
    (group,) = parameter_groups(Small(), 0.1, "all")
    assert len(group["params"]) == 5


def test_sgd_follows_the_formula_with_momentum_and_decay():
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    optimizer = sgd(model=model)
    weight, velocity = 1.0, 0.0
    for gradient in (0.5, -0.25):
        model.weight.grad = torch.full((1, 1), gradient)
        optimizer.step()
        velocity = 0.9 * velocity + gradient + 1e-4 * weight
        weight -= 0.1 * velocity
    assert model.weight.item() == pytest.approx(weight, rel=1e-6)


def test_adamw_decays_apart_from_the_gradient():
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    model.weight.grad = torch.zeros(1, 1)
    adamw(model=model, lr=0.1, weight_decay=0.5).step()
    assert model.weight.item() == pytest.approx(0.95)


def test_rmsprop_takes_its_smoothing():
    assert rmsprop(model=nn.Linear(1, 1), smoothing=0.7).param_groups[0]["alpha"] == 0.7


def test_nesterov_without_momentum_names_the_key():
    with pytest.raises(ValueError, match=r"^nesterov=true: "):
        sgd(model=nn.Linear(1, 1), momentum=0.0, nesterov=True)


def test_biases_learn_faster_and_shrink_as_before():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1, bias=False))
    groups = sgd(model=model, lr=0.5, weight_decay=0.01, bias_factor=64).param_groups
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    decays = {
        id(p): group["lr"] * group["weight_decay"] for group in groups for p in group["params"]
    }
    fast = {name for name, p in model.named_parameters() if rates[id(p)] == 32}
    assert fast == {"0.bias", "1.bias"}
    assert sorted(rates.values()) == [0.5, 0.5, 0.5, 32, 32]
    assert list(decays.values()) == pytest.approx(5 * [0.005])
