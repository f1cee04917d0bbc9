"""An average of weights by hand."""

import pytest
import torch
from torch import nn

from titn.training.averaging import WeightAverage
from titn.training.compiling import training_form


def scalar(value: float) -> nn.Module:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def test_the_first_steps_weigh_little_by_hand():
    source = scalar(1.0)
    average = WeightAverage(source, decay=0.25)
    expected = 1.0
    # (1 + t) / (10 + t) is 2/11 and 3/12; from then on the decay is what was asked for.
    for number, (value, decay) in enumerate([(2.0, 2 / 11), (3.0, 0.25), (5.0, 0.25)], 1):
        nn.init.constant_(source.weight, value)
        average.update(number)
        expected = decay * expected + (1 - decay) * value
        assert average.network.weight.item() == pytest.approx(expected, rel=1e-6)


def test_the_source_does_not_follow():
    source = scalar(1.0)
    average = WeightAverage(source, decay=0.5)
    nn.init.constant_(source.weight, 2.0)
    average.update(1)
    assert source.weight.item() == 2.0
    assert source.weight.requires_grad


def test_running_statistics_are_averaged_and_counts_are_copied():
    source = nn.BatchNorm1d(1)
    average = WeightAverage(source, decay=0.9)
    source.running_mean.fill_(11.0)
    source.num_batches_tracked.fill_(7)
    average.update(1)
    assert average.network.running_mean.item() == pytest.approx(9 / 11 * 11)
    assert average.network.num_batches_tracked.item() == 7


def test_a_state_that_was_saved_goes_on_bit_for_bit():
    torch.manual_seed(0)
    source = nn.Linear(3, 3)
    average, resumed = WeightAverage(source, decay=0.9), WeightAverage(nn.Linear(3, 3), decay=0.9)
    average.update(1)
    resumed.network.load_state_dict(average.network.state_dict())
    resumed.source = source
    nn.init.normal_(source.weight)
    average.update(2)
    resumed.update(2)
    assert torch.equal(average.network.weight, resumed.network.weight)


class Layered(nn.Module):
    """A network with a form for the compiler."""

    def __init__(self):
        super().__init__()
        self.layer = nn.BatchNorm1d(2)

    def compiled(self, compiler):
        return nn.Sequential(self.layer)


@pytest.mark.parametrize("mode", ["layers", "whole"])
def test_the_compiled_form_trains_the_tensors_that_are_averaged(mode):
    model = Layered()
    trained = training_form(model, mode)
    for names in ("parameters", "buffers"):
        ids = [{id(tensor) for tensor in getattr(each, names)()} for each in (model, trained)]
        assert ids[0] == ids[1]
