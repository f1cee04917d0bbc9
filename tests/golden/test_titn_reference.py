"""TITN and TNT against a slow implementation that was written from the paper alone."""

import numpy as np
import pytest
import reference_titn
import torch

from titn.models.titn import TITN
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=7, size=16, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
SIZES = {"patch_size": 8, "pixel_size": 2, "depth": 3, "outer_heads": 3, "inner_heads": 2}


def titn_with_every_weight_random(distillation_token: bool, inner_depth: int = 1) -> TITN:
    torch.manual_seed(0)
    sizes = SIZES | {"inner_depth": inner_depth, "patch_dim": 48, "pixel_dim": 12}
    model = TITN(images=SPEC, distillation_token=distillation_token, **sizes)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    return model.eval().double()


def paper_name(name: str) -> str:
    return name.replace("heads.cls.", "head.").replace("heads.dist.", "head_dist.")


@pytest.mark.parametrize(("distillation_token", "inner_depth"), [(True, 1), (False, 1), (True, 3)])
def test_agrees_with_the_loops_of_the_paper(distillation_token, inner_depth):
    model = titn_with_every_weight_random(distillation_token, inner_depth)
    weights = {paper_name(name): value.numpy() for name, value in model.state_dict().items()}
    images = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    ours = model(images)
    for i, image in enumerate(images):
        cls, dist = reference_titn.forward(
            weights, image.numpy(), inner_depth=inner_depth, eps=1e-5, **SIZES
        )
        np.testing.assert_allclose(ours.cls[i].detach(), cls, rtol=1e-9)
        np.testing.assert_allclose(ours.dist[i].detach(), dist, rtol=1e-9)


def test_the_two_tokens_have_heads_of_their_own():
    output = titn_with_every_weight_random(True)(torch.rand(2, 3, 16, 16, dtype=torch.float64))
    assert not torch.allclose(output.cls, output.dist)
