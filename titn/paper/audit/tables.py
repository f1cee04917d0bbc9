"""The paper's tables by row and column, and what its students cost by their printed sizes."""

from typing import Any

import pandas as pd

from titn.paper import costs
from titn.paper.printed import printed_table
from titn.paper.protocol import NUM_CLASSES

# Table 6's label of the paper's own row.
OURS = "VGG16-BN → TITN"


def table_by_row(name: str) -> pd.DataFrame:
    """A printed table, indexed by row. Table 6's drops are recomputed from its accuracies."""
    frame = printed_table(name).set_index("row")
    if name == "table6":
        frame["drop"] = frame["top1_student"] - frame["top1_teacher"]
    return frame


def printed_rows(name: str) -> dict[str, dict[str, Any]]:
    """row -> metric -> number."""
    frame = table_by_row(name)
    return {str(row): frame.loc[row].to_dict() for row in frame.index}


def printed_column(name: str, metric: str) -> dict[str, float]:
    return {str(row): float(value) for row, value in table_by_row(name)[metric].items()}


def printed_size(row: str, key: str) -> int:
    return int(printed_column("table1", key)[row])


def printed_drops() -> dict[str, float]:
    """Table 6's drops as they are printed."""
    frame = printed_table("table6")
    return dict(zip(frame["row"], frame["drop"], strict=True))


def student_cost(
    row: str,
    num_classes: int = NUM_CLASSES["cifar100"],
    patch_projection: bool = False,
    qkv_bias: bool = False,
) -> costs.Cost:
    """A student's cost from its column in table 1; MixUp changes nothing.

    qkv_bias: of ViT and DeiT; TNT and TITN have one.
    """
    row = "TITN" if row == "TITN (MixUp)" else row
    keys = ["image_size", "patch_dim", "patch_size", "depth"]
    sizes: dict[str, Any] = {key: printed_size(row, key) for key in keys}
    sizes["num_classes"] = num_classes
    if row in ("ViT", "DeiT"):
        return costs.vit(distillation_token=row == "DeiT", qkv_bias=qkv_bias, **sizes)
    return costs.titn(
        distillation_token=row != "TNT",
        pixel_dim=printed_size(row, "pixel_dim"),
        pixel_size=printed_size(row, "pixel_size"),
        patch_projection=patch_projection,
        **sizes,
    )
