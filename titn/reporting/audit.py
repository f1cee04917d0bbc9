"""The paper against itself: its numbers recomputed, its contradictions, what it claims untested.

The left side of a check is read from printed/*.csv, or a constant here where only prose has it; the
right side is computed from other printed numbers or from the formulas of `titn.reporting.costs`.
Nothing is measured.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from titn.reporting import costs
from titn.reporting.markdown import escape, percent, table
from titn.reporting.paper import CLASSES, printed

Verdict = Literal["equal", "within rounding", "differs"]
Unit = Literal["accuracy", "difference", "score", "ratio", "million", "GFLOPs", "count"]

VERDICTS: tuple[Verdict, ...] = ("equal", "within rounding", "differs")

# What a unit is multiplied by on the page, where fractions become percent and percentage points,
# and what it is called there.
SCALE: Mapping[Unit, float] = {"accuracy": 100.0, "difference": 100.0}
SYMBOL: Mapping[Unit, str] = {
    "accuracy": "%",
    "difference": "points",
    "million": "M",
    "GFLOPs": "G",
}
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

IMAGENET_CLASSES = 1000
# How far a printed parameter count may lie from its recomputation, in millions, besides half of
# its last digit: the paper cuts some rows and rounds others.
CUT = 0.005

# Section 4.2, MNIST: by how much TITN is better, and the decimals of the print in percent.
MNIST_LEADS = {"ViT": (0.001, 1), "DeiT": (0.0004, 2), "TNT": (0.001, 1)}
# Section 4.2, figures 4 and 5: accuracies with more than two decimals, and how many.
FINE_ACCURACIES = {
    "VGG16-BN under SGD (figure 5)": (0.798017, 4),
    "VGG16-BN under RMSprop (figure 5)": (0.7340761, 5),
    "SqueezeNet (figure 4)": (0.42336, 3),
}
# Section 3.3: images in all, and the parts that they are said to be.
TEST_IMAGES = 10_000
IMAGES = {
    "MNIST: train and test": (70_000, (60_000, TEST_IMAGES)),
    "CIFAR-10: train and test": (60_000, (50_000, TEST_IMAGES)),
    "CIFAR-10: ten classes of 6,000": (60_000, (6_000,) * 10),
    "CIFAR-100: a hundred classes of 500 and 100": (60_000, (500 + 100,) * 100),
}
# Section 3.3.2.
CIFAR10_NAMED = ("truck", "ship", "frog", "horse", "airplane", "car", "cat", "deer", "dog")

OURS = "VGG16-BN → TITN"
SIZES = "Parameters and GFLOPs"


@dataclass(frozen=True)
class Check:
    """A printed number and its recomputation: fractions, or the unit's own.

    digits: decimals of the print, in percent where the unit is a fraction's.
    """

    part: str
    source: str
    what: str
    unit: Unit
    printed: float
    recomputed: float
    digits: int
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True)
class Contradiction:
    """Two places that cannot both hold, or of which one claims more than the other bears."""

    about: str
    one: str
    other: str
    remark: str = ""


@dataclass(frozen=True)
class Untested:
    """A claim without an experiment; sweeps: ours that test it, none where there is none."""

    claim: str
    section: str
    sweeps: tuple[str, ...]
    remark: str = ""


@dataclass(frozen=True)
class Audit:
    checks: tuple[Check, ...]
    contradictions: tuple[Contradiction, ...]
    untested: tuple[Untested, ...]


def audit() -> Audit:
    checks = (*_sizes(), *_scores(), *_drops(), *_other_tables(), *_prose(), *_images())
    return Audit(checks, tuple(_contradictions()), UNTESTED)


# --- checks ---------------------------------------------------------------------------------


def check(
    part: str,
    source: str,
    what: str,
    unit: Unit,
    said: float,
    recomputed: float,
    digits: int = 2,
    between: tuple[float, float] | None = None,
    note: str = "",
) -> Check:
    """equal: rounded as the print is, the recomputed value is the printed one.

    within rounding: it is so for some value in `between`, where the recomputation may lie because
    the numbers that it started from are rounded themselves. differs: neither.
    """
    half = 0.5 * 10**-digits / SCALE.get(unit, 1.0) * (1 + 1e-6)  # for numbers that binary has not
    low, high = between or (recomputed, recomputed)
    verdict: Verdict = "differs"
    if abs(said - recomputed) <= half:
        verdict = "equal"
    elif low - half <= said <= high + half:
        verdict = "within rounding"
    return Check(part, source, what, unit, said, recomputed, digits, verdict, note)


def _sizes() -> Iterator[Check]:
    for row, millions in _column("table1", "parameters_m").items():
        yield _parameters("table 1", row, millions, _student(row), _as_table_3(row, millions))
    for row, numbers in _rows("table3").items():
        label, cost, note = row, costs.vgg16_bn(num_classes=IMAGENET_CLASSES), ""
        if numbers["role"] == "teacher":
            label += f", head of {IMAGENET_CLASSES} classes"
        else:
            cost = _student(row)
        if row == "TNT":
            second = cost + costs.norm(1, _size(row, "patch_dim"))
            note = f"{second.gflops_batch1024:.4f} if the last norm sees two tokens, as in TITN"
        yield _gflops("table 3", label, numbers["gflops_batch1024"], cost, note)
        yield _parameters("table 3", label, numbers["parameters_m"], cost)
    yield from _teacher_with_its_own_head()
    yield from _sizes_of_table_6()
    yield from _large_patch_ratios()


def _teacher_with_its_own_head() -> Iterator[Check]:
    """What table 3 would print of a teacher that tells CIFAR-100's classes apart."""
    classes = CLASSES["cifar100"]
    label, cost = f"VGG16-BN, head of {classes} classes", costs.vgg16_bn(num_classes=classes)
    numbers = _rows("table3")["VGG16-BN"]
    note = f"the data set of table 3 has {classes} classes"
    yield _gflops("table 3", label, numbers["gflops_batch1024"], cost, note)
    yield _parameters("table 3", label, numbers["parameters_m"], cost, note)


