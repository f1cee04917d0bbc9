"""Printed parameters and GFLOPs against the closed formulas of `titn.paper.costs`."""

from collections.abc import Iterator

from titn.paper import costs
from titn.paper.audit.findings import Check, check
from titn.paper.audit.tables import (
    OURS,
    printed_column,
    printed_rows,
    printed_size,
    student_cost,
)
from titn.paper.printed import IMAGENET_CLASSES
from titn.paper.protocol import NUM_CLASSES

PART = "Parameters and GFLOPs"
# How far a printed parameter count may lie from its recomputation, in millions, besides half of
# its last digit: the paper cuts some rows and rounds others.
CUT = 0.005


def checks_of_sizes() -> Iterator[Check]:
    for row, millions in printed_column("table1", "parameters_m").items():
        yield _parameters("table 1", row, millions, student_cost(row), _as_table_3(row, millions))
    for row, numbers in printed_rows("table3").items():
        label, cost, note = row, costs.vgg16_bn(num_classes=IMAGENET_CLASSES), ""
        if numbers["role"] == "teacher":
            label += f", head of {IMAGENET_CLASSES} classes"
        else:
            cost = student_cost(row)
        if row == "TNT":
            second = cost + costs.norm(1, printed_size(row, "patch_dim"))
            note = (
                f"{second.gflops_batch1024:.4f} if the last norm sees two tokens, as in TITN; "
                "within the hundredth that claims allow"
            )
        yield _gflops("table 3", label, numbers["gflops_batch1024"], cost, note)
        yield _parameters("table 3", label, numbers["parameters_m"], cost, _with_bias(row))
    yield from _teacher_with_its_own_head()
    yield from _sizes_of_table_6()
    yield from _large_patch_ratios()


def _teacher_with_its_own_head() -> Iterator[Check]:
    """What table 3 would print of a teacher that tells CIFAR-100's classes apart."""
    classes = NUM_CLASSES["cifar100"]
    label, cost = f"VGG16-BN, head of {classes} classes", costs.vgg16_bn(num_classes=classes)
    numbers = printed_rows("table3")["VGG16-BN"]
    note = f"the data set of table 3 has {classes} classes"
    yield _gflops("table 3", label, numbers["gflops_batch1024"], cost, note)
    yield _parameters("table 3", label, numbers["parameters_m"], cost, note)


def _sizes_of_table_6() -> Iterator[Check]:
    classes = NUM_CLASSES["cifar10"]
    label, last = f"VGG16-BN, head of {classes} classes", printed_rows("table6")[OURS]
    teacher, student = costs.vgg16_bn(num_classes=classes), student_cost("TITN", classes)
    yield _gflops("table 6", label, last["flops_g"], teacher)
    yield _parameters("table 6", label, last["parameters_teacher_m"], teacher)
    label = f"TITN, heads of {classes} classes"
    yield _parameters("table 6", label, last["parameters_student_m"], student, digits=1)


def _large_patch_ratios() -> Iterator[Check]:
    flops, large = printed_column("table3", "gflops_batch1024"), "TITN (large patch)"
    for row in ("TITN", "ViT"):
        yield check(
            PART,
            "table 3",
            f"{large}: GFLOPs over those of {row}",
            "ratio",
            flops[large] / flops[row],
            student_cost(large).macs_paper / student_cost(row).macs_paper,
            digits=3,
        )


def _gflops(source: str, row: str, printed: float, cost: costs.Cost, note: str = "") -> Check:
    what = f"{row}: GFLOPs of {costs.PRINTED_BATCH} images"
    return check(PART, source, what, "GFLOPs", printed, cost.gflops_batch1024, note=note)


def _parameters(
    source: str, row: str, printed: float, cost: costs.Cost, note: str = "", digits: int = 2
) -> Check:
    what, ours = f"{row}: parameters", cost.parameters_m
    between = (ours - CUT, ours + CUT)
    return check(PART, source, what, "million", printed, ours, digits, between, note)


def _with_bias(row: str) -> str:
    """What ViT and DeiT have with a bias on queries, keys and values; the print fits both."""
    if row not in ("ViT", "DeiT"):
        return ""
    return f"{student_cost(row, qkv_bias=True).parameters_m:.3f} with a bias on q, k and v"


def _as_table_3(row: str, millions: float) -> str:
    other = printed_column("table3", "parameters_m")[row]
    return "" if other == millions else f"table 3 prints {other:.2f}"
