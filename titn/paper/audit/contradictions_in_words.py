"""Where the paper's description of its method, or what it claims, contradicts the rest of it."""

from collections.abc import Iterator

from titn.paper.audit import prose
from titn.paper.audit.findings import Contradiction
from titn.paper.audit.tables import printed_column, table_by_row
from titn.paper.protocol import NUM_CLASSES
from titn.system.text import percent


def contradictions_in_words() -> Iterator[Contradiction]:
    yield from _about_the_method()
    yield from _about_symbols()
    yield from _about_references()
    yield from _about_claims()
    yield from _about_accuracies()


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
        "One pass through the network",
        "Algorithm 1: an inner block on each patch, one outer block on all, two tokens.",
        "Section 3.2, table 1: twelve layers of both, a path of the patches of its own, "
        "and residuals that join the two.",
        "The algorithm has no loop over the depth, no residual and no second path.",
    )
    yield Contradiction(
        "Which network has which loss",
        "Figure 3's caption: CutMix for the student, the cross-entropy for the teacher.",
        "Equation 10: both terms train the student; the teacher is trained before (section 3.5.3).",
    )
    yield Contradiction(
        "Augmentation",
        "Section 3.4: AutoAugment, CutMix, crop and flip for “our training dataset”.",
        "Section 4.1: those for CIFAR only; crop, rotation, affine and colour jitter for MNIST.",
    )
    yield Contradiction(
        "CIFAR-10's classes",
        f"Section 3.3.2: {NUM_CLASSES['cifar10']} categories.",
        f"The same sentence names {len(prose.CIFAR10_NAMED)}: the bird is missing.",
    )


def _about_symbols() -> Iterator[Contradiction]:
    yield Contradiction(
        "The arguments of CutMix's loss",
        "Equation 9: a prediction and two labels.",
        "Equation 10: a token and one label.",
    )
    yield Contradiction(
        "The label of the cross-entropy",
        "Equations 7 and 8, left: l.",
        "Equations 7 and 8, right: y.",
    )
    yield Contradiction(
        "The dimension of a key",
        "Equation 1 divides by the root of d_k.",
        "Below it: the root of d_k is “the dimension of the key vector”.",
        "The dimension is d_k.",
    )
    yield Contradiction(
        "What a multilayer perceptron is applied to",
        "Section 3.1.2: to what self-attention layers give.",
        "Below equation 5: X is the input image.",
    )


def _about_references() -> Iterator[Contradiction]:
    yield Contradiction(
        "Who began to compress models",
        "Section 1: reference [23], of 2016, “initially suggested” it.",
        "Section 2.1: reference [36], of 2006, developed it.",
    )
    yield Contradiction(
        "References for parts of the network",
        "Section 3.2 cites [52] and [53] for residuals and [54] for a fully connected layer.",
        "[52] is “Knowledge distillation: A survey”, [53] “On the efficacy of knowledge "
        "distillation”, [54] “Relational knowledge distillation”.",
    )
    yield Contradiction(
        "How to choose a teacher",
        "Section 2.3: a bigger model may not be a better teacher.",
        "Section 4.2: of eight teachers the one with the highest accuracy of its own is chosen.",
        "No student under one of the other seven is printed.",
    )


def _about_claims() -> Iterator[Contradiction]:
    table3 = table_by_row("table3")
    flops, parameters = table3.gflops_batch1024, table3.parameters_m
    top1 = printed_column("table3", "top1")
    more = flops["TITN"] / flops["ViT"] - 1
    yield Contradiction(
        "Speed",
        "Section 5: better in execution speed than ViT, DeiT and TNT; section 1: noteworthy "
        "improvements in it.",
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
    cifar10 = printed_column("table4", "top1")
    yield Contradiction(
        "What the inner transformer is worth",
        "Abstract and section 4.4: attention inside patches is what makes up for patches alone.",
        f"Table 3: TNT, which has it, is {percent(top1['ViT'] - top1['TNT'])} points below ViT, "
        "which has not.",
        f"In table 4 it is {percent(cifar10['TNT'] - cifar10['ViT'])} above.",
    )


def _about_accuracies() -> Iterator[Contradiction]:
    table3, table4 = table_by_row("table3"), table_by_row("table4")
    ours, teacher = table4.top1["TITN"], table4.top1["VGG16-BN"]
    yield Contradiction(
        "“Unparalleled”",
        f"The abstract says so of TITN's {percent(ours)} and, in top-5, "
        f"{percent(table4.top5['TITN'])} on CIFAR-10.",
        f"Table 4: its teacher has {percent(teacher)} and {percent(table4.top5['VGG16-BN'])}.",
        "Of the students of table 4 it has the highest of both.",
    )
    best = str(table3[table3.role == "student"].top5.idxmax())
    yield Contradiction(
        "“Unparalleled” on all three data sets",
        "Section 4.4 says so of TITN's top-1 and top-5.",
        f"Tables 3 to 5: the teacher is above it on each. Table 3: {best} has a higher top-5 "
        f"({percent(table3.top5[best])}) than TITN ({percent(table3.top5['TITN'])}).",
        "On MNIST every network's top-5 is 100 (table 5).",
    )
    quoted = printed_column("table6", "top1_student")["Swin-Tiny → EfficientNet-B0"]
    yield Contradiction(
        "“New accuracy benchmarks”",
        "Section 4.4 says that TITN sets them on all data sets.",
        f"Table 4: {percent(ours)}; table 6 quotes a student with {percent(quoted)}, on data that "
        f"it does not name, and TITN's own teacher has {percent(teacher)}.",
    )
    yield Contradiction(
        "“Closely rivalling the teacher”",
        f"Section 4.2, CIFAR-10: {percent(ours)} after the teacher's {percent(teacher)}.",
        f"Table 4: {percent(1 - ours)}% of the images are classified wrongly, by the teacher "
        f"{percent(1 - teacher)}%.",
        f"{(1 - ours) / (1 - teacher):.1f} times as many mistakes.",
    )
