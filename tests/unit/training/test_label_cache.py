"""A teacher's labels are cached for later students."""

import os

import pytest
import torch

from titn.training.label_cache import LabelCache, make_room
from titn.types import Batch

STEPS, BATCH = 3, 200


class Teacher:
    """Its label of every image is (step + offset) % 10; it counts how often it is asked."""

    def __init__(self, offset: int = 0):
        self.offset, self.asked = offset, 0

    def labels(self, cache: LabelCache, epoch: int, step: int) -> torch.Tensor:
        def ask() -> torch.Tensor:
            self.asked += 1
            return torch.full((BATCH,), (step + self.offset) % 10)

        labels = torch.zeros(BATCH, dtype=torch.int64)
        batch = Batch(torch.zeros(BATCH, 1, 2, 2), labels, labels, 1.0, at=(epoch, step))
        return cache.labels_for(batch, ask)

    def teach(self, cache: LabelCache, epoch: int = 0, steps=range(STEPS)) -> list[int]:
        return [int(self.labels(cache, epoch, step)[0]) for step in steps]


@pytest.fixture
def cache(tmp_path):
    def new_cache(key: str = "same", max_bytes: int = 10**6) -> LabelCache:
        return LabelCache(tmp_path / "labels", {"key": key}, STEPS, max_bytes)

    return new_cache


def test_a_second_student_gets_the_labels_of_the_first(cache):
    Teacher().teach(cache())
    second = Teacher()
    assert second.teach(cache()) == [0, 1, 2]
    assert second.asked == 1  # to confirm the first batch


def test_a_student_with_another_key_asks_the_teacher(cache):
    Teacher().teach(cache())
    other = Teacher(offset=5)
    assert other.teach(cache("other")) == [5, 6, 7]
    assert other.asked == STEPS


def test_each_epoch_has_its_own_labels(cache):
    Teacher().teach(cache(), epoch=0)
    second = Teacher(offset=5)
    assert second.teach(cache(), epoch=1) == [5, 6, 7]


def test_labels_that_the_teacher_does_not_confirm_are_not_used(cache, capsys):
    Teacher().teach(cache())
    now, another = cache(), Teacher(offset=5)
    assert another.teach(now) == [5, 6, 7]
    assert not now.trusted
    assert "confirms only 0.0%" in capsys.readouterr().err


def test_a_label_in_two_hundred_may_round_the_other_way(cache):
    Teacher().teach(cache())
    labels = torch.zeros(BATCH, dtype=torch.int64)
    batch = Batch(torch.zeros(BATCH, 1, 2, 2), labels, labels, 1.0, at=(0, 0))
    nearly = torch.zeros(BATCH, dtype=torch.int64)
    nearly[7] = 3
    assert torch.equal(cache().labels_for(batch, lambda: nearly), labels)


def test_a_damaged_file_is_not_used(cache, tmp_path):
    Teacher().teach(cache())
    (file,) = (tmp_path / "labels").rglob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    second = Teacher()
    assert second.teach(cache()) == [0, 1, 2]
    assert second.asked == STEPS


def test_a_part_of_an_epoch_is_not_written(cache, tmp_path):
    Teacher().teach(cache(), steps=range(1, STEPS))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_the_rest_of_an_epoch_uses_the_cache_and_confirms_its_first_batch(cache):
    Teacher().teach(cache())
    resumed = Teacher()
    assert resumed.teach(cache(), steps=(1, 2)) == [1, 2]
    assert resumed.asked == 1


def test_more_than_256_classes_are_stored_exactly(cache):
    Teacher(offset=0).teach(cache())
    first = cache("many")
    labels = torch.arange(BATCH) + 900
    batch = Batch(torch.zeros(BATCH, 1, 2, 2), labels, labels, 1.0)
    for step in range(STEPS):
        first.labels_for(batch._replace(at=(0, step)), lambda: labels)
    assert torch.equal(cache("many").labels_for(batch, lambda: labels), labels)


def test_the_hit_rate_is_the_share_of_cached_batches(cache):
    first, second = cache(), cache()
    Teacher().teach(first)
    Teacher().teach(second)
    assert (first.hit_rate, second.hit_rate) == (0.0, 1.0)


def test_training_goes_on_if_the_cache_cannot_be_written(tmp_path, capsys):
    (tmp_path / "labels").write_text("a file")
    teacher, cache = Teacher(), LabelCache(tmp_path / "labels", {}, STEPS)
    assert teacher.teach(cache) == [0, 1, 2]
    assert "labels are not kept" in capsys.readouterr().err


def test_the_least_recently_used_directories_are_removed(tmp_path):
    for age, name in enumerate(["new", "middle", "old"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "epoch").write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    make_room(tmp_path, 150, spare=tmp_path / "old")
    assert {directory.name for directory in tmp_path.iterdir()} == {"old"}
    assert (tmp_path / "old" / "epoch").exists()