def _sizes_of_table_6() -> Iterator[Check]:
    classes = CLASSES["cifar10"]
    label, last = f"VGG16-BN, head of {classes} classes", _rows("table6")[OURS]
    teacher, student = costs.vgg16_bn(num_classes=classes), _student("TITN", classes)
    yield _gflops("table 6", label, last["flops_g"], teacher)
    yield _parameters("table 6", label, last["parameters_teacher_m"], teacher)
    label = f"TITN, heads of {classes} classes"
    yield _parameters("table 6", label, last["parameters_student_m"], student, digits=1)


def _large_patch_ratios() -> Iterator[Check]:
    flops, large = _column("table3", "gflops_batch1024"), "TITN (large patch)"
    for row in ("TITN", "ViT"):
        yield check(
            SIZES,
            "table 3",
            f"{large}: GFLOPs over those of {row}",
            "ratio",
            flops[large] / flops[row],
            _student(large).macs_paper / _student(row).macs_paper,
            digits=3,
        )


def _gflops(source: str, row: str, said: float, cost: costs.Cost, note: str = "") -> Check:
    what = f"{row}: GFLOPs of {costs.PRINTED_BATCH} images"
    return check(SIZES, source, what, "GFLOPs", said, cost.gflops_batch1024, note=note)


def _parameters(
    source: str, row: str, said: float, cost: costs.Cost, note: str = "", digits: int = 2
) -> Check:
    what, ours = f"{row}: parameters", cost.parameters_m
    between = (ours - CUT, ours + CUT)
    return check(SIZES, source, what, "million", said, ours, digits, between, note)


def _as_table_3(row: str, millions: float) -> str:
    other = _column("table3", "parameters_m")[row]
    return "" if other == millions else f"table 3 prints {other:.2f}"


