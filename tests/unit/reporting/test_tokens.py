"""What the two tokens and the teacher say of the same images, counted by hand on eight of them."""

import numpy as np
import pytest

from tests.unit.reporting.conftest import samples
from titn.records.run_dir import RunDir
from titn.reporting.comparisons.teachers import are_teachers_ranked_by_one, teacher_agreements
from titn.reporting.comparisons.tokens import compare_tokens

LABELS = [0, 1, 2, 3, 0, 1, 2, 3]
FUSED = [0, 1, 2, 3, 0, 1, 3, 0]  # as conftest.samples has it: six right, the others one too high
CLS = [0, 1, 2, 3, 0, 0, 0, 0]  # five right
DIST = [0, 1, 2, 3, 0, 1, 2, 0]  # seven right
TEACHER = [0, 1, 2, 0, 1, 1, 3, 0]  # four right; of the mistakes 3, 4, 6, 7
HARD = {"loss.alpha": 0.5}


@pytest.fixture
def spoken(runs):
    """A recorded cell with these predictions."""

    def write(row, seed, *, cls=CLS, dist=DIST, teacher=TEACHER, loss=HARD, changes=None, **more):
        token = {"top5": None, "nll": 0.5}
        heads = {"cls": cls, "dist": dist}
        record = {
            head: token | {"top1": sum(map(int.__eq__, said, LABELS)) / 8}
            for head, said in heads.items()
        }
        node = {"_target_": "titn.losses.distillation.Hard"}
        node |= {key.removeprefix("loss."): value for key, value in loss.items()}
        changes = {"loss": node} | (changes or {})
        cell = runs.cell(row, seed, 6, images=8, classes=4, changes=changes, record=record, **more)
        columns = samples(6, 8, 4, 0)
        assert columns["fused"].tolist() == FUSED
        columns |= {head: np.array(said, np.int16) for head, said in heads.items()}
        if teacher is not None:
            columns["teacher"] = np.array(teacher, np.int16)
        RunDir(runs.written[cell.config_hash]).write_samples(columns)
        return cell

    return write


@pytest.fixture
def row(runs, spoken):
    return lambda *cells: runs.one(*cells).rows[0]


def test_tokens_are_counted_apart(row, spoken):
    found = compare_tokens(row(spoken("a", 0)))
    assert (found.cls, found.dist, found.fused) == (5 / 8, 7 / 8, 6 / 8)
    assert found.agreement == 6 / 8
    assert found.teacher == 4 / 8


def test_a_single_seed_has_no_interval_and_decides_nothing(row, spoken):
    found = compare_tokens(row(spoken("a", 0)))
    assert (found.dist_less_cls, found.better) == (None, "neither")


def test_the_difference_is_of_the_same_seeds_and_images(row, spoken):
    found = compare_tokens(row(spoken("a", 0), spoken("a", 1, dist=CLS)))
    assert found.dist_less_cls.estimate == pytest.approx((2 / 8 + 0) / 2)
    assert found.fused_less_cls.estimate == pytest.approx(1 / 8)


def test_a_token_that_is_better_in_most_images_is_the_better_one(row, spoken):
    wrong = [(label + 1) % 4 for label in LABELS]
    # Each seed of the class token knows one image, another one.
    cls = [[*wrong[:i], LABELS[i], *wrong[i + 1 :]] for i in range(3)]
    seeds = [spoken("a", seed, cls=cls[seed], dist=LABELS) for seed in range(3)]
    found = compare_tokens(row(*seeds))
    assert found.dist_less_cls.estimate == pytest.approx(7 / 8)
    assert found.better == "dist"


def test_two_seeds_decide_nothing(row, spoken):
    found = compare_tokens(row(*(spoken("a", seed, cls=CLS, dist=LABELS) for seed in (0, 1))))
    assert (found.dist_less_cls is None, found.better) == (False, "neither")


@pytest.mark.parametrize("loss", [{"loss.alpha": 0.0}, {"loss.alpha": 1.0}, {}])
def test_a_loss_that_trains_one_token_compares_none(row, spoken, loss):
    assert compare_tokens(row(spoken("a", 0, loss=loss))) is None


def test_an_idle_token_is_not_compared(row, spoken):
    assert compare_tokens(row(spoken("a", 0, loss=HARD | {"loss.token": "cls"}))) is None


def test_a_taught_row_is_held_beside_its_own_teacher(runs, spoken):
    (found,) = teacher_agreements(runs.one(spoken("a", 0, taught=runs.teacher())))
    assert found.was_taught
    assert found.num_mistakes == 4
    assert found.teacher_top1 == 4 / 8
    # FUSED, CLS and DIST beside TEACHER, image by image.
    assert (found.fused, found.cls, found.dist) == (6 / 8, 4 / 8, 5 / 8)
    # Of the images 3, 4, 6 and 7: FUSED is 3, 0, 3, 0.
    assert (found.repeated, found.corrected) == (2 / 4, 2 / 4)


def test_a_plain_row_is_held_beside_the_teacher_of_the_others(runs, spoken):
    evidence = runs.one(
        spoken("a", 0, taught=runs.teacher()), spoken("b", 0, teacher=None, loss={})
    )
    found = {one.row.label: one for one in teacher_agreements(evidence)}
    assert not found["b"].was_taught
    assert found["b"].fused == 6 / 8
    assert found["b"].cls is None


def test_of_two_teachers_none_is_that_of_a_plain_row(runs, spoken):
    evidence = runs.one(
        spoken("a", 0, taught=runs.teacher(0)),
        spoken("b", 0, taught=runs.teacher(1)),
        spoken("c", 0, teacher=None, loss={}),
    )
    assert [one.row.label for one in teacher_agreements(evidence)] == ["a", "b"]


def test_a_network_that_could_be_the_teacher_is_no_student(runs, spoken):
    network = {"model": {"_target_": "titn.models.cnn.vgg16_bn"}}
    teachers = spoken("b", 0, teacher=None, loss={}, changes=network)
    found = teacher_agreements(runs.one(spoken("a", 0, taught=runs.teacher()), teachers))
    assert [one.row.label for one in found] == ["a"]


def test_a_transformer_that_is_the_teacher_is_no_student(runs, spoken):
    evidence = runs.one(
        spoken("a", 0, taught=runs.teacher()), spoken("b", 0, teacher=None, loss={})
    )
    taught, teacher = evidence.rows
    ((config_hash, digest),) = taught.teachers
    teacher.identities[0] = (config_hash, digest)
    assert [one.row.label for one in teacher_agreements(evidence)] == ["a"]


def test_two_transformers_of_one_class_are_two_teachers(runs):
    def row(label, has_token):
        node = runs.teacher()
        node["model"] = {"_target_": "titn.models.vit.ViT", "distillation_token": has_token}
        return [runs.cell(label, seed, taught=node) for seed in (0, 1)]

    assert are_teachers_ranked_by_one(runs.one(*row("deit", True), *row("vit", False)).rows)


def test_at_alpha_1_the_teacher_is_not_heard(runs, spoken):
    cell = spoken("a", 0, taught=runs.teacher(), loss={"loss.alpha": 1.0})
    (found,) = teacher_agreements(runs.one(cell))
    assert not found.was_taught


def test_a_teacher_without_mistakes_has_none_to_repeat(runs, spoken):
    cell = spoken("a", 0, taught=runs.teacher(), teacher=LABELS)
    (found,) = teacher_agreements(runs.one(cell))
    assert (found.num_mistakes, found.repeated, found.corrected) == (0, None, None)
