"""What people type from other tools, or by a slip, leads to a key that there is."""

import pytest

from titn.config.compose import choices_of, known_keys
from titn.config.key_types import annotation_of
from titn.config.keys import GROUPS
from titn.config.names_elsewhere import ELSEWHERE, NOT_HERE
from titn.config.suggestions import suggestion


@pytest.fixture(scope="module")
def known():
    return known_keys()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lr", "optimizer.lr"),
        ("learning_rate", "optimizer.lr"),
        ("model.lr", "optimizer.lr"),
        ("optimizer.learning-rate", "optimizer.lr"),
        ("batch", "batch_size"),
        ("batchsize", "batch_size"),
        ("per_device_train_batch_size", "batch_size"),
        ("n_epochs", "epochs"),
        ("trainer.max_epochs", "epochs"),
        ("momentum", "optimizer.momentum"),
        ("opt", "optimizer"),
        ("arch", "model"),
        ("data_path", "dataset.root"),
        ("img_size", "dataset.image_size"),
        ("num_heads", "model.outer_heads"),
        ("patch_size", "model.patch_size"),
        ("switch_probability", "mix.switch_probability"),
        ("gpu", "device"),
        ("wandb", "tracker"),
        ("tb", "tensorboard"),
        ("output_dir", "run_dir"),
        ("teacher.lr", "teacher.optimizer.lr"),
        ("teacher.model", "teacher"),
        ("teacher_model", "teacher"),
        ("model@teacher.model", "teacher"),
        ("modle", "model"),
        ("model.dept", "model.depth"),
        ("dept", "model.depth"),
        ("lerning_rate", "optimizer.lr"),
        ("trainer.device_count", "devices"),
        ("SEED", "seed"),
    ],
)
def test_a_name_of_another_tool_or_a_slip_leads_to_the_key(known, typed, meant):
    assert suggestion(typed, known) == f"did you mean {meant}?"


@pytest.mark.parametrize(
    ("typed", "remedy"),
    [
        ("n_jobs", "devices=2 trains a run on two devices of a machine; cells of a sweep run at "),
        ("num-workers", "images are held in memory and no processes load them; leave it out"),
        ("max_steps", "a run is as long as its epochs; set epochs"),
        ("resume", "the same command goes on with a run that was interrupted"),
    ],
)
def test_what_no_key_sets_is_answered_with_what_to_do(known, typed, remedy):
    assert suggestion(typed, known).startswith(remedy)


@pytest.mark.parametrize("typed", ["hello", "x", "0", "", "a" * 10_000])
def test_nothing_is_suggested_for_what_resembles_nothing(known, typed):
    assert suggestion(typed, known) == "--help lists the groups and keys"


def test_every_name_leads_to_a_key_or_a_group():
    there = {*GROUPS, "teacher", "protocol", "teacher.checkpoint", "busy", "dry_run"}
    meant = {key for keys in ELSEWHERE.values() for key in keys}
    assert [key for key in meant if key not in there and annotation_of(key) is None] == []


def test_no_name_is_said_to_be_a_key_and_not_to_be_one():
    assert not ELSEWHERE.keys() & NOT_HERE.keys()
    assert choices_of("model")