def _scores() -> Iterator[Check]:
    part, half = "Precision, recall and F1", 0.005
    for row, numbers in _rows("table3").items():
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
    computed = _column("table6", "drop")
    for row, said in _printed_drops().items():
        what = f"{row}: student less teacher"
        yield check("Drops of table 6", "table 6", what, "difference", said, computed[row])


def _other_tables() -> Iterator[Check]:
    part = "One table against another"
    table3 = _rows("table3")["VGG16-BN"]
    for metric in ("top1", "top5"):
        said = _column("table2", metric)["VGG16-BN"]
        what = f"VGG16-BN, {metric.replace('top', 'top-')}: table 3"
        yield check(part, "table 2", what, "accuracy", said, table3[metric])
    table4, last = _column("table4", "top1"), _rows("table6")[OURS]
    for row, said in (("VGG16-BN", last["top1_teacher"]), ("TITN", last["top1_student"])):
        what = f"{row} on CIFAR-10, top-1: table 4"
        yield check(part, "table 6", what, "accuracy", said, table4[row])


def _prose() -> Iterator[Check]:
    part = "The text against the tables"
    for line in printed("prose").fillna("").to_dict("records"):
        numbers = _table(line["table"])
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
    top1 = _column("table5", "top1")
    for row, (said, digits) in MNIST_LEADS.items():
        lead, what = top1["TITN"] - top1[row], f"TITN less {row}: table 5"
        yield check(part, "section 4.2, MNIST", what, "difference", said, lead, digits)


def _images() -> Iterator[Check]:
    part = "Images and classes"
    for what, (total, parts) in IMAGES.items():
        yield check(part, "section 3.3", what, "count", total, sum(parts), 0)
    yield check(
        part,
        "section 3.3.2",
        "CIFAR-10: the classes that are named",
        "count",
        CLASSES["cifar10"],
        len(CIFAR10_NAMED),
        0,
        note="the bird is missing",
    )
    for what, (accuracy, digits) in FINE_ACCURACIES.items():
        yield check(
            part,
            "section 4.2",
            f"{what}: the nearest share of {TEST_IMAGES:,} test images",
            "accuracy",
            accuracy,
            round(accuracy * TEST_IMAGES) / TEST_IMAGES,
            digits,
            note=f"{accuracy * TEST_IMAGES:.2f} images",
        )


def _table(name: str) -> pd.DataFrame:
    """A printed table by row; table 6's drops are what its accuracies say, not what it prints."""
    frame = printed(name).set_index("row")
    if name == "table6":
        frame["drop"] = frame["top1_student"] - frame["top1_teacher"]
    return frame


def _rows(name: str) -> dict[str, dict[str, Any]]:
    """row -> metric -> number."""
    frame = _table(name)
    return {str(row): frame.loc[row].to_dict() for row in frame.index}


def _column(name: str, metric: str) -> dict[str, float]:
    return {str(row): float(value) for row, value in _table(name)[metric].items()}


def _size(row: str, key: str) -> int:
    return int(_column("table1", key)[row])


def _printed_drops() -> dict[str, float]:
    frame = printed("table6")
    return dict(zip(frame["row"], frame["drop"], strict=True))


def _student(
    row: str, num_classes: int = CLASSES["cifar100"], patch_projection: bool = False
) -> costs.Cost:
    """A student's cost from its column in table 1; MixUp changes nothing."""
    row = "TITN" if row == "TITN (MixUp)" else row
    keys = ["image_size", "patch_dim", "patch_size", "depth"]
    sizes: dict[str, Any] = {key: _size(row, key) for key in keys} | {"num_classes": num_classes}
    if row in ("ViT", "DeiT"):
        return costs.vit(distillation_token=row == "DeiT", **sizes)
    return costs.titn(
        distillation_token=row != "TNT",
        pixel_dim=_size(row, "pixel_dim"),
        pixel_size=_size(row, "pixel_size"),
        patch_projection=patch_projection,
        **sizes,
    )


# --- contradictions -------------------------------------------------------------------------


