"""What the bench measures, on networks that take no time."""

from dataclasses import replace

import pytest
import torch

from tests.conftest import TINY
from titn import bench
from titn.profiling import ceiling
from titn.profiling.made_up import made_up_dataset
from titn.profiling.stages import Stage, profile_step
from titn.profiling.throughput import training_rates
from titn.training.answer_cache import AnswerCache, Labels
from titn.types import ImageSpec

SETTINGS = {"steps": 2, "rounds": 2, "num_classes": 10}


@pytest.fixture(scope="module")
def measured(composed):
    large = ("dataset.image_size=32", "model.patch_size=16", "batch_size=4")
    return profile_step(composed(*TINY, "teacher=resnet18", *large), **SETTINGS)


def test_a_distilled_student_has_every_stage(measured):
    assert [stage.name for stage in measured.stages] == [
        "end to end",
        "views and mix",
        "teacher",
        "student forward",
        "forward and backward",
        "optimizer",
        "evaluation",
    ]


def test_each_stage_is_timed_once_a_round_for_its_images(measured):
    assert all(len(stage.times) == 2 for stage in measured.stages)
    assert [stage.num_images for stage in measured.stages] == 6 * [8] + [512]


def test_the_operations_of_a_step_are_those_of_teacher_and_student(measured):
    flops = {stage.name: stage.flops for stage in measured.stages}
    assert flops["end to end"] == flops["teacher"] + flops["forward and backward"]


def test_a_training_step_counts_three_forward_passes(measured):
    flops = {stage.name: stage.flops for stage in measured.stages}
    assert flops["forward and backward"] == 3 * flops["student forward"]


def test_a_student_without_a_teacher_has_no_teachers_stage(tiny):
    found = profile_step(tiny("loss=supervised", "batch_size=4"), **SETTINGS)
    assert "teacher" not in [stage.name for stage in found.stages]


def test_made_up_images_have_the_shapes_that_were_asked_for():
    dataset = made_up_dataset(ImageSpec(num_classes=7, size=8), 30)
    assert dataset.train.pixels.shape == (30, 3, 8, 8)
    assert dataset.train.labels.max() < 7
    assert len(dataset.class_names) == 7


def test_the_ceiling_is_what_a_slower_clock_would_halve(monkeypatch):
    monkeypatch.setattr(ceiling, "CEILING_SIZE", {"cpu": 8})
    ticks = iter([0.0, 2.0, 10.0, 11.0])
    monkeypatch.setattr(ceiling.time, "perf_counter", lambda: next(ticks))
    # The faster of two rounds: 2 x 8^3 operations in a second.
    assert ceiling.matrix_ceiling(torch.device("cpu"), torch.float32, rounds=2) == 1024


def test_a_line_of_the_table_by_hand(measured):
    step = Stage("end to end", 100, 0, print, [2.0])
    stage = Stage("teacher", 100, 3000, print, [0.5, 1.0, 4.0])
    found = replace(measured, stages=[step, stage], batch_size=50, ceiling=10_000.0)
    assert bench.row(stage, found) == ("teacher", "500.00", "0.500", "100.0", "0.300")


def test_labels_are_kept_in_the_warm_up_and_used_in_the_rounds(tiny, tmp_path):
    run = tiny("teacher=resnet18", "dataset.image_size=32", "model.patch_size=16", "batch_size=4")
    kept = AnswerCache(tmp_path, Labels(), {}, steps=2)
    rates = training_rates(run, **SETTINGS, answer_cache=kept)
    assert len(rates) == 2
    assert kept.counts == [4, 2]
