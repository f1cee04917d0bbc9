import pytest

from titn.paper import audit as audits
from titn.paper.audit import Audit, Check, Contradiction, Untested
from titn.paper.audit.batch_means import is_mean_over_batches
from titn.paper.audit.findings import check
from titn.reporting.audit_page import frame, page, shown


@pytest.fixture(scope="module")
def audit() -> Audit:
    return audits.audit()


@pytest.fixture(scope="module")
def found(audit):
    """The one check of a source whose description begins so."""

    def find(source: str, what: str) -> Check:
        (one,) = [one for one in audit.checks if one.source == source and one.what.startswith(what)]
        return one

    return find


# --- recomputations, by hand ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "difference", "verdict"),
    [
        ("ResNet110 → ResNet20", -0.0261, "equal"),  # 71.70 - 74.31
        ("ResNet56 → ResNet20", -0.0194, "differs"),  # 70.06 - 72.00; printed 2.06
        ("ResNet110 → ResNet32", -0.0123, "equal"),  # 73.08 - 74.31
        ("DeiT → DeiT Tiny", -0.0448, "differs"),  # 71.82 - 76.30; printed 5.10
        ("Swin-L → ResNet50", -0.1104, "equal"),  # 76.28 - 87.32
        ("VGG16-BN → TITN", -0.0393, "equal"),  # 92.05 - 95.98
    ],
)
def test_drops_of_table_6(found, row, difference, verdict):
    one = found("table 6", f"{row}: student less teacher")
    assert one.recomputed == pytest.approx(difference)
    assert one.verdict == verdict


@pytest.mark.parametrize(
    ("row", "mean", "verdict"),
    [
        # 2 x 0.77 x 0.80 / 1.57 rounds to 0.78, not to the printed 0.79; 0.775 and 0.805 do.
        ("VGG16-BN", 0.784713, "within rounding"),
        ("ViT", 0.678676, "equal"),  # 2 x 0.65 x 0.71 / 1.36
        ("DeiT", 0.724690, "within rounding"),  # 2 x 0.71 x 0.74 / 1.45, printed 0.73
        ("TITN", 0.734694, "within rounding"),  # 2 x 0.72 x 0.75 / 1.47, printed 0.74
        ("TITN (large patch)", 0.608525, "equal"),  # 2 x 0.58 x 0.64 / 1.22
    ],
)
def test_f1_of_printed_precision_and_recall(found, row, mean, verdict):
    one = found("table 3", f"{row}: F1")
    assert one.recomputed == pytest.approx(mean, abs=1e-6)
    assert one.verdict == verdict


def test_the_print_of_vit_and_deit_fits_with_and_without_a_bias(found):
    # 5,391,652 and 5,411,336, and 12 biases of 576.
    assert found("table 3", "ViT: parameters").note.startswith("5.399 with a bias")
    assert found("table 3", "DeiT: parameters").note.startswith("5.418 with a bias")


def test_titns_f1_needs_a_precision_near_the_upper_end(found):
    # F1 0.735 with recall 0.7471: 0.735 x 0.7471 / (1.4942 - 0.735) = 0.7233; 0.72 ends at 0.725.
    assert "0.7233" in found("table 3", "TITN: F1").note


@pytest.mark.parametrize("row", ["VGG16-BN", "ViT", "DeiT", "TNT", "TITN", "TITN (MixUp)"])
def test_recall_is_top_1(found, row):
    assert found("table 3", f"{row}: recall").verdict == "equal"


@pytest.mark.parametrize(
    ("row", "lead", "verdict"),
    [("ViT", 0.0016, "differs"), ("DeiT", 0.0004, "equal"), ("TNT", 0.001, "equal")],
)
def test_leads_on_mnist(found, row, lead, verdict):
    # 99.56 less 99.40, 99.52 and 99.46; the text says 0.1, 0.04 and 0.1.
    one = found("section 4.2, MNIST", f"TITN less {row}")
    assert one.recomputed == pytest.approx(lead)
    assert one.verdict == verdict


