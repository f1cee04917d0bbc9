"""What a network answers as a teacher."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch import nn

from titn.losses.terms import BOTH_TOKENS, TokenWeights
from titn.models.vit import ViT
from titn.training import build
from titn.training.metrics import Predictions
from titn.training.teacher import Frozen
from titn.types import ImageSpec, Output

SPEC = ImageSpec(num_classes=7)
IMAGES = torch.randint(256, (9, 3, 32, 32), dtype=torch.uint8)
RNG = np.random.default_rng(0)
CLS, DIST = (torch.tensor(RNG.normal(scale=4, size=(5, 7)), dtype=torch.float32) for _ in range(2))


class Says(nn.Module):
    """A network of two tokens with these logits for any images."""

    has_distillation_token = True

    def forward(self, images):
        return Output(CLS, DIST)


def test_two_tokens_answer_with_the_mean_of_their_probabilities():
    answer = Frozen(Says())(IMAGES).numpy()
    expected = (softmax(CLS.numpy(), -1) + softmax(DIST.numpy(), -1)) / 2
    np.testing.assert_allclose(softmax(answer, -1), expected, rtol=1e-5)
    np.testing.assert_allclose(answer, log_softmax(answer, -1), rtol=1e-5)


@pytest.mark.parametrize(
    ("weights", "token"), [(TokenWeights(0.3, 0.0), CLS), (TokenWeights(0.0, 0.3), DIST)]
)
def test_a_token_that_was_not_trained_has_no_say(weights, token):
    assert torch.equal(Frozen(Says(), token_weights=weights)(IMAGES), token)


def test_probabilities_below_float32_are_no_infinities():
    network = Says()
    network.forward = lambda images: Output(CLS * 100, DIST * 100)
    assert Frozen(network)(IMAGES).isfinite().all()


@pytest.mark.parametrize("weights", [BOTH_TOKENS, TokenWeights(0.0, 1.0)])
def test_one_token_answers_with_its_logits_bit_for_bit(weights):
    network = ViT(images=SPEC, distillation_token=False, depth=1).eval()
    with torch.no_grad():
        expected = network(IMAGES).cls
    assert torch.equal(Frozen(network, token_weights=weights)(IMAGES), expected)


@pytest.mark.parametrize("name", ["deit", "titn"])
def test_the_answer_is_what_the_recorded_accuracy_is_of(composed, name):
    run = composed(f"teacher={name}", "teacher.model.depth=1")["teacher"]
    network = build.instantiate(run, "model", images=SPEC).eval()
    with torch.no_grad():
        cls, dist = (logits.log_softmax(-1) for logits in network(IMAGES)[:2])
    recorded = Predictions(cls, dist, torch.zeros(9)).fused(
        build.instantiate(run, "loss").token_weights
    )
    torch.testing.assert_close(Frozen(network)(IMAGES), recorded)


@pytest.mark.parametrize("name", ["deit", "titn"])
def test_a_transformer_in_bf16_is_the_same_network(composed, name):
    run = composed(f"model={name}", "model.depth=1")
    network = build.instantiate(run, "model", images=SPEC)
    plain = Frozen(network)(IMAGES)
    with torch.autocast("cpu", torch.bfloat16):
        half = Frozen(network, torch.bfloat16)(IMAGES)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, plain, atol=0.05, rtol=0.05)