def _contradictions() -> Iterator[Contradiction]:
    yield from _about_sizes()
    yield from _about_results()
    yield from _about_table_6()
    yield from _about_the_method()
    yield from _about_claims()


def _about_sizes() -> Iterator[Contradiction]:
    table1, table3 = _column("table1", "parameters_m"), _column("table3", "parameters_m")
    vit, deit = _student("ViT"), _student("DeiT")
    yield Contradiction(
        "Parameters of ViT and DeiT",
        f"Table 1: {table1['ViT']:.2f}M and {table1['DeiT']:.2f}M.",
        f"Table 3: {table3['ViT']:.2f}M and {table3['DeiT']:.2f}M.",
        f"Table 1's sizes give {vit.parameters_m:.3f}M and {deit.parameters_m:.3f}M without a bias "
        "on queries, keys and values: table 3 is right.",
    )
    flops, parameters = _column("table3", "gflops_batch1024"), table3["VGG16-BN"]
    own = costs.vgg16_bn(num_classes=CLASSES["cifar100"])
    yield Contradiction(
        "The teacher's head",
        f"Table 3, CIFAR-100: {flops['VGG16-BN']:.2f} GFLOPs and {parameters:.2f}M, which is a "
        f"head of {IMAGENET_CLASSES} classes.",
        f"Section 3.3.3: CIFAR-100 has {CLASSES['cifar100']} classes, with which it would be "
        f"{own.gflops_batch1024:.2f} and {own.parameters_m:.2f}M.",
        "Table 6 counts the teacher of CIFAR-10 with a head of 10.",
    )
    yield Contradiction(
        "What a GFLOP is",
        f"Table 3: TITN has {flops['TITN']:.2f} GFLOPs.",
        f"Its sizes in table 1: {_student('TITN').macs / 1e9:.3f} thousand million "
        "multiply-accumulates for an image.",
        f"The column is for a batch of {costs.PRINTED_BATCH}, counts a multiplication with its "
        "addition once, and leaves the attention products out. The paper says none of it.",
    )
    projected = _student("TITN", patch_projection=True)
    yield Contradiction(
        "How the image enters the outer path",
        "Section 3.2: the image is split into patches, which have a data flow of their own beside "
        "the pixels'.",
        f"Table 3: {flops['TITN']:.2f} GFLOPs, which leaves no room for a projection of the "
        f"patches (with one: {projected.gflops_batch1024:.2f}).",
        "The outer path can hear of the image only through the patch residuals.",
    )


