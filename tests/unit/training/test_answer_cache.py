"""A teacher's answers are cached for later students."""

import os

import pytest
import torch

from titn.training.answer_cache import AnswerCache, Labels, Logits, make_room
from titn.training.objective import rounded
from titn.types import Batch

STEPS, BATCH = 3, 200


class Teacher:
    """Its label of every image is (step + offset) % 10; it counts how often it is asked."""

    def __init__(self, offset: int = 0):
        self.offset, self.asked = offset, 0

    def labels(self, cache: AnswerCache, epoch: int, step: int) -> torch.Tensor:
        def ask() -> torch.Tensor:
            self.asked += 1
            return torch.full((BATCH,), (step + self.offset) % 10)

        labels = torch.zeros(BATCH, dtype=torch.int64)
        batch = Batch(torch.zeros(BATCH, 1, 2, 2), labels, labels, 1.0, at=(epoch, step))
        return cache.answer_to(batch, ask)

    def teach(self, cache: AnswerCache, epoch: int = 0, steps=range(STEPS)) -> list[int]:
        return [int(self.labels(cache, epoch, step)[0]) for step in steps]


@pytest.fixture
def cache(tmp_path):
    def new_cache(key: str = "same", max_bytes: int = 10**6) -> AnswerCache:
        return AnswerCache(tmp_path, Labels(), {"key": key}, STEPS, max_bytes)

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
    assert torch.equal(cache().answer_to(batch, lambda: nearly), labels)


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
        first.answer_to(batch._replace(at=(0, step)), lambda: labels)
    assert torch.equal(cache("many").answer_to(batch, lambda: labels), labels)


def test_the_hit_rate_is_the_share_of_cached_batches(cache):
    first, second = cache(), cache()
    Teacher().teach(first)
    Teacher().teach(second)
    assert (first.hit_rate, second.hit_rate) == (0.0, 1.0)


def test_training_goes_on_if_the_cache_cannot_be_written(tmp_path, capsys):
    (tmp_path / "labels").write_text("a file")
    teacher, cache = Teacher(), AnswerCache(tmp_path, Labels(), {}, STEPS)
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


# --- logits --------------------------------------------------------------------------------------

CLASSES = 10
# Below a few units of 32, none of them a number of float16.
LOGITS = torch.randn(STEPS, BATCH, CLASSES, generator=torch.Generator().manual_seed(0)) * 8


class SoftTeacher:
    """Its logits for a step are a slice of LOGITS, changed and rounded; it counts questions."""

    def __init__(self, change=lambda logits: logits):
        self.change, self.asked = change, 0

    def teach(self, cache: AnswerCache, epoch: int = 0, steps=range(STEPS)) -> torch.Tensor:
        return torch.stack([self.answer(cache, epoch, step) for step in steps])

    def answer(self, cache: AnswerCache, epoch: int, step: int) -> torch.Tensor:
        def ask() -> torch.Tensor:
            self.asked += 1
            return rounded(self.change(LOGITS[step]))

        labels = torch.zeros(BATCH, dtype=torch.int64)
        batch = Batch(torch.zeros(BATCH, 1, 2, 2), labels, labels, 1.0, at=(epoch, step))
        return cache.answer_to(batch, ask)


@pytest.fixture
def soft(tmp_path):
    def new_cache(key: str = "same", max_bytes: int = 10**6) -> AnswerCache:
        return AnswerCache(tmp_path, Logits(), {"key": key}, STEPS, max_bytes)

    return new_cache


def files(tmp_path) -> list[str]:
    return sorted(path.name for path in tmp_path.rglob("*.safetensors"))


def test_cached_logits_are_those_that_the_first_student_heard(soft):
    second, cache = SoftTeacher(), soft()
    heard = SoftTeacher().teach(soft())
    assert torch.equal(second.teach(cache), heard)
    assert second.asked == 1  # to confirm the first batch
    assert cache.hit_rate == 1.0