# torchvision's VGG-16 with batch normalisation has 138,365,992 parameters; each class of its head
# is 4,097 of them.
@pytest.mark.parametrize(
    ("source", "what", "millions", "verdict"),
    [
        ("table 3", "VGG16-BN, head of 1000 classes: parameters", 138.365992, "within rounding"),
        ("table 3", "VGG16-BN, head of 100 classes: parameters", 134.678692, "differs"),
        ("table 6", "VGG16-BN, head of 10 classes: parameters", 134.309962, "within rounding"),
    ],
)
def test_parameters_of_the_teacher(found, source, what, millions, verdict):
    one = found(source, what)
    assert one.recomputed == pytest.approx(millions, abs=1e-9)
    assert one.verdict == verdict


# --- verdicts on what is printed ------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "what", "verdict"),
    [
        ("table 1", "ViT: parameters", "differs"),
        ("table 1", "DeiT: parameters", "differs"),
        ("table 1", "TNT: parameters", "equal"),
        ("table 1", "TITN (large patch): parameters", "equal"),
        ("table 3", "ViT: parameters", "equal"),
        ("table 3", "DeiT: GFLOPs", "equal"),
        ("table 3", "TNT: GFLOPs", "differs"),
        ("table 3", "TITN (MixUp): GFLOPs", "equal"),
        ("table 3", "TITN (large patch): GFLOPs of", "equal"),
        ("table 3", "VGG16-BN, head of 1000 classes: GFLOPs", "equal"),
        ("table 3", "VGG16-BN, head of 100 classes: GFLOPs", "differs"),
        ("table 6", "VGG16-BN, head of 10 classes: GFLOPs", "equal"),
        ("table 6", "TITN, heads of 10 classes: parameters", "equal"),
        ("table 6", "TITN on CIFAR-10", "differs"),
        ("section 4.2, figure 5", "VGG16-BN under SGD", "equal"),
        ("section 4.2, figure 4", "SqueezeNet", "equal"),
        ("section 4.3", "DeiT → DeiT Tiny", "differs"),
        ("section 4.2", "VGG16-BN under SGD (figure 5): the nearest share", "differs"),
        ("section 3.3.2", "CIFAR-10: the classes", "differs"),
    ],
)
def test_verdicts(found, source, what, verdict):
    assert found(source, what).verdict == verdict


def test_the_abstract_agrees_with_the_tables(audit):
    verdicts = [one.verdict for one in audit.checks if one.source == "abstract"]
    assert verdicts == ["equal"] * 5


def test_the_only_contradiction_of_the_texts_with_the_tables(audit):
    differing = [
        one.what
        for one in audit.checks
        if one.part == "The text against the tables" and one.verdict == "differs"
    ]
    assert differing == ["DeiT → DeiT Tiny, drop: table 6", "TITN less ViT: table 5"]


# --- what a verdict is ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recomputed", "between", "verdict"),
    [
        (0.7344, None, "equal"),
        (0.735, None, "equal"),  # half of the last digit, in numbers that binary has not
        (0.7361, None, "differs"),
        (0.7361, (0.7340, 0.7380), "within rounding"),
        (0.7361, (0.7356, 0.7366), "differs"),
    ],
)
def test_a_verdict_on_a_printed_score(recomputed, between, verdict):
    one = check("part", "table", "what", "score", 0.73, recomputed, between=between)
    assert one.verdict == verdict


def test_a_fractions_digits_are_those_of_percent():
    assert check("part", "table", "what", "accuracy", 0.7471, 0.74714).verdict == "equal"
    assert check("part", "table", "what", "accuracy", 0.7471, 0.74716).verdict == "differs"