def _about_results() -> Iterator[Contradiction]:
    table3, table4 = _table("table3"), _column("table4", "top1")
    last = _rows("table6")[OURS]
    yield Contradiction(
        "TITN on CIFAR-10",
        f"Abstract and table 4: {percent(table4['TITN'])}.",
        f"Table 6 and section 4.3: {percent(last['top1_student'])}.",
    )
    lead = _column("table5", "top1")["TITN"] - _column("table5", "top1")["ViT"]
    yield Contradiction(
        "TITN over ViT on MNIST",
        "Section 4.2: 0.1% higher.",
        f"Table 5: {percent(lead)} points.",
        "The same 0.1 is right for TNT.",
    )
    top1, top5 = _column("table3", "top1"), _column("table3", "top5")
    yield Contradiction(
        "DeiT on CIFAR-100",
        "Section 4.2 gives ViT twice, with the same numbers, and DeiT never.",
        f"Table 3: DeiT {percent(top1['DeiT'])} and {percent(top5['DeiT'])}.",
    )
    first, (accuracy, _) = next(iter(FINE_ACCURACIES.items()))
    yield Contradiction(
        "Accuracies that no test set has",
        f"Section 4.2: {first} {100 * accuracy:g}%.",
        f"Section 3.3.3: {TEST_IMAGES:,} test images, of which that is "
        f"{accuracy * TEST_IMAGES:.2f}.",
        "So for the other numbers of more than two decimals. A mean over batches of which the last "
        "is smaller could be so; it is not the accuracy.",
    )
    loose = [
        row
        for row, numbers in _rows("table3").items()
        if harmonic_mean(numbers["precision"], numbers["recall"]) < numbers["f1"] - 0.005
    ]
    yield Contradiction(
        "F1",
        f"Table 3: for {', '.join(loose)} F1 is above the harmonic mean of the printed "
        "precision and recall.",
        "A mean of the classes' F1 cannot be above the harmonic mean of their mean precision and "
        "mean recall.",
        "Rounding allows it where precision lies near the upper end of what rounds to the print. "
        "Every row fits an F1 that was computed from the two means, and not class by class.",
    )
    gap = (table3.recall - table3.precision).max()
    yield Contradiction(
        "Precision below recall",
        f"Table 3: recall is top-1 in every row, and precision lower by up to {gap:.2f}.",
        f"Section 3.3.3: {TEST_IMAGES // CLASSES['cifar100']} test images of every class.",
        "Over all images the two are equal there. A mean over classes can be lower, where classes "
        "that are seldom predicted are predicted wrongly; how it was averaged is not said.",
    )
    yield Contradiction(
        "What the test set is for",
        "Section 3.3.1: the model is tested on data that it has never seen.",
        "Section 4.2: teachers and students are compared by their maximum test accuracy, and the "
        "teacher is chosen by it.",
        "The best epoch and the best of eight teachers were picked on the images that they are "
        "reported on.",
    )
    yield Contradiction(
        "Figure 5",
        "Its caption: CIFAR-100 with VGG16-BN as teacher.",
        "Section 4.2: the test accuracy of VGG16-BN itself under three optimizers.",
        "Two are given as numbers, Adam's is not.",
    )
    yield Contradiction(
        "Where the teachers come from",
        "Section 3.5.3 and figure 4: pre-trained.",
        "Section 4.2: test accuracy over 600 epochs of training on CIFAR-100.",
        "On what they were trained before, if they were, is not said.",
    )


def _about_table_6() -> Iterator[Contradiction]:
    before, after = _column("table6", "top1_teacher"), _column("table6", "top1_student")
    drop, millions = _column("table6", "drop"), _column("table6", "parameters_student_m")
    for row, said in _printed_drops().items():
        if abs(said - drop[row]) > 0.00005:
            yield Contradiction(
                f"The drop of {row}",
                f"Table 6 prints {percent(-said)} points.",
                f"Its own accuracies, {percent(before[row])} and {percent(after[row])}, are "
                f"{percent(-drop[row])} apart.",
            )
    others = [row for row in drop if row != OURS]
    less = [row for row in others if drop[row] > drop[OURS]]
    yield Contradiction(
        "“Minimal accuracy reduction”",
        f"Section 4.3: {percent(-drop[OURS])} points, which shows the method's robustness.",
        f"Table 6: {len(less)} of the {len(others)} others drop less, one by "
        f"{percent(-max(drop.values()))}.",
        "Other data, other teachers: a smaller drop would not be a better method either.",
    )
    best = max(others, key=after.__getitem__)
    smaller = [row for row in others if millions[row] < millions[OURS]]
    yield Contradiction(
        "“Higher accuracy with a smaller model and less computation”",
        "Section 4.3 says so of TITN against the transformers of table 6.",
        f"Table 6: {best} ends at {percent(after[best])}, TITN at {percent(after[OURS])}; "
        f"{len(smaller)} of the {len(others)} other students have fewer than {millions[OURS]}M "
        "parameters; no other row has more FLOPs.",
    )
    flops, teachers = _column("table6", "flops_g"), _column("table6", "parameters_teacher_m")
    theirs = [flops[row] for row in others]
    yield Contradiction(
        "Units in one column",
        f"Table 6, ours: {flops[OURS]:.2f} G, the teacher's multiply-accumulates of "
        f"{costs.PRINTED_BATCH} images ({flops[OURS] / costs.PRINTED_BATCH:.3f} G for one).",
        f"Table 6, the others: {min(theirs):g} to {max(theirs):g} G, as such networks have for one "
        "image.",
    )
    swin = "Swin-Tiny → EfficientNet-B0"
    yield Contradiction(
        "Swin-Tiny",
        f"Table 6: {teachers[swin]:g}M parameters before and {millions[swin]:g}M after.",
        f"Table 6, same row: {flops[swin]:g} G.",
        "One number stands in two columns of different units, and makes the teacher hardly larger "
        "than the student.",
    )
    yield Contradiction(
        "References",
        "Table 6 takes “Attn. Probe” from [60]; section 2.3 takes a study of distillation by Cho "
        "et al. from [48].",
        "[60] is about sediments under the ground, [48] is by Yang et al.; Cho and Hariharan are "
        "[53].",
    )


