"""The table of what structure costs in docs/networks.md: formulas, our count, and the page."""

from pathlib import Path

import pytest
import torch

import titn
from titn.paper import costs
from titn.training import build
from titn.training.metrics import macs, num_parameters
from titn.types import ImageSpec

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
ROWS = [
    [cell.strip().strip("`") for cell in line.split("|")[1:-1]]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| `model=")
]
SIZE, CHANNELS, WIDTH, HIDDEN, DEPTH, HEADS = 32, 3, 192, 768, 12, 3


def stem(patch_size: int) -> costs.Cost:
    """3x3 convolutions of stride 2, no bias; after each a normalisation, 4 MACs an element."""
    cost, channels, side = costs.Cost(), CHANNELS, SIZE
    count = patch_size.bit_length() - 1
    for i in range(count):
        width, side = WIDTH // 2 ** (count - 1 - i), side // 2
        weights = 9 * channels * width
        cost += costs.Cost(weights + 2 * width, side**2 * (weights + 4 * width))
        channels = width
    return cost


def by_formula(overrides: list[str]) -> costs.Cost:
    given = dict(override.split("=") for override in overrides)
    patch = int(given.get("model.patch_size", 8))
    patches = (SIZE // patch) ** 2
    linear = costs.linear(patches, CHANNELS * patch**2, WIDTH)
    network = costs.titn if given["model"] == "titn" else costs.vit
    cost = network(distillation_token=True, patch_size=patch)
    if given.get("model.patch_embed") == "conv":
        cost += costs.Cost(-linear.parameters, -linear.macs_paper) + stem(patch)
    match given.get("model.outer_embed"):
        case "linear":
            cost += linear
        case "conv":
            cost += stem(patch)
    if "model.conv_mlp" in given:  # not in the last layer
        cost += costs.Cost(10 * HIDDEN, 9 * HIDDEN * patches).times(DEPTH - 1)
    if "model.local_attention" in given:
        cost += costs.Cost(HEADS).times(DEPTH)
    return cost


def test_the_table_has_every_option():
    options = {word.partition("=")[0] for row in ROWS for word in row[0].split()}
    assert options == {
        "model", "model.conv_mlp", "model.local_attention", "model.outer_embed",
        "model.patch_embed", "model.patch_size",
    }  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_structure_costs(row):
    overrides, printed = row[0].split(), row[1:]
    spec = ImageSpec(num_classes=100, size=SIZE)
    with torch.device("meta"):
        network = build.instantiate(titn.compose(overrides), "model", images=spec)
        counted = num_parameters(network), *macs(network, spec)
    expected = by_formula(overrides)
    assert counted == (expected.parameters, expected.macs_paper, expected.macs)
    assert printed == [f"{n / 1e6:.2f}" for n in (expected.parameters, expected.macs)]
