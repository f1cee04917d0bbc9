import pytest
import torch
from torch import nn

from titn.exporting.classifier import Classifier, classifier_of
from titn.losses.terms import TokenWeights
from titn.types import Output


class Fixed(nn.Module):
    """Answers with the logarithms of (1/4, 3/4) and of (3/4, 1/4)."""

    def __init__(self, has_distillation_token: bool):
        super().__init__()
        self.has_distillation_token = has_distillation_token

    def forward(self, images: torch.Tensor) -> Output:
        cls = torch.tensor([[1.0, 3.0]]).log().expand(len(images), 2)
        return Output(cls, cls.flip(-1) if self.has_distillation_token else cls)


def probabilities(weights: TokenWeights, has_distillation_token: bool = True):
    classifier = Classifier(Fixed(has_distillation_token), weights)
    found = classifier(torch.zeros(1, 3, 2, 2)).softmax(-1)[0]
    return pytest.approx(found.tolist())


def test_only_trained_tokens_count():
    assert probabilities(TokenWeights(1.0, 0.0)) == [0.25, 0.75]
    assert probabilities(TokenWeights(0.0, 1.0)) == [0.75, 0.25]
    assert probabilities(TokenWeights(0.0, 1.0), has_distillation_token=False) == [0.25, 0.75]


def test_of_two_tokens_it_is_the_mean_of_the_softmaxes():
    assert probabilities(TokenWeights(0.1, 0.9)) == [0.5, 0.5]


def test_a_runs_classifier_says_what_its_samples_say(finished):
    """samples.parquet, which training wrote, has the class of every test image."""
    from titn.records.epochs_and_samples import read_samples
    from titn.records.rows import read_row

    samples = read_samples(read_row(finished.directory.path))
    images = finished.dataset().evaluated.pixels / 255
    with torch.no_grad():
        logits = classifier_of(finished)(images)
    assert logits.argmax(-1).tolist() == samples["fused"].tolist()