@pytest.mark.parametrize(
    ("value", "unit", "digits", "text"),
    [
        (0.798, "accuracy", 2, "79.80"),
        (0.798017, "accuracy", 2, "79.8017"),
        (-0.051, "difference", 2, "-5.10"),
        (5.391652, "million", 2, "5.3917"),
        (60000, "count", 0, "60000"),
    ],
)
def test_numbers_as_the_page_has_them(value, unit, digits, text):
    assert shown(value, unit, digits) == text


# --- the page and the table -----------------------------------------------------------------


SMALL = Audit(
    checks=(
        Check("Drops", "table 6", "A → B", "difference", -0.051, -0.0448, 2, "differs", "a|b"),
        Check("Sizes", "table 1", "C", "million", 5.85, 5.85218, 2, "equal"),
    ),
    contradictions=(Contradiction("Heads", "Text: added.", "Equation 2: concatenated."),),
    untested=(
        Untested("It is fast.", "5", ("ablation/latency",), "No time."),
        Untested("It is robust.", "4.3", ()),
    ),
)


@pytest.mark.parametrize(
    "line",
    [
        "2 checks of printed numbers: 1 equal, 0 within rounding, 1 differ; contradictions: 1; "
        "claims without a test: 2.",
        "### Drops",
        r"| A → B | table 6 | **differs** | a\|b | points | -5.10 | -4.48 |",
        "| C | table 1 | equal |  | M | 5.85 | 5.8522 |",
        "- **Heads.** Text: added. Equation 2: concatenated.",
        "| It is fast. | 5 | `ablation/latency` | No time. |",
        "| It is robust. | 4.3 | – |  |",
    ],
)
def test_the_page_has_a_line(line):
    assert line in page(SMALL).splitlines()


def test_the_table_has_fractions():
    (first, _) = frame(SMALL).to_dict("records")
    assert first == {
        "part": "Drops",
        "source": "table 6",
        "what": "A → B",
        "unit": "difference",
        "printed": -0.051,
        "recomputed": -0.0448,
        "verdict": "differs",
        "note": "a|b",
    }


@pytest.mark.parametrize(
    "number",
    [
        "5.36M",  # table 1's ViT
        "134.68M",  # the teacher with a head of 100 classes
        "112.00",  # TITN with a projection of the patches
        "7980.17",  # 79.8017% of the test images
        "5 of the 8 others drop less",
        "92.70",  # EfficientNet-B0 above TITN
        "2.32 points",  # 70.79 - 68.47
        "5.399M and 5.418M with one",  # ViT and DeiT with a bias on queries, keys and values
        "2 of the 5 students have fewer than 5.8M",  # DeiT Tiny 2.38M and EfficientNet-B0 4.7M
        "of the 5 that the section names, 2 do",  # ViT-B drops by 2.63, Swin-Tiny by 1.80
        "0.434 G for one and the lowest: the others have 1.38 G",  # 444.32 / 1024
        "in top-5, 99.80 on CIFAR-10. Table 4: its teacher has 95.98 and 99.92",
        "7.97% of the images are classified wrongly, by the teacher 4.02%",
        "2.0 times as many mistakes",
        "a last one of 784; of 14 usual sizes only 1024 and 4096",  # 10,000 - 9 x 1,024
    ],
)
def test_the_contradictions_have_their_numbers(audit, number):
    said = [" ".join((one.first, one.second, one.remark)) for one in audit.contradictions]
    assert any(number in text for text in said)


@pytest.mark.parametrize(
    ("accuracy", "size", "num_images", "possible"),
    [
        # Four images in batches of two: halves and quarters of right ones.
        (0.75, 2, 4, True),
        (0.7, 2, 4, False),
        # Three images, the last batch of one: (1/2 + 1) / 2, which is no share of three images.
        (0.75, 2, 3, True),
        (2 / 3, 2, 3, False),
        (1.0, 2, 3, True),
    ],
)
def test_a_mean_over_batches_by_hand(accuracy, size, num_images, possible):
    assert is_mean_over_batches(accuracy, 4, size, num_images) == possible
