"""Printed results against other printed numbers: tables, the text, and numbers of images."""

from collections.abc import Iterator, Mapping

from titn.paper.audit import prose
from titn.paper.audit.findings import Check, Unit, check
from titn.paper.audit.tables import (
    OURS,
    printed_column,
    printed_drops,
    printed_rows,
    table_by_row,
)
from titn.paper.printed import printed_table
from titn.paper.protocol import NUM_CLASSES

UNIT_OF: Mapping[str, Unit] = {
    "top1": "accuracy",
    "top5": "accuracy",
    "top1_teacher": "accuracy",
    "top1_student": "accuracy",
    "drop": "difference",
    "precision": "score",
    "recall": "score",
    "f1": "score",
}


def checks_of_results() -> Iterator[Check]:
    yield from _scores()
    yield from _drops()
    yield from _other_tables()
    yield from _prose()
    yield from _images()


def _scores() -> Iterator[Check]:
    part, half = "Precision, recall and F1", 0.005
    for row, numbers in printed_rows("table3").items():
        low = harmonic_mean(numbers["precision"] - half, numbers["recall"] - half)
        high = harmonic_mean(numbers["precision"] + half, numbers["recall"] + half)
        needed = _least_precision(numbers["f1"] - half, numbers["top1"])
        yield check(
            part,
            "table 3",
            f"{row}: F1, the harmonic mean of precision and recall",
            "score",
            numbers["f1"],
            harmonic_mean(numbers["precision"], numbers["recall"]),
            between=(low, high),
            note=f"with top-1 as recall, needs a precision from {needed:.4f}",
        )
        yield check(
            part,
            "table 3",
            f"{row}: recall, which is top-1 where classes are of one size",
            "score",
            numbers["recall"],
            numbers["top1"],
        )


def harmonic_mean(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def _least_precision(f1: float, recall: float) -> float:
    """The precision whose harmonic mean with `recall` is `f1`."""
    return f1 * recall / (2 * recall - f1)


def _drops() -> Iterator[Check]:
    computed = printed_column("table6", "drop")
    for row, printed in printed_drops().items():
        what = f"{row}: student less teacher"
        yield check("Drops of table 6", "table 6", what, "difference", printed, computed[row])


def _other_tables() -> Iterator[Check]:
    part = "One table against another"
    table3 = printed_rows("table3")["VGG16-BN"]
    for metric in ("top1", "top5"):
        printed = printed_column("table2", metric)["VGG16-BN"]
        what = f"VGG16-BN, {metric.replace('top', 'top-')}: table 3"
        yield check(part, "table 2", what, "accuracy", printed, table3[metric])
    table4, last = printed_column("table4", "top1"), printed_rows("table6")[OURS]
    for row, printed in (("VGG16-BN", last["top1_teacher"]), ("TITN", last["top1_student"])):
        what = f"{row} on CIFAR-10, top-1: table 4"
        yield check(part, "table 6", what, "accuracy", printed, table4[row])


def _prose() -> Iterator[Check]:
    part = "The text against the tables"
    for line in printed_table("prose").fillna("").to_dict("records"):
        numbers = table_by_row(line["table"])
        if line["role"]:
            numbers = numbers[numbers.role == line["role"]]
        column = numbers[line["metric"]]
        pick = {"": column[line["row"]], "highest": column.max(), "lowest": column.min()}
        where = line["table"].replace("table", "table ")
        if line["picked"]:
            where = f"{line['picked']} {line['role']} of {where}"
        yield check(
            part,
            line["section"],
            f"{line['what']}: {where}",
            UNIT_OF[line["metric"]],
            line["printed"],
            pick[line["picked"]],
        )
    top1 = printed_column("table5", "top1")
    for row, (printed, digits) in prose.MNIST_LEADS.items():
        lead, what = top1["TITN"] - top1[row], f"TITN less {row}: table 5"
        yield check(part, "section 4.2, MNIST", what, "difference", printed, lead, digits)


def _images() -> Iterator[Check]:
    part = "Images and classes"
    for what, (total, parts) in prose.IMAGES.items():
        yield check(part, "section 3.3", what, "count", total, sum(parts), 0)
    yield check(
        part,
        "section 3.3.2",
        "CIFAR-10: the classes that are named",
        "count",
        NUM_CLASSES["cifar10"],
        len(prose.CIFAR10_NAMED),
        0,
        note="the bird is missing",
    )
    for what, (accuracy, digits) in prose.FINE_ACCURACIES.items():
        yield check(
            part,
            "section 4.2",
            f"{what}: the nearest share of {prose.TEST_IMAGES:,} test images",
            "accuracy",
            accuracy,
            round(accuracy * prose.TEST_IMAGES) / prose.TEST_IMAGES,
            digits,
            note=f"{accuracy * prose.TEST_IMAGES:.2f} images",
        )
