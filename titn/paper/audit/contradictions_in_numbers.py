"""Where numbers of the paper contradict its other numbers, its text, or what they are called."""

from collections.abc import Iterator

from titn.paper import costs
from titn.paper.audit import prose
from titn.paper.audit.batch_means import batch_sizes_of_means
from titn.paper.audit.checks_of_results import harmonic_mean
from titn.paper.audit.findings import Contradiction
from titn.paper.audit.tables import (
    OURS,
    printed_column,
    printed_drops,
    printed_rows,
    student_cost,
    table_by_row,
)
from titn.paper.printed import IMAGENET_CLASSES
from titn.paper.protocol import NUM_CLASSES
from titn.system.text import percent


def contradictions_in_numbers() -> Iterator[Contradiction]:
    yield from _about_sizes()
    yield from _about_results()
    yield from _about_scores()
    yield from _about_experiments()
    yield from _about_table_6()
    yield from _about_columns_of_table_6()


def _about_sizes() -> Iterator[Contradiction]:
    table1 = printed_column("table1", "parameters_m")
    table3 = printed_column("table3", "parameters_m")
    vit, deit = student_cost("ViT"), student_cost("DeiT")
    biased = [student_cost(row, qkv_bias=True) for row in ("ViT", "DeiT")]
    yield Contradiction(
        "Parameters of ViT and DeiT",
        f"Table 1: {table1['ViT']:.2f}M and {table1['DeiT']:.2f}M.",
        f"Table 3: {table3['ViT']:.2f}M and {table3['DeiT']:.2f}M.",
        f"Table 1's sizes give {vit.parameters_m:.3f}M and {deit.parameters_m:.3f}M without a bias "
        f"on queries, keys and values, {biased[0].parameters_m:.3f}M and "
        f"{biased[1].parameters_m:.3f}M with one. Both fit table 3, whose numbers may be cut; "
        "neither fits table 1.",
    )
    flops, parameters = printed_column("table3", "gflops_batch1024"), table3["VGG16-BN"]
    own = costs.vgg16_bn(num_classes=NUM_CLASSES["cifar100"])
    yield Contradiction(
        "The teacher's head",
        f"Table 3, CIFAR-100: {flops['VGG16-BN']:.2f} GFLOPs and {parameters:.2f}M, which is a "
        f"head of {IMAGENET_CLASSES} classes.",
        f"Section 3.3.3: CIFAR-100 has {NUM_CLASSES['cifar100']} classes, with which it would be "
        f"{own.gflops_batch1024:.2f} and {own.parameters_m:.2f}M.",
        "Table 6 counts the teacher of CIFAR-10 with a head of 10.",
    )
    yield Contradiction(
        "What a GFLOP is",
        f"Table 3: TITN has {flops['TITN']:.2f} GFLOPs.",
        f"Its sizes in table 1: {student_cost('TITN').macs / 1e9:.3f} thousand million "
        "multiply-accumulates for an image.",
        f"The column is for a batch of {costs.PRINTED_BATCH}, counts a multiplication with its "
        "addition once, and leaves the attention products out. The paper says none of it.",
    )
    projected = student_cost("TITN", patch_projection=True)
    yield Contradiction(
        "How the image enters the outer path",
        "Section 3.2: the image is split into patches, which have a data flow of their own beside "
        "the pixels'.",
        f"Table 3: {flops['TITN']:.2f} GFLOPs, which leaves no room for a projection of the "
        f"patches (with one: {projected.gflops_batch1024:.2f}).",
        "The outer path can hear of the image only through the patch residuals.",
    )