def test_logits_are_heard_in_float16(soft):
    heard = SoftTeacher().teach(soft())
    assert heard.dtype == torch.float32
    assert torch.equal(heard, torch.from_numpy(LOGITS.numpy().astype("float16").astype("float32")))


def test_an_epoch_takes_two_bytes_a_logit(soft, tmp_path):
    SoftTeacher().teach(soft())
    (file,) = tmp_path.rglob("*.safetensors")
    assert 0 < file.stat().st_size - 2 * STEPS * BATCH * CLASSES < 2000


def test_the_rest_of_an_epoch_after_an_interruption_is_the_same(soft):
    heard = SoftTeacher().teach(soft())
    from_cache, alone = SoftTeacher(), SoftTeacher()
    assert torch.equal(from_cache.teach(soft(), steps=(1, 2)), heard[1:])
    assert torch.equal(alone.teach(soft("other"), steps=(1, 2)), heard[1:])
    assert (from_cache.asked, alone.asked) == (1, 2)


@pytest.mark.parametrize("noise", [1e-6, 4e-3])
def test_logits_that_round_otherwise_are_confirmed(soft, noise):
    heard = SoftTeacher().teach(soft())
    again = SoftTeacher(lambda logits: logits * (1 + noise))
    assert torch.equal(again.teach(soft()), heard)
    assert again.asked == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda z: z.roll(1, 0),
        lambda z: z * 1.05,
        lambda z: z + 0.05 * z.amax(),
        lambda z: z * torch.nan,
    ],
)
def test_logits_of_another_teacher_or_other_images_are_not_used(soft, change, capsys):
    SoftTeacher().teach(soft())
    cache, other = soft(), SoftTeacher(change)
    other.teach(cache)
    assert other.asked == STEPS
    assert "of its logits kept in" in capsys.readouterr().err


def test_logits_beyond_float16_reach_the_student_and_are_not_kept(soft, tmp_path, capsys):
    cache = soft()
    for epoch in (0, 1):
        heard = SoftTeacher(lambda logits: logits * 1e4).teach(cache, epoch)
        beyond = (LOGITS * 1e4).abs() > 65520  # from here on it has no nearest number
        assert beyond.any()
        assert torch.equal(heard[beyond], (LOGITS * 1e4)[beyond])
    assert files(tmp_path) == []
    assert capsys.readouterr().err.count("float16 does not reach so far") == 1


def test_the_first_epochs_are_kept_when_there_is_no_room_for_all(soft, tmp_path, capsys):
    room = 9 * 2 * LOGITS.numel()  # nine epochs without what files add
    cache = soft(max_bytes=room)
    for epoch in range(11):
        SoftTeacher().teach(cache, epoch)
    assert files(tmp_path) == [f"epoch-{epoch:05}.safetensors" for epoch in range(8)]
    assert capsys.readouterr().err.count("there is no room for more of them") == 1


def test_an_epoch_of_more_than_an_eighth_of_the_room_is_not_kept(soft, tmp_path):
    epoch = 2 * LOGITS.numel()
    SoftTeacher().teach(soft("large", max_bytes=8 * epoch - 1))
    assert files(tmp_path) == []
    SoftTeacher().teach(soft("small", max_bytes=8 * epoch))
    assert len(files(tmp_path)) == 1


def test_logits_leave_a_part_of_the_disk_free(soft, tmp_path, monkeypatch):
    monkeypatch.setattr(Logits, "min_free", 2**80)
    SoftTeacher().teach(soft())
    assert files(tmp_path) == []


def test_kept_logits_of_other_classes_are_not_used(soft):
    SoftTeacher(lambda logits: logits[:, :5]).teach(soft())
    heard = SoftTeacher().teach(soft())
    assert heard.shape == LOGITS.shape


def test_a_dead_teacher_confirms_its_zeros(soft):
    dead = SoftTeacher(torch.zeros_like)
    dead.teach(soft())
    dead.teach(soft())
    assert dead.asked == STEPS + 1
