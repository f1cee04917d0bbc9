"""The tables of what students cost in docs/networks.md: formulas, our count, and the page."""

from pathlib import Path

import pytest
import torch

import titn
from titn.config.compose import choices_of
from titn.paper import costs
from titn.training import build
from titn.training.metrics import macs, num_parameters
from titn.types import ImageSpec

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
TABLES = [
    [cell.strip().split("` (")[0].strip("`") for cell in line.split("|")[1:-1]]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| `")
]
STUDENTS = [row for row in TABLES if row[0] in choices_of("model") and len(row) == 3]
assert {row[0] for row in STUDENTS} >= {"vit", "deit", "tnt", "titn"}, "the table has changed"
ROWS = [row for row in TABLES if row[0].startswith("model=")]
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


def counted(overrides: list[str]) -> tuple[int, int, int]:
    """Parameters, the paper's multiply-accumulates and all of them."""
    spec = ImageSpec(num_classes=100, size=SIZE)
    with torch.device("meta"):
        network = build.instantiate(titn.compose(overrides), "model", images=spec)
        return num_parameters(network), *macs(network, spec)


@pytest.mark.parametrize("row", STUDENTS, ids=lambda row: row[0])
def test_what_a_student_costs(row):
    parameters, macs_paper, _ = counted([f"model={row[0]}"])
    assert row[1:] == [f"{n / 1e6:.2f}" for n in (parameters, macs_paper)]


def test_titn_plus_is_deit_with_structure_and_at_most_six_million_parameters():
    overrides = ["model.patch_size=4", "model.patch_embed=conv", "model.conv_mlp=true"]
    of_deit = titn.compose(["model=deit", *overrides])["model"]
    assert titn.compose(["model=titn_plus"])["model"] == of_deit
    assert counted(["model=titn_plus"])[0] <= 6_000_000


def test_the_table_has_every_option():
    options = {word.partition("=")[0] for row in ROWS for word in row[0].split()}
    assert options == {
        "model", "model.conv_mlp", "model.local_attention", "model.outer_embed",
        "model.patch_embed", "model.patch_size",
    }  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_structure_costs(row):
    overrides, printed = row[0].split(), row[1:]
    expected = by_formula(overrides)
    assert counted(overrides) == (expected.parameters, expected.macs_paper, expected.macs)
    assert printed == [f"{n / 1e6:.2f}" for n in (expected.parameters, expected.macs)]
