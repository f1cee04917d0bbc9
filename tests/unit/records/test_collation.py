"""All runs as one table: each is a row, whatever has become of it."""

import json
import math
import operator
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import open_dict
from sklearn.metrics import precision_score, recall_score

from titn.cells.ensure import ensure
from titn.config import resolve
from titn.config.paths import conf_dir
from titn.records import load
from titn.records.collation import Records
from titn.records.run_dir import RunDir, write_json
from titn.system.errors import CellError, ConfigError
from titn.training import engine

# Runs of a second.
TINY = (
    "dataset.image_size=8", "model.patch_size=4", "model.pixel_size=2", "model.depth=1",
    "model.patch_dim=12", "model.outer_heads=2", "epochs=2", "batch_size=256",
    "precision=32-true", "device=cpu",
)  # fmt: skip
TEACHER = (
    "teacher=vgg16_bn", "model@teacher.model=tnt", "teacher.model.patch_size=4",
    "teacher.model.depth=1", "teacher.epochs=1", "teacher.batch_size=256",
    "teacher.precision=32-true", "teacher.run_dir=${runs_dir}/teacher",
)  # fmt: skip


class Killed(BaseException):
    """Like a kill: not an Exception, so nothing tidies up after it."""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Real runs: one that was recorded, its teacher, one that diverged, one that was killed."""
    runs = tmp_path_factory.mktemp("runs")
    make(runs / "recorded", *TEACHER)
    with pytest.raises(CellError):
        make(runs / "diverged", "optimizer=sgd", "optimizer.lr=1e30")
    train_epoch = engine.train_epoch

    def dying(task, state, *others):
        if state.epoch == 1:
            raise Killed
        return train_epoch(task, state, *others)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine, "train_epoch", dying)
        with pytest.raises(Killed):
            make(runs / "unfinished")
    return runs


def make(place: Path, *overrides: str) -> None:
    """A run, with the names of its parts, as the command line makes it."""
    places = (f"runs_dir={place.parent}", f"run_dir={place}")
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        composed = compose("config", [*TINY, *places, *overrides], return_hydra_config=True)
    choices = dict(composed.hydra.runtime.choices)
    with open_dict(composed):
        del composed["hydra"]
    ensure(resolve.resolve(composed, choices))


@pytest.fixture
def runs(made, tmp_path) -> Path:
    """Copies of the real runs, that a test may spoil."""
    copy = tmp_path / "runs"
    shutil.copytree(made, copy, ignore=shutil.ignore_patterns("*.safetensors"))
    return copy


@pytest.fixture
def record(runs) -> RunDir:
    return RunDir(runs / "recorded")


def named(records: pd.DataFrame) -> dict[str, dict]:
    """The rows by the name of their directory."""
    return {Path(row["path"]).name: row for row in records.to_dict("records")}


# A row for each run


def test_each_run_is_a_row_with_what_became_of_it(runs):
    rows = named(load(runs))
    assert {name: row["status"] for name, row in rows.items()} == {
        "recorded": "recorded",
        "teacher": "recorded",
        "diverged": "diverged",
        "unfinished": "unfinished",
    }
    assert rows["diverged"]["reason"].startswith("the loss is nan in epoch 1")
    assert all(pd.isna(rows[name]["reason"]) for name in ("recorded", "teacher", "unfinished"))


@pytest.mark.parametrize(
    ("file", "spoil", "reason"),
    [
        ("result.json", lambda text: text[: len(text) // 2], "result.json: "),
        ("config.yaml", lambda _: "model: {depth: [", "config.yaml: "),
        ("config.yaml", lambda _: "", "config.yaml: is empty"),
        ("config.yaml", lambda _: "hello", "config.yaml: is not what titn writes"),
        ("environment.json", lambda _: "[]", "environment.json: is not what titn writes"),
        ("environment.json", lambda _: "{}", "environment.json: config_hash: is missing"),
    ],
)
def test_what_cannot_be_read_is_a_row_that_says_why(runs, record, file, spoil, reason):
    path = record.path / file
    path.write_text(spoil(path.read_text()))
    rows = named(load(runs))
    assert len(rows) == 4
    assert rows["recorded"]["status"] == "damaged"
    assert rows["recorded"]["reason"].startswith(reason)
    assert rows["teacher"]["status"] == "recorded"


def test_bytes_that_are_no_text_are_damage(runs, record):
    (record.path / "config.yaml").write_bytes(b"\xff\xfe\x00")
    assert named(load(runs))["recorded"]["status"] == "damaged"


def test_a_failure_is_a_row_with_its_reason(runs, record):
    (record.path / "result.json").unlink()
    record.fail({"kind": "error", "reason": "out of memory"})
    row = named(load(runs))["recorded"]
    assert (row["status"], row["reason"]) == ("failed", "out of memory")


def test_a_failure_before_the_first_step_is_a_row_too(tmp_path):
    """Such a run has written neither environment nor configuration."""
    facts = {"config_hash": "h", "source_digest": "d", "seed": 0}
    write_json(tmp_path / "failure.json", {"kind": "error", "reason": "out of memory"} | facts)
    (row,) = load(tmp_path).to_dict("records")
    assert (row["status"], row["reason"]) == ("failed", "out of memory")
    assert (row["config_hash"], row["source_digest"]) == ("h", "d")


def test_a_record_without_its_environment_is_damaged_and_not_overlooked(tmp_path):
    write_json(tmp_path / "result.json", {"top1": 0.5})
    (row,) = load(tmp_path).to_dict("records")
    assert row["status"] == "damaged"


def test_only_records_have_numbers(runs):
    records = load(runs)
    assert set(records[records.top1.notna()].status) == {"recorded"}


# What a row says


def test_a_rows_numbers_are_those_of_the_record(record):
    (row,) = load(record.path).to_dict("records")
    result = record.result()
    for key in ("top1", "nll", "f1", "parameters", "wall_secs", "class_names"):
        assert row[key] == result[key]


def test_nested_numbers_are_dotted(record):
    (row,) = load(record.path).to_dict("records")
    result = record.result()
    assert row["cls.top1"] == result["cls"]["top1"]
    assert row["train.top1"] == result["train"]["top1"]
    assert row["teacher.top1"] == result["teacher"]["top1"]
    assert not any(isinstance(value, dict) for value in row.values())


def test_the_configuration_is_dotted(record):
    (row,) = load(record.path).to_dict("records")
    assert (row["model.depth"], row["teacher.epochs"], row["seed"]) == (1, 1, 0)
    assert row["optimizer.lr"] == record.config()["optimizer"]["lr"]


def test_parts_are_named_by_their_files(record):
    (row,) = load(record.path).to_dict("records")
    names = ("model", "teacher", "dataset", "optimizer", "schedule", "mix", "loss", "protocol")
    assert [row[name] for name in names] == [
        "titn", "tnt", "digits", "adamw", "cosine", "none", "hard", "quick",
    ]  # fmt: skip


def test_a_run_without_a_teacher_says_none(runs):
    rows = named(load(runs))
    assert (rows["teacher"]["teacher"], rows["unfinished"]["teacher"]) == ("none", "none")


def test_precision_is_the_average_over_classes_and_not_the_arithmetic(record):
    (row,) = load(record.path).to_dict("records")
    samples = pq.read_table(record.path / "samples.parquet").to_pydict()
    macro = precision_score(samples["label"], samples["fused"], average="macro", zero_division=0)
    assert row["precision"] == pytest.approx(macro)
    assert row["environment.precision"] == "32-true"


def test_a_run_without_a_record_has_its_arithmetic_all_the_same(runs):
    row = named(load(runs))["unfinished"]
    assert row["environment.precision"] == "32-true"
    assert math.isnan(row["precision"])


def test_the_environment_is_that_of_the_last_part(record):
    write_json(
        record.path / "environment.json", record.environment() | {"earlier": [{"cpu": "another"}]}
    )
    (row,) = load(record.path).to_dict("records")
    assert row["environment.versions.torch"] == record.environment()["versions"]["torch"]
    # Those that it was resumed after stay apart, for pages to name their machines.
    assert row["environment.earlier"] == [{"cpu": "another"}]


# What is loaded


def test_a_run_can_be_named_itself(record):
    assert load(record.path).path.tolist() == [str(record.path)]


def test_runs_lie_at_any_depth_in_a_fixed_order(runs):
    shutil.move(runs / "diverged", runs / "a" / "b" / "diverged")
    places = [str(Path(path).relative_to(runs)) for path in load(runs).path]
    assert places == ["a/b/diverged", "recorded", "teacher", "unfinished"]


@pytest.mark.parametrize("again", [".", "../runs", "recorded"])
def test_a_run_that_is_named_twice_is_one_row(runs, again):
    assert len(load(runs, runs / again)) == 4


def test_one_place_under_two_names_is_one(runs, monkeypatch):
    monkeypatch.chdir(runs.parent)
    assert load("runs", runs).path.tolist() == load("runs").path.tolist()


def test_a_copy_of_a_record_is_no_further_run(runs, record, tmp_path):
    """As of an archive beside the runs that were kept in it; trained once more is another."""
    copy = shutil.copytree(record.path, tmp_path / "copy")
    assert len(load(runs, tmp_path)) == len(load(runs))
    part = shutil.copytree(copy, tmp_path / "cut" / "copy")
    (part / "samples.parquet").unlink()
    (found,) = load(part, copy)["path"]
    assert Path(found) == copy
    shutil.rmtree(part)
    environment = json.loads((copy / "environment.json").read_text())
    write_json(copy / "environment.json", environment | {"started": "2020-01-01T00:00:00+00:00"})
    assert len(load(runs, tmp_path)) == len(load(runs)) + 1


def test_several_directories_are_one_table(runs):
    assert [Path(path).name for path in load(runs / "teacher", runs / "diverged").path] == [
        "teacher",
        "diverged",
    ]


def test_a_directory_that_is_not_there_is_bad_input(runs):
    with pytest.raises(ConfigError, match="none: there is no such directory; name one that"):
        load(runs, runs / "none")


def test_an_empty_directory_is_an_empty_table(tmp_path):
    records = load(tmp_path)
    assert len(records) == 0
    assert len(records[records.status == "recorded"]) == 0


# What a run has many of


def test_a_selection_is_records_too(runs):
    records = load(runs)
    assert isinstance(records[records.status == "recorded"], Records)


@pytest.mark.parametrize("many", ["per_epoch", "per_sample", "per_class"])
def test_rows_of_a_run_follow_the_selection(runs, many):
    records = load(runs)
    both = getattr(records, many)()
    chosen = getattr(records[records.teacher == "none"], many)()
    assert {Path(path).name for path in both.path} == {"recorded", "teacher"}
    assert {Path(path).name for path in chosen.path} == {"teacher"}


@pytest.mark.parametrize("many", ["per_epoch", "per_sample", "per_class"])
def test_where_nothing_is_recorded_there_is_no_row(runs, many):
    for name in ("recorded", "teacher"):
        shutil.rmtree(runs / name)
    assert len(getattr(load(runs), many)()) == 0


@pytest.mark.parametrize("many", ["per_epoch", "per_sample", "per_class"])
def test_files_that_were_not_kept_with_a_record_are_no_rows(runs, record, many):
    for name in ("epochs.jsonl", "samples.parquet"):
        (record.path / name).unlink()
    assert {Path(path).name for path in getattr(load(runs), many)().path} == {"teacher"}


def test_epochs_are_those_of_the_curve(record):
    epochs = load(record.path).per_epoch()
    written = [json.loads(line) for line in (record.path / "epochs.jsonl").open()]
    assert epochs.columns[0] == "path"
    assert epochs.epoch.tolist() == [1, 2]
    assert epochs["train.loss"].tolist() == [row["train"]["loss"] for row in written]
    assert epochs.top1.tolist() == [row["top1"] for row in written]


def test_samples_are_numbered_in_their_order(record):
    samples = load(record.path).per_sample()
    written = pq.read_table(record.path / "samples.parquet").to_pydict()
    assert samples.image.tolist() == list(range(360))
    for name in ("label", "fused", "teacher", "log_prob_fused"):
        assert samples[name].tolist() == written[name]


@pytest.mark.parametrize(
    ("column", "score"), [("recall", recall_score), ("precision", precision_score)]
)
def test_classes_are_scored_as_scikit_learn_does(record, column, score):
    classes = load(record.path).per_class()
    written = pq.read_table(record.path / "samples.parquet").to_pydict()
    expected = score(
        written["label"], written["fused"], labels=range(10), average=None, zero_division=math.nan
    )
    assert classes[column].tolist() == pytest.approx(expected.tolist(), nan_ok=True)


def test_classes_have_names_and_counts(record):
    write_samples(record, label=[0, 2, 2, 2], fused=[0, 2, 0, 0])
    classes = load(record.path).per_class()
    assert classes["class"].tolist() == ["zero", "one", "two"]
    assert classes.support.tolist() == [1, 0, 3]


def test_a_class_without_an_image_has_no_recall(record):
    write_samples(record, label=[0, 2, 2, 2], fused=[0, 2, 0, 1])
    recall = load(record.path).per_class().recall.tolist()
    assert recall == pytest.approx([1.0, math.nan, 1 / 3], nan_ok=True)


def test_a_class_that_was_never_answered_has_no_precision(record):
    write_samples(record, label=[0, 1, 2, 2], fused=[0, 2, 0, 2])
    precision = load(record.path).per_class().precision.tolist()
    assert precision == pytest.approx([0.5, math.nan, 0.5], nan_ok=True)


def write_samples(record: RunDir, label: list[int], fused: list[int]) -> None:
    """Answers of our own to a question with three classes, and a record that has their scores."""
    record.write_samples({"label": label, "fused": fused})
    names = ["zero", "one", "two"]
    top1 = sum(map(operator.eq, label, fused)) / len(label)
    averaged = {"labels": [0, 1, 2], "average": "macro", "zero_division": 0}
    scores = {
        "precision": precision_score(label, fused, **averaged),
        "recall": recall_score(label, fused, **averaged),
    }
    own = {"top1": top1, "top5": None, "fused": None, "class_names": names}
    record.finish(record.result() | scores | own | {"num_evaluated": len(label)})


# What it costs


def test_records_are_read_without_torch():
    code = "import sys, titn.records.collation; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_many_records_are_read_about_as_fast_as_libyaml_reads(record, tmp_path):
    many = tmp_path / "many"
    for number in range(300):
        copy = shutil.copytree(record.path, many / f"{number:04}")
        environment = json.loads((copy / "environment.json").read_text())
        write_json(copy / "environment.json", environment | {"started": str(number)})
    assert len(load(many)) == 300
    ours = processor_secs(lambda: load(many))
    bare = processor_secs(lambda: parse_records(many))
    # A ratio, since machines differ: three, or thirteen if it were not libyaml that reads.
    assert ours < 7 * bare


def processor_secs(do: Callable[[], object]) -> float:
    """The quicker of two tries: the first may import what it needs."""
    tries = []
    for _ in range(2):
        began = time.process_time()
        do()
        tries.append(time.process_time() - began)
    return min(tries)


def parse_records(directory: Path) -> None:
    """What no reader of records can save: libyaml's and json's own work."""
    for run in directory.iterdir():
        yaml.load((run / "config.yaml").read_text(), yaml.CSafeLoader)
        json.loads((run / "result.json").read_text())
