"""Structure in a vision transformer: convolutions before it and in its MLPs, local attention."""

import pytest
import torch
import torch.nn.functional as F
from timm.layers import Mlp
from torch import nn

from titn.models.conv_mlp import ConvMlp
from titn.models.local_attention import LocalAttention
from titn.models.patch_embedding import ConvStem, embed_patches, patch_embedding
from titn.models.titn import TITN
from titn.models.vit import ViT
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=10)
IMAGES = torch.rand(2, 3, 32, 32)


@pytest.mark.parametrize("patch_size", [2, 4, 8, 16])
def test_a_stem_makes_a_map_of_patches(patch_size):
    stem = ConvStem(3, patch_size, 64)
    assert stem(IMAGES).shape == (2, 64, 32 // patch_size, 32 // patch_size)
    convolutions = [module for module in stem if isinstance(module, nn.Conv2d)]
    assert 2 ** len(convolutions) == patch_size
    assert all(b.in_channels * 2 == b.out_channels for b in convolutions[1:])


@pytest.mark.parametrize(
    ("patch_size", "width", "message"),
    [
        (6, 64, "patch_size=6: a convolutional stem needs 2, 4, 8 or 16"),
        (1, 64, "patch_size=1: a convolutional stem needs 2, 4, 8 or 16"),
        (8, 66, "patch_dim=66: .* needs a multiple of 4; take 68"),
    ],
)
def test_a_stem_that_cannot_be(patch_size, width, message):
    with pytest.raises(ValueError, match=message):
        ConvStem(3, patch_size, width)


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_patches_are_in_reading_order(kind):
    """A change in one patch of the image changes its own vector, and for `linear` no other."""
    torch.manual_seed(0)
    embed = patch_embedding(kind, 3, 8, 16).eval()
    image = torch.zeros(1, 3, 32, 32)
    changed = image.clone()
    # Row 1 and column 2 of 4 x 4, patch 6; a stride leaves the stem's centre in its first corner.
    changed[:, :, 8:10, 16:18] = 1
    moved = (embed_patches(embed, changed, 4) - embed_patches(embed, image, 4)).abs().amax(-1)[0]
    assert moved.argmax() == 6
    if kind == "linear":
        assert moved.count_nonzero() == 1


def drawn(width: int = 6, hidden: int = 8, grid: int = 3, tokens: int = 11) -> ConvMlp:
    torch.manual_seed(0)
    mlp = ConvMlp(width, hidden, grid, tokens)
    mlp.conv.reset_parameters()
    return mlp


def test_a_conv_mlp_by_hand():
    mlp, x = drawn(), torch.randn(2, 11, 6)
    with torch.no_grad():
        h = F.gelu(x @ mlp.fc1.weight.T + mlp.fc1.bias)
        expected = h.clone()
        weight = mlp.conv.weight[:, 0]  # (8, 3, 3)
        for row in range(3):
            for column in range(3):
                seen = mlp.conv.bias.repeat(2, 1)
                for i in range(max(row - 1, 0), min(row + 2, 3)):
                    for j in range(max(column - 1, 0), min(column + 2, 3)):
                        seen += h[:, 1 + 3 * i + j] * weight[:, i - row + 1, j - column + 1]
                expected[:, 1 + 3 * row + column] += F.gelu(seen)
        expected = expected @ mlp.fc2.weight.T + mlp.fc2.bias
        torch.testing.assert_close(mlp(x), expected)
        # Rows that are no patches are computed alone as they are among all.
        torch.testing.assert_close(mlp(x[:, [0, 10]]), expected[:, [0, 10]])


def test_a_conv_mlp_begins_as_the_plain_one():
    mlp, plain = ConvMlp(6, 8, 3, 11), Mlp(6, 8)
    plain.load_state_dict({k: v for k, v in mlp.state_dict().items() if "conv" not in k})
    x = torch.randn(2, 11, 6)
    torch.testing.assert_close(mlp(x), plain(x))


def test_local_attention_by_hand():
    """Token by token: a softmax over the scores of all others, at each head's own temperature."""
    torch.manual_seed(0)
    attention, x = LocalAttention(6, 2, qkv_bias=False), torch.randn(2, 4, 6)
    torch.testing.assert_close(attention.scale, torch.full((2, 1, 1), 3**-0.5))
    with torch.no_grad():
        attention.scale.copy_(torch.tensor([0.3, 1.7]).reshape(2, 1, 1))
        q, k, v = (x @ attention.qkv.weight.T).split(6, dim=-1)
        expected = torch.zeros(2, 4, 6)
        for head, scale in enumerate((0.3, 1.7)):
            own = slice(3 * head, 3 * head + 3)
            for i in range(4):
                others = [j for j in range(4) if j != i]
                scores = torch.einsum("bd,bjd->bj", q[:, i, own], k[:, others, own]) * scale
                weighted = scores.softmax(-1)[..., None] * v[:, others, own]
                expected[:, i, own] = weighted.sum(1)
        expected = expected @ attention.proj.weight.T + attention.proj.bias
        torch.testing.assert_close(attention(x), expected)
        # Rows that are asked for alone are what they are among all.
        torch.testing.assert_close(attention(x, slice(0, None, 3)), expected[:, [0, 3]])


@pytest.mark.parametrize("token", [True, False])
def test_options_are_in_the_network_and_off_they_are_not(token):
    """The parameters that each option adds, counted by hand, for d 24, hidden 96, patch 8.

    No head reads the patches of the last layer, so its MLP is plain.
    """
    keywords = {"images": SPEC, "distillation_token": token, "depth": 2, "patch_dim": 24}
    conv_mlp = 1 * (96 * 9 + 96)
    stem = 3 * 6 * 9 + 2 * 6 + 6 * 12 * 9 + 2 * 12 + 12 * 24 * 9 + 2 * 24
    linear = 3 * 64 * 24 + 24

    def size(model: type[nn.Module], **options) -> int:
        return sum(p.numel() for p in model(**keywords, **options).parameters())

    assert size(ViT, conv_mlp=True) - size(ViT) == conv_mlp
    assert size(ViT, patch_embed="conv") - size(ViT) == stem - linear
    # The temperatures of 3 heads in each of 2 layers.
    assert size(ViT, local_attention=True) - size(ViT) == 6
    assert size(TITN, local_attention=True) - size(TITN) == 6
    assert size(TITN, conv_mlp=True) - size(TITN) == conv_mlp
    assert size(TITN, outer_embed="conv") - size(TITN) == stem
    assert size(TITN, outer_embed="linear") - size(TITN) == linear


def test_outer_embed_is_added_to_the_patches_alone():
    torch.manual_seed(0)
    network = TITN(images=SPEC, distillation_token=True, patch_dim=24, outer_embed="linear")
    tokens = network.initial_tokens(IMAGES)
    learned = network.tokens + network.token_pos
    torch.testing.assert_close(tokens[:, [0, -1]], learned[None, [0, -1]].expand(2, -1, -1))
    patches = embed_patches(network.outer_embed, IMAGES, 4)
    torch.testing.assert_close(tokens[:, 1:-1], learned[1:-1] + patches)