def _about_the_method() -> Iterator[Contradiction]:
    yield Contradiction(
        "Hard or soft labels",
        "Section 3.5.3 and equation 10: the teacher's label, the class of its highest prediction.",
        "Sections 3.6 and 4.4: the teacher's soft label.",
    )
    yield Contradiction(
        "How the losses are joined",
        "Equation 10: alpha times the one and 1 - alpha times the other, at 0.5.",
        "Algorithm 2: a base loss plus a distillation loss, without weights.",
        "Algorithm 2 also makes the distillation token, and from it the mixed label, out of the "
        "student's and the teacher's predictions; in section 3.5.3 the token is the student's.",
    )
    yield Contradiction(
        "From two tokens to one answer",
        "Algorithm 1: the class and distillation outputs are concatenated.",
        "Section 3.2: each is projected to classes.",
        "Two outputs of k classes side by side are no distribution over k. How a prediction is "
        "made of them is not said.",
    )
    yield Contradiction(
        "Attention heads",
        "Section 3.1.1, text: the heads' outputs are added.",
        "Equation 2: they are concatenated.",
    )
    yield Contradiction(
        "A fully connected layer",
        "Equation 5 multiplies by ⊙.",
        "Below equation 6 that is the element-wise product.",
    )
    yield Contradiction(
        "Augmentation",
        "Section 3.4: AutoAugment, CutMix, crop and flip for “our training dataset”.",
        "Section 4.1: those for CIFAR only; crop, rotation, affine and colour jitter for MNIST.",
    )
    yield Contradiction(
        "CIFAR-10's classes",
        f"Section 3.3.2: {CLASSES['cifar10']} categories.",
        f"The same sentence names {len(CIFAR10_NAMED)}: the bird is missing.",
    )


def _about_claims() -> Iterator[Contradiction]:
    table3 = _table("table3")
    flops, parameters = table3.gflops_batch1024, table3.parameters_m
    top1, top5 = _column("table3", "top1"), _column("table3", "top5")
    more = flops["TITN"] / flops["ViT"] - 1
    yield Contradiction(
        "Speed",
        "Sections 1 and 5: better in execution speed than ViT, DeiT and TNT.",
        "Section 5: “computationally larger in comparison to other methods”.",
        f"Table 3 has TITN {percent(more, 0)}% above ViT in GFLOPs, and no time is printed.",
    )
    yield Contradiction(
        "“Lightweight” by distillation in the feature extraction layer",
        "The abstract says so of TITN.",
        f"Table 3: no student has more than its {parameters['TITN']:.2f}M and {flops['TITN']:.2f} "
        "GFLOPs. Equation 10 compares labels with the outputs; no feature is distilled.",
        "Distillation changes no network's size.",
    )
    yield Contradiction(
        "Semi-supervised, data distillation",
        "Section 1: a semi-supervised method that divides data sets into smaller chunks by data "
        "distillation.",
        "Sections 3.3 and 3.5: the whole training sets, and every image's label in equation 10.",
    )
    best = str(table3[table3.role == "student"].top5.idxmax())
    yield Contradiction(
        "“Unparalleled” top-1 and top-5",
        "The abstract and section 4.4 say so of TITN.",
        f"Table 3: the teacher has {percent(top1['VGG16-BN'])}, TITN {percent(top1['TITN'])}; "
        f"{best} has a higher top-5 ({percent(top5[best])}) than TITN ({percent(top5['TITN'])}). "
        "Table 5: every network's top-5 is 100.",
    )
    cifar10 = _column("table4", "top1")
    yield Contradiction(
        "What the inner transformer is worth",
        "Abstract and section 4.4: attention inside patches is what makes up for patches alone.",
        f"Table 3: TNT, which has it, is {percent(top1['ViT'] - top1['TNT'])} points below ViT, "
        "which has not.",
        f"In table 4 it is {percent(cifar10['TNT'] - cifar10['ViT'])} above.",
    )


