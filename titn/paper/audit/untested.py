"""What the paper claims and does not test, and which of our sweeps do."""

from titn.paper.audit.findings import Untested

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
