"""Where the paper's description of its method, or what it claims, contradicts the rest of it."""

from collections.abc import Iterator

from titn.paper.audit import prose
from titn.paper.audit.findings import Contradiction
from titn.paper.audit.tables import printed_column, table_by_row
from titn.paper.protocol import NUM_CLASSES
from titn.system.text import percent


def contradictions_in_words() -> Iterator[Contradiction]:
    yield from _about_the_method()
    yield from _about_claims()


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
        f"Section 3.3.2: {NUM_CLASSES['cifar10']} categories.",
        f"The same sentence names {len(prose.CIFAR10_NAMED)}: the bird is missing.",
    )


def _about_claims() -> Iterator[Contradiction]:
    table3 = table_by_row("table3")
    flops, parameters = table3.gflops_batch1024, table3.parameters_m
    top1, top5 = printed_column("table3", "top1"), printed_column("table3", "top5")
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
    cifar10 = printed_column("table4", "top1")
    yield Contradiction(
        "What the inner transformer is worth",
        "Abstract and section 4.4: attention inside patches is what makes up for patches alone.",
        f"Table 3: TNT, which has it, is {percent(top1['ViT'] - top1['TNT'])} points below ViT, "
        "which has not.",
        f"In table 4 it is {percent(cifar10['TNT'] - cifar10['ViT'])} above.",
    )