# --- untested claims ------------------------------------------------------------------------


UNTESTED = (
    Untested(
        "Distillation is what makes TITN accurate.",
        "4.4",
        ("ablation/distillation", "ablation/teacher"),
        "No TITN without a teacher is printed. TNT differs from it in the token and perhaps in the "
        "teacher too: whether table 3's ViT and TNT are distilled is not said.",
    ),
    Untested(
        "A loss with CutMix is better.",
        "1, 3.5",
        ("ablation/mix", "paper/table3"),
        "CutMix is compared with MixUp; a row without a mix is not printed.",
    ),
    Untested(
        "The loss is novel and the right one: hard labels, alpha 0.5.",
        "1, 3.5.3",
        ("ablation/distillation",),
        "No other alpha and no soft label is tried. At alpha 0.5 it is DeiT's hard distillation "
        "with mixed labels.",
    ),
    Untested(
        "A distillation token learns from the teacher what the class token does not.",
        "3.6",
        ("ablation/tokens",),
        "No student with a teacher and without the token is said to be one.",
    ),
    Untested(
        "The student learns faster, by its teacher and by its loss.",
        "1, 3.6, 4.4, 5",
        ("ablation/learning_speed",),
        "No TITN without a teacher or with another loss is shown.",
    ),
    Untested(
        "It is faster in execution.",
        "1, 5",
        ("ablation/latency",),
        "No time and no hardware's throughput is printed.",
    ),
    Untested(
        "It needs less data; distillation makes up for limited training data.",
        "abstract, 1, 3, 4.4",
        ("ablation/data_fraction",),
        "Every network is trained on all of every data set.",
    ),
    Untested(
        "It needs fewer resources to train.",
        "abstract, 1",
        ("ablation/learning_speed",),
        "Neither hours nor memory are printed. The teacher has to be trained, too.",
    ),
    Untested(
        "Attention inside patches finds local features that patches miss.",
        "abstract, 1, 4.4",
        ("ablation/student", "ablation/pixel_width", "ablation/inner_heads"),
        "In table 3 TNT, which has it, is below ViT.",
    ),
    Untested(
        "An ablation validates the chosen parameters and settings.",
        "abstract",
        ("ablation/patch_size", "ablation/mix", "ablation/depth", "ablation/pixel_width"),
        "Two are varied, and each once: the patch, together with the pixel, and the mix.",
    ),
    Untested(
        "A proficient teacher is imperative.",
        "4.2",
        ("ablation/teacher",),
        "Eight teachers are compared with each other; one of them has students.",
    ),
    Untested(
        "SGD is the best of three optimizers.",
        "4.2, figure 5",
        ("paper/figure5", "ablation/optimizer_teacher", "ablation/optimizer"),
        "For the teacher alone, without a number for Adam, without the rates of the other two.",
    ),
    Untested(
        "VGG16-BN converges faster than the other teachers.",
        "4.2, figure 4",
        ("paper/figure4",),
        "Read off one curve each.",
    ),
    Untested(
        "The differences are the networks', not chance.",
        "4.2, 4.4",
        ("paper/table3", "paper/table4", "paper/table5"),
        "No row has a second seed or an interval. TITN's lead over DeiT on MNIST, 0.04 points, is "
        "4 of 10,000 images.",
    ),
    Untested(
        "It overfits less and generalises better.",
        "4.4",
        ("ablation/distillation",),
        "No accuracy on training images is printed; our records have it.",
    ),
    Untested(
        "It is better than other methods of distillation.",
        "4.3",
        (),
        "Table 6 quotes them from other papers, on other data; none was run.",
    ),
    Untested("It is robust.", "abstract, 4.3", (), "Tested on clean images only."),
    Untested(
        "It discriminates weakly labelled data.", "1", (), "All labels of the three sets are whole."
    ),
    Untested("It localises spatial features better.", "1", (), "Nothing is localised."),
    Untested(
        "It is for small devices and real time, where other transformers are not.",
        "1",
        ("ablation/latency",),
        "It was run on one GPU of 16 GB.",
    ),
)