def _about_results() -> Iterator[Contradiction]:
    table4 = printed_column("table4", "top1")
    last = printed_rows("table6")[OURS]
    yield Contradiction(
        "TITN on CIFAR-10",
        f"Abstract and table 4: {percent(table4['TITN'])}.",
        f"Table 6 and section 4.3: {percent(last['top1_student'])}.",
    )
    lead = printed_column("table5", "top1")["TITN"] - printed_column("table5", "top1")["ViT"]
    yield Contradiction(
        "TITN over ViT on MNIST",
        "Section 4.2: 0.1% higher.",
        f"Table 5: {percent(lead)} points.",
        "The same 0.1 is right for TNT.",
    )
    top1, top5 = printed_column("table3", "top1"), printed_column("table3", "top5")
    yield Contradiction(
        "DeiT on CIFAR-100",
        "Section 4.2 gives ViT twice, with the same numbers, and DeiT never.",
        f"Table 3: DeiT {percent(top1['DeiT'])} and {percent(top5['DeiT'])}.",
    )
    first, (accuracy, _) = next(iter(prose.FINE_ACCURACIES.items()))
    fitting = batch_sizes_of_means()
    yield Contradiction(
        "Accuracies that no test set has",
        f"Section 4.2: {first} {100 * accuracy:g}%.",
        f"Section 3.3.3: {prose.TEST_IMAGES:,} test images, of which that is "
        f"{accuracy * prose.TEST_IMAGES:.2f}.",
        "So for the other numbers of more than two decimals. As a mean over batches that does not "
        "weigh the last, smaller one by its size all three are possible with the paper's batches "
        f"of {prose.BATCH_SIZE} and a last one of {prose.TEST_IMAGES % prose.BATCH_SIZE}; of "
        f"{len(prose.BATCH_SIZES)} usual sizes only {' and '.join(map(str, fitting))} allow it. "
        "So it seems that such means are printed, and not accuracies.",
    )


def _about_scores() -> Iterator[Contradiction]:
    table3 = table_by_row("table3")
    loose = [
        row
        for row, numbers in printed_rows("table3").items()
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
        f"Section 3.3.3: {prose.TEST_IMAGES // NUM_CLASSES['cifar100']} test images of every "
        "class.",
        "Over all images the two are equal there. A mean over classes can be lower, where classes "
        "that are seldom predicted are predicted wrongly; how it was averaged is not said.",
    )


def _about_experiments() -> Iterator[Contradiction]:
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
    before = printed_column("table6", "top1_teacher")
    after = printed_column("table6", "top1_student")
    drop = printed_column("table6", "drop")
    millions = printed_column("table6", "parameters_student_m")
    for row, printed in printed_drops().items():
        if abs(printed - drop[row]) > 0.00005:
            yield Contradiction(
                f"The drop of {row}",
                f"Table 6 prints {percent(-printed)} points.",
                f"Its own accuracies, {percent(before[row])} and {percent(after[row])}, are "
                f"{percent(-drop[row])} apart.",
            )
    others = [row for row in drop if row != OURS]
    less = [row for row in others if drop[row] > drop[OURS]]
    # What section 4.3 calls transformer-based: the teacher of each is one.
    named = [row for row in others if not row.startswith("ResNet")]
    yield Contradiction(
        "“Minimal accuracy reduction”",
        f"Section 4.3: {percent(-drop[OURS])} points, which shows the method's robustness.",
        f"Table 6: {len(less)} of the {len(others)} others drop less, one by "
        f"{percent(-max(drop.values()))}; of the {len(named)} that the section names, "
        f"{len(set(less) & set(named))} do.",
        "Other data, other teachers: a smaller drop would not be a better method either.",
    )
    best = max(named, key=after.__getitem__)
    smaller = [row for row in named if millions[row] < millions[OURS]]
    flops = printed_column("table6", "flops_g")
    yield Contradiction(
        "“Higher accuracy with a relatively smaller model size and computational cost”",
        "Section 4.3 says so of TITN against the transformer-based methods that it names.",
        f"Table 6: {best} ends at {percent(after[best])}, TITN at {percent(after[OURS])}; "
        f"{len(smaller)} of the {len(named)} students have fewer than {millions[OURS]}M "
        "parameters.",
        f"As it is printed, {flops[OURS]:.2f} G, its cost is the highest. If that is of "
        f"{costs.PRINTED_BATCH} images, as in table 3, it is "
        f"{flops[OURS] / costs.PRINTED_BATCH:.3f} G for one and the lowest: the others have "
        f"{min(flops[row] for row in named):g} G or more.",
    )


def _about_columns_of_table_6() -> Iterator[Contradiction]:
    millions = printed_column("table6", "parameters_student_m")
    flops = printed_column("table6", "flops_g")
    teachers = printed_column("table6", "parameters_teacher_m")
    theirs = [flops[row] for row in flops if row != OURS]
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
