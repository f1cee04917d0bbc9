"""The tools themselves, offline: what each has of a run afterwards, by its own way of reading."""

import time

import pytest

from titn.tracking.protocol import TrackedRun
from titn.tracking.tracking import tracking

ROWS = [{"epoch": epoch, "train": {"loss": 1 / epoch}} for epoch in (1, 2, 3)]
RECORD = {"top1": 0.5, "cls": {"nll": 2.0}}


@pytest.fixture
def run(tmp_path):
    settings = {"model.depth": 2, "loss.token": "dist", "checkpoint": None, "compile": True}
    return TrackedRun(
        name="deit, seed 0", group="ablation/mix", kind="student", settings=settings,
        directory=tmp_path / "run", continues=None,
    )  # fmt: skip


@pytest.fixture
def tell(run, capfd):
    """Tells a tracker two epochs and is interrupted; then, resumed, the third and the record."""
    run.directory.mkdir()

    def told(choice):
        def interrupted():
            with tracking([choice], run, []) as (one,):
                for row in ROWS[:2]:
                    one.add(row)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        (run.directory / "result.json").write_text("{}")
        with tracking([choice], run, ROWS[:1]) as (one,):
            for row in ROWS[1:]:
                one.add(row)
            one.summarise(RECORD, [run.directory / "result.json"])
        out, err = capfd.readouterr()
        assert "goes on without" not in err
        assert out == ""

    return told


def test_tensorboard(run, tell):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    tell("tensorboard")
    events = accumulator.EventAccumulator(str(run.directory / "tensorboard")).Reload()
    scalars = events.Scalars("train/loss")
    assert [(event.step, event.value) for event in scalars] == [
        (1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3)),
    ]  # fmt: skip
    assert events.Scalars("record/top1")[0].value == 0.5
    # What the HPARAMS table is made of.
    assert "_hparams_/session_start_info" in events.summary_metadata


def test_mlflow(run, tell, tmp_path, monkeypatch):
    tools = pytest.importorskip("mlflow.tracking")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path / 'mlruns'}")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    tell("mlflow")
    client = tools.MlflowClient()
    experiment = client.get_experiment_by_name("titn")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.params["model.depth"] == "2"
    assert found.data.tags["sweep"] == "ablation/mix"
    assert found.data.metrics["record/cls/nll"] == 2.0
    history = client.get_metric_history(found.info.run_id, "train/loss")
    assert sorted((one.step, one.value) for one in history) == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert [one.path for one in client.list_artifacts(found.info.run_id)] == ["result.json"]


def leveldb_log(content):
    """The records of a file in LevelDB's log format: blocks of 32 KiB, parts of records in each."""
    position, whole = 7, b""  # of the first block seven bytes are the file's own
    while position + 7 <= len(content) + 7:
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        start = position - 7
        length, kind = int.from_bytes(content[start + 4 : start + 6], "little"), content[start + 6]
        whole += content[start + 7 : start + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # full, last
            yield whole
            whole = b""


def read_wandb(files):
    """The steps in the files of a run, and what the last one says that was started."""
    from wandb.proto.wandb_internal_pb2 import Record

    steps, started = [], None
    for file in files:
        for data in leveldb_log(file.read_bytes()[7:]):  # after "W&B", a magic number, a version
            record = Record()
            record.ParseFromString(data)
            if record.HasField("run"):
                started = record.run
            if record.HasField("history"):
                steps.append(record.history.step.num)
    return steps, started


def test_wandb(run, tell, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    tell("wandb")
    files = sorted(run.directory.glob("wandb/offline-run-*/run-*.wandb"))
    assert len({file.stem for file in files}) == 1  # one run in two parts
    # A process of its own writes them, on a busy machine some time after the run.
    end = time.monotonic() + 30
    while (found := read_wandb(files))[0] != [1, 2, 3] and time.monotonic() < end:
        time.sleep(0.2)
    steps, started = found
    assert steps == [1, 2, 3]
    assert (started.run_group, started.job_type) == ("ablation/mix", "student")


def test_trackio(run, tell, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio")
    import sqlite3

    tell("trackio")
    with sqlite3.connect(tmp_path / "trackio" / "titn.db") as database:
        rows = database.execute("select run_name, step, metrics from metrics order by step")
        found = rows.fetchall()
    assert len({name for name, _, _ in found}) == 1
    assert [step for _, step, _ in found][:3] == [1, 2, 3]