# --- the page -------------------------------------------------------------------------------


def page(audit: Audit) -> str:
    """The audit in Markdown: fractions as percent and percentage points, differences in bold."""
    sections = [
        "# The paper's numbers, recomputed",
        "What the paper prints, beside what follows from its other numbers and from closed "
        "formulas for the networks that it describes. Nothing here was measured.",
        summary(audit),
        "*Equal*: rounded as the print is, the recomputed number is the printed one. *Within "
        "rounding*: it can be, because the numbers that it was computed from are rounded "
        "themselves, or because the print was cut and not rounded (parameters: within 0.01 "
        "million). *Differs*: it cannot be.",
        "## Numbers",
        *_tables_of(audit.checks),
        "## Contradictions",
        "\n".join(_bullet(one) for one in audit.contradictions),
        "## Claimed and not tested",
        table(
            ("claim", "section", "asked here by", "what is missing"),
            [_untested_row(one) for one in audit.untested],
            left=4,
        ),
    ]
    return "\n\n".join(sections) + "\n"


def summary(audit: Audit) -> str:
    """How much was found, in a sentence."""
    equal, within, differ = (
        sum(one.verdict == verdict for one in audit.checks) for verdict in VERDICTS
    )
    return (
        f"{len(audit.checks)} checks of printed numbers: {equal} equal, {within} within rounding, "
        f"{differ} differ; contradictions: {len(audit.contradictions)}; claims without a test: "
        f"{len(audit.untested)}."
    )


def _tables_of(checks: tuple[Check, ...]) -> Iterator[str]:
    for part in dict.fromkeys(one.part for one in checks):
        yield f"### {part}"
        yield table(
            ("what", "where", "verdict", "note", "unit", "printed", "recomputed"),
            [_check_row(one) for one in checks if one.part == part],
            left=4,
        )


def _check_row(one: Check) -> list[str]:
    verdict = f"**{one.verdict}**" if one.verdict == "differs" else one.verdict
    return [
        escape(one.what),
        escape(one.source),
        verdict,
        escape(one.note),
        SYMBOL.get(one.unit, ""),
        shown(one.printed, one.unit, one.digits),
        shown(one.recomputed, one.unit, one.digits),
    ]


def shown(value: float, unit: Unit, digits: int) -> str:
    """With `digits` decimals, and up to two more that are not zero."""
    whole, _, decimals = f"{value * SCALE.get(unit, 1.0):.{digits + 2}f}".partition(".")
    decimals = decimals[:digits] + decimals[digits:].rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


def _bullet(one: Contradiction) -> str:
    said = " ".join(filter(None, [one.one, one.other, one.remark]))
    return f"- **{escape(one.about)}.** {escape(said)}"


def _untested_row(one: Untested) -> list[str]:
    sweeps = ", ".join(f"`{sweep}`" for sweep in one.sweeps) or "–"
    return [escape(one.claim), escape(one.section), sweeps, escape(one.remark)]


def frame(audit: Audit) -> pd.DataFrame:
    """The checks, a line each; accuracies and differences are fractions."""
    columns = [asdict(one) for one in audit.checks]
    return pd.DataFrame(columns).drop(columns="digits")
