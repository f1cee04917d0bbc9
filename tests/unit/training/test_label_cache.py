"""Labels that a teacher gave once."""

import os

import pytest
import torch

from titn.training.label_cache import LabelCache, make_room
from titn.types import Batch

STEPS, BATCH = 3, 200


class Teacher:
    """Says (step + offset) % 10 of every image, and counts how often it was asked."""

    def __init__(self, offset: int = 0):
        self.offset, self.asked = offset, 0

    def of(self, kept: LabelCache, epoch: int, step: int) -> torch.Tensor:
        def ask() -> torch.Tensor:
            self.asked += 1
            return torch.full((BATCH,), (step + self.offset) % 10)

        labels = torch.zeros(BATCH, dtype=torch.int64)
        batch = Batch(torch.zeros(BATCH, 1, 2, 2), labels, labels, 1.0, at=(epoch, step))
        return kept.labels_for(batch, ask)

    def teach(self, kept: LabelCache, epoch: int = 0, steps=range(STEPS)) -> list[int]:
        return [int(self.of(kept, epoch, step)[0]) for step in steps]


@pytest.fixture
def kept(tmp_path):
    def keep(key: str = "same", max_bytes: int = 10**6) -> LabelCache:
        return LabelCache(tmp_path / "labels", {"key": key}, STEPS, max_bytes)

    return keep


def test_a_second_student_gets_what_the_first_heard(kept):
    Teacher().teach(kept())
    second = Teacher()
    assert second.teach(kept()) == [0, 1, 2]
    assert second.asked == 1  # to confirm the first batch


def test_whose_key_differs_asks_for_itself(kept):
    Teacher().teach(kept())
    other = Teacher(offset=5)
    assert other.teach(kept("other")) == [5, 6, 7]
    assert other.asked == STEPS


def test_each_epoch_has_its_own(kept):
    Teacher().teach(kept(), epoch=0)
    second = Teacher(offset=5)
    assert second.teach(kept(), epoch=1) == [5, 6, 7]


def test_labels_that_the_teacher_does_not_confirm_are_not_used(kept, capsys):
    Teacher().teach(kept())
    now, another = kept(), Teacher(offset=5)
    assert another.teach(now) == [5, 6, 7]
    assert not now.trusted
    assert "confirms only 0.0%" in capsys.readouterr().err


def test_a_label_in_two_hundred_may_round_the_other_way(kept):
    Teacher().teach(kept())
    labels = torch.zeros(BATCH, dtype=torch.int64)
    batch = Batch(torch.zeros(BATCH, 1, 2, 2), labels, labels, 1.0, at=(0, 0))
    nearly = torch.zeros(BATCH, dtype=torch.int64)
    nearly[7] = 3
    assert torch.equal(kept().labels_for(batch, lambda: nearly), labels)


def test_a_damaged_file_is_not_used(kept, tmp_path):
    Teacher().teach(kept())
    (file,) = (tmp_path / "labels").rglob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    second = Teacher()
    assert second.teach(kept()) == [0, 1, 2]
    assert second.asked == STEPS


def test_a_part_of_an_epoch_is_not_kept(kept, tmp_path):
    Teacher().teach(kept(), steps=range(1, STEPS))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_the_rest_of_an_epoch_uses_what_was_kept_and_confirms_its_first_batch(kept):
    Teacher().teach(kept())
    resumed = Teacher()
    assert resumed.teach(kept(), steps=(1, 2)) == [1, 2]
    assert resumed.asked == 1


def test_the_rest_of_an_epoch_is_not_kept_as_the_whole(kept, tmp_path):
    Teacher().teach(kept(), steps=(1, 2))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_more_than_256_classes_are_kept_whole(kept):
    Teacher(offset=0).teach(kept())
    first = kept("many")
    labels = torch.arange(BATCH) + 900
    batch = Batch(torch.zeros(BATCH, 1, 2, 2), labels, labels, 1.0)
    for step in range(STEPS):
        first.labels_for(batch._replace(at=(0, step)), lambda: labels)
    assert torch.equal(kept("many").labels_for(batch, lambda: labels), labels)


def test_the_share_that_was_not_asked_for(kept):
    first, second = kept(), kept()
    Teacher().teach(first)
    Teacher().teach(second)
    assert (first.hit_rate, second.hit_rate) == (0.0, 1.0)


def test_a_place_that_cannot_be_written_is_done_without(tmp_path, capsys):
    (tmp_path / "labels").write_text("a file")
    teacher, kept = Teacher(), LabelCache(tmp_path / "labels", {}, STEPS)
    assert teacher.teach(kept) == [0, 1, 2]
    assert "labels are not kept" in capsys.readouterr().err


def test_what_was_not_used_for_longest_makes_room(tmp_path):
    for age, name in enumerate(["new", "middle", "old"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "epoch").write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    make_room(tmp_path, 150, spare=tmp_path / "old")
    assert {one.name for one in tmp_path.iterdir()} == {"old"}
    assert (tmp_path / "old" / "epoch").exists()
