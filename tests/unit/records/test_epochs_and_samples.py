"""The files beside a record: accepted if they are its own."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from titn.records.epochs_and_samples import complete_epochs, read_epochs, read_samples

# Six images of three classes, four of them right: recalls 1, 1/2, 1/2; precisions 2/3, 1/2, 1.
LABEL, FUSED = [0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 1, 2]
TABLE = {
    "label": LABEL, "cls": FUSED, "log_prob_cls": np.full(6, -0.5), "dist": [None] * 6,
    "log_prob_dist": [None] * 6, "fused": FUSED, "log_prob_fused": np.full(6, -0.5),
    "teacher": [None] * 6,
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """What the table of records says of one."""
    return {
        "path": str(tmp_path), "epochs": 2, "best_top1": 0.7, "top1": 4 / 6, "nll": 0.5,
        "precision": (2 / 3 + 1 / 2 + 1) / 3, "recall": (1 + 1 / 2 + 1 / 2) / 3, "cls.top1": 4 / 6,
        "cls.nll": 0.5, "num_evaluated": 6, "class_names": ["a", "b", "c"],
    }  # fmt: skip


@pytest.fixture
def samples(run, tmp_path):
    """Writes columns, those of TABLE with changes, and reads them as those of the record."""

    def read(**changes):
        columns = {name: one for name, one in (TABLE | changes).items() if one is not None}
        pq.write_table(pa.table(columns), tmp_path / "samples.parquet")
        return read_samples(run)

    return read


def test_predictions_of_the_record_are_read(samples):
    found = samples()
    assert found["label"].tolist() == LABEL
    assert found["dist"].dtype == object


def test_files_that_were_not_kept_are_nothing(run):
    assert (read_samples(run), read_epochs(run)) == (None, [])


def test_of_a_run_at_work_the_epochs_in_full_lines_are_read(tmp_path):
    rows = ['{"epoch": 1, "train": {}, "top1": 0.5}', '{"epoch": 2, "tra']
    (tmp_path / "epochs.jsonl").write_text("\n".join(rows))
    assert [row["top1"] for row in complete_epochs(tmp_path)] == [0.5]
    (tmp_path / "epochs.jsonl").write_text("3\n")
    with pytest.raises(ValueError, match=r"^epochs.jsonl: line 1"):
        complete_epochs(tmp_path)


def test_the_balanced_accuracy_has_to_follow_from_the_predictions(run, samples):
    # The fourth class has no images, and does not count.
    del run["precision"], run["recall"]
    run |= {"class_names": ["a", "b", "c", "d"], "balanced_accuracy": (1 + 1 / 2 + 1 / 2) / 3}
    assert samples() is not None
    run["balanced_accuracy"] = 0.5
    with pytest.raises(ValueError, match=r"has a balanced_accuracy of 0\.666667, the record 0\.5"):
        samples()


def test_a_record_that_does_not_say_its_numbers_is_of_any(samples, run):
    for key in ("precision", "recall", "cls.top1", "num_evaluated", "class_names"):
        del run[key]
    assert samples() is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": [None, 0, 1, 1, 2, 2]}, "label: an image has none"),
        ({"label": [None] * 6}, "label: is a column of null"),
        ({"fused": None}, "has no column label or fused"),
        ({"fused": ["0"] * 6}, "fused: is a column of string"),
        ({"fused": [0.0] * 6}, "fused: is a column of double"),
        ({"fused": [0, 0, 0, 1, 1, 3]}, "fused: has classes 0 to 3, and there are 3"),
        ({"label": [-1, 0, 1, 1, 2, 2]}, "label: has classes -1 to 2, and there are 3"),
        ({"fused": LABEL}, "has a top1 of 1, the record 0.666667"),
        ({"fused": [0, 0, 0, 1, 0, 2]}, "has a precision of 0.833333, the record 0.722222"),
        ({"cls": LABEL}, "has a cls.top1 of 1, the record 0.666667"),
        ({"log_prob_fused": np.full(6, -0.6)}, "has a nll of 0.6, the record 0.5"),
        ({"log_prob_fused": np.full(6, np.nan)}, "has a nll of nan, the record 0.5"),
    ],
)
def test_columns_that_are_not_its_own_are_named(samples, changes, said):
    with pytest.raises(ValueError, match=r"samples.parquet") as raised:
        samples(**changes)
    assert str(raised.value).startswith(f"samples.parquet: {said}")


@pytest.mark.parametrize("rows", [0, 5, 12])
def test_another_number_of_images_is_named(run, tmp_path, rows):
    table = pa.table({"label": [0] * rows, "fused": [0] * rows})
    pq.write_table(table, tmp_path / "samples.parquet")
    with pytest.raises(ValueError, match=f"samples.parquet: has {rows} images, the record 6"):
        read_samples(run)


def test_more_images_than_any_data_set_has_are_not_read(run, tmp_path):
    """A file of some kilobytes may hold them."""
    many = pa.array(np.zeros(10_000_001, np.int8))
    pq.write_table(pa.table({"label": many, "fused": many}), tmp_path / "samples.parquet")
    del run["num_evaluated"]
    with pytest.raises(ValueError, match=r"samples.parquet: has 10000001 images$"):
        read_samples(run)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_file_that_is_cut_is_named(samples, run, tmp_path, keep):
    samples()
    path = tmp_path / "samples.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"^samples.parquet: "):
        read_samples(run)


def test_a_flipped_bit_is_known_by_a_pages_checksum(run, tmp_path):
    """Of the teacher's answers, which no number of the record could be compared with."""
    path = tmp_path / "samples.parquet"
    table = pa.table(TABLE | {"teacher": [2, 1, 0, 2, 1, 0]})
    pq.write_table(table, path, compression="none", use_dictionary=False, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[content.index(np.array([2, 1, 0, 2, 1, 0]).tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^samples.parquet: .*(?i:crc|checksum)"):
        read_samples(run)


# Epochs


def epochs(run, *lines: str) -> list[dict]:
    with open(f"{run['path']}/epochs.jsonl", "w") as file:
        file.write("".join(lines))
    return read_epochs(run)


FIRST, SECOND = '{"epoch": 1, "top1": 0.6}\n', '{"epoch": 2, "top1": 0.7}\n'


def test_epochs_of_the_record_are_read(run):
    assert epochs(run, FIRST, SECOND) == [json.loads(FIRST), json.loads(SECOND)]


def test_an_epoch_need_not_have_been_evaluated(run):
    assert epochs(run, '{"epoch": 1}\n', SECOND)[0] == {"epoch": 1}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((FIRST, SECOND[:-1]), "the last line is cut"),
        ((FIRST,), "has 1 epochs, the record 2"),
        ((FIRST, SECOND, SECOND), "line 3: is of epoch 2"),
        ((SECOND, FIRST), "line 1: is of epoch 2"),
        ((FIRST, SECOND[:-4] + "\n"), "line 2: "),
        ((FIRST, "[1]\n"), "line 2: is not what titn writes"),
        ((FIRST, '{"epoch": 2, "top1": "high"}\n'), "line 2: top1='high': should be a valid"),
        ((FIRST, '{"epoch": 2, "top1": NaN}\n'), "line 2: top1=nan: should be a finite number"),
        ((FIRST, '{"epoch": 2, "top1": 0.9}\n'), "has a best top1 of 0.9, the record 0.7"),
        ((FIRST, "[" * 100_000 + "\n"), "line 2: "),
    ],
)
def test_lines_that_are_not_its_epochs_are_named(run, lines, said):
    with pytest.raises(ValueError, match=r"epochs.jsonl") as raised:
        epochs(run, *lines)
    assert str(raised.value).startswith(f"epochs.jsonl: {said}")
