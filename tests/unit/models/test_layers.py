"""Normalisation, blocks and what constructors refuse."""

import pytest
import torch
from torch import nn

from titn.models.cnn import vgg16_bn
from titn.models.layers import Attention, Block, Normalise, drop_path_rates
from titn.models.titn import TITN
from titn.models.vit import ViT
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=10)


def test_normalisation_by_hand():
    normalise = Normalise(ImageSpec(num_classes=2, channels=1, mean=(0.5,), std=(0.25,)))
    image = torch.tensor([[[[0, 255]]]], dtype=torch.uint8)
    assert normalise(image).flatten().tolist() == [-2.0, 2.0]


def test_bytes_and_fractions_are_the_same_image():
    image = torch.randint(0, 256, (1, 3, 4, 4), dtype=torch.uint8)
    normalise = Normalise(SPEC)
    torch.testing.assert_close(normalise(image), normalise(image.float() / 255))


def test_a_mean_for_each_channel_is_needed():
    with pytest.raises(ValueError, match="one value for each of 1 channels"):
        Normalise(ImageSpec(num_classes=2, channels=1))


def test_attention_is_torchs_multi_head_attention():
    torch.manual_seed(0)
    ours = Attention(12, 3, qkv_bias=True)
    theirs = nn.MultiheadAttention(12, 3, batch_first=True)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.qkv.weight, ours.qkv.bias
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = ours.proj.weight, ours.proj.bias
    x = torch.randn(2, 5, 12)
    torch.testing.assert_close(ours(x), theirs(x, x, x)[0])


def test_stochastic_depth_grows_from_zero_to_its_rate():
    assert drop_path_rates(0.2, 5) == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2])


def test_stochastic_depth_drops_whole_samples_in_training_only():
    torch.manual_seed(0)
    block = Block(8, 2, 4.0, True, drop_path=0.9)
    x = torch.randn(64, 3, 8)
    assert (block.train()(x) == x).flatten(1).all(1).any()
    assert not (block.eval()(x) == x).flatten(1).all(1).any()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"patch_size": 7}, "patch_size=7: does not divide the image's size 32"),
        ({"pixel_size": 3}, "pixel_size=3: does not divide patch_size 8"),
        ({"outer_heads": 5}, "outer_heads=5: does not divide patch_dim 192"),
        ({"inner_heads": 5}, "inner_heads=5: does not divide pixel_dim 12"),
    ],
)
def test_sizes_that_do_not_fit_name_key_value_and_choices(sizes, message):
    with pytest.raises(ValueError, match=f"^{message}; choose one of"):
        TITN(images=SPEC, distillation_token=True, **sizes)


def test_an_mlp_has_hidden_units():
    # TITN's inner blocks are 12 wide: 0.083 of that is less than one.
    with pytest.raises(ValueError, match=r"^mlp_ratio=0.083: .* of width 12; give 0.084 or more$"):
        TITN(images=SPEC, distillation_token=True, mlp_ratio=0.083)


def test_vit_names_its_heads():
    with pytest.raises(ValueError, match=r"^heads=5: does not divide patch_dim 192"):
        ViT(images=SPEC, distillation_token=False, heads=5)


def test_truncated_normal_bounds_the_weights_and_clears_the_biases():
    model = TITN(images=SPEC, distillation_token=True, depth=1, init="trunc_normal")
    assert model.heads.cls.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert model.layers[0].outer.mlp.fc1.bias.abs().max() == 0


def test_torchs_initialisation_is_uniform_within_one_over_root_fan_in():
    weight = TITN(images=SPEC, distillation_token=True, depth=1).layers[0].outer.mlp.fc1.weight
    bound = 192**-0.5
    assert weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


def test_tokens_and_positions_begin_with_the_asked_deviation():
    model = TITN(images=SPEC, distillation_token=True, depth=1, token_std=0.3)
    for parameter in (model.tokens, model.token_pos, model.pixel_pos):
        assert parameter.std().item() == pytest.approx(0.3, rel=0.15)


def test_the_distillation_token_can_be_told_from_the_class_token():
    model = TITN(images=SPEC, distillation_token=True, depth=2).eval()
    before = model(torch.ones(1, 3, 32, 32))
    with torch.no_grad():
        model.heads.dist.bias += 1
    after = model(torch.ones(1, 3, 32, 32))
    assert torch.equal(before.cls, after.cls)
    torch.testing.assert_close(before.dist + 1, after.dist)


def test_vgg_is_torchvisions_with_a_normalisation_in_front():
    import torchvision

    ours = vgg16_bn(images=SPEC).eval()
    theirs = torchvision.models.vgg16_bn(num_classes=10).eval()
    theirs.load_state_dict(ours.net.state_dict())
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(ours(images).cls, theirs(ours.normalise(images)))
