"""How long a run will take, by recorded runs: numbers by hand."""

import pytest
import yaml

from titn.cells.planning import Planner
from titn.records.run_dir import write_json
from titn.sweeps.estimate import PendingRun, TimeEstimator

# What decides the cost of an image.
TITN = {
    "model": {"_target_": "titn.models.titn.TITN", "depth": 12},
    "teacher": {
        "choices": {"model": "vgg16_bn"},
        "model": {"_target_": "titn.models.cnn.vgg16_bn"},
        "seed": 0,
        "epochs": 1,
    },
    "dataset": {"image_size": 32},
    "mix": {"_target_": "titn.data.mixing.CutMix"},
    "precision": "32-true",
    "seed": 0,
    "epochs": 2,
    "device": "auto",
}
IDENTITY = {"config_hash": "h", "source_digest": "d"}
RESULT = IDENTITY | {
    "top1": 0.5, "nll": 1.0, "seed": 0, "epochs": 2, "num_train": 100, "train_secs": 1,
}  # fmt: skip
SHALLOW = TITN | {"model": TITN["model"] | {"depth": 1}}
OTHER = TITN | {"model": {"_target_": "titn.models.vit.ViT"}}


@pytest.fixture
def record(tmp_path):
    """Writes a record of 2 epochs of 100 images: a second is 0.005 seconds an image."""

    def write(name, run=TITN, device="cpu", **result):
        path = tmp_path / "runs" / name
        path.mkdir(parents=True)
        (path / "config.yaml").write_text(yaml.safe_dump(run))
        write_json(path / "environment.json", IDENTITY | {"device": device})
        write_json(path / "result.json", RESULT | result)
        return path

    return write


@pytest.fixture
def seconds(tmp_path):
    """The estimate for a run of 3 epochs of 1000 images: 3000 times the seconds an image."""

    def estimate(run=TITN, device="cpu", precision="32-true"):
        pending = PendingRun(run | {"epochs": 3}, device, precision, 1000)
        return TimeEstimator(tmp_path / "runs").seconds(pending)

    return estimate


def test_the_median_of_past_cells_is_scaled_by_images_and_epochs(record, seconds):
    record("a", wall_secs=20)  # 0.10 an image
    record("b", wall_secs=60)  # 0.30
    assert seconds() == pytest.approx(0.2 * 3000)


def test_a_single_slow_cell_does_not_decide(record, seconds):
    for name, secs in (("a", 20), ("b", 20), ("c", 2000)):
        record(name, wall_secs=secs)
    assert seconds() == pytest.approx(0.1 * 3000)


def test_an_old_record_without_the_whole_time_has_that_of_training(record, seconds):
    record("a", train_secs=10)
    assert seconds() == pytest.approx(0.05 * 3000)


def test_the_most_similar_runs_decide(record, seconds):
    record("a", wall_secs=20)
    record("b", SHALLOW, wall_secs=2)
    assert seconds(SHALLOW) == pytest.approx(0.01 * 3000)


def test_less_similar_runs_are_better_than_none_and_said(record, seconds, tmp_path):
    record("a", SHALLOW, wall_secs=2)
    record("b", SHALLOW, wall_secs=4)
    assert seconds() == pytest.approx(0.015 * 3000)
    estimator = TimeEstimator(tmp_path / "runs")
    told = [estimator.source([PendingRun(run, "cpu", "32-true", 1)]) for run in (SHALLOW, TITN)]
    assert told == ["past cells", "past cells with other settings"]


def test_another_precision_is_less_similar(record, seconds):
    record("a", wall_secs=20)
    record("b", TITN | {"precision": "bf16-mixed"}, wall_secs=2)
    assert seconds(precision="bf16-mixed") == pytest.approx(0.01 * 3000)


@pytest.mark.parametrize(
    "run",
    [OTHER, TITN | {"teacher": None}, TITN | {"dataset": {"image_size": 64}}],
    ids=["another network", "no teacher", "larger images"],
)
def test_runs_that_are_not_similar_tell_nothing(record, seconds, run):
    record("a", wall_secs=20)
    assert seconds(run) is None


@pytest.mark.parametrize("place", ["model", "teacher"])
def test_another_network_of_timm_tells_nothing(record, seconds, place):
    def run(name):
        node = {"_target_": "titn.models.timm_network.TimmNetwork", "name": name}
        return TITN | {place: node if place == "model" else TITN["teacher"] | {"model": node}}

    record("a", run("resnet18"), wall_secs=20)
    assert seconds(run("vit_large_patch16_224")) is None


def test_another_kind_of_device_tells_nothing(record, seconds):
    record("a", wall_secs=20)
    assert seconds(device="cuda:0") is None


def test_another_device_of_the_same_kind_is_as_good(record, seconds):
    record("a", device="cuda:0", wall_secs=20)
    assert seconds(device="cuda:1") == pytest.approx(0.1 * 3000)


def test_another_number_of_devices_tells_nothing(record, seconds):
    record("a", wall_secs=20)
    assert seconds(TITN | {"devices": 2}) is None
    assert seconds(TITN | {"devices": 1}) == pytest.approx(0.1 * 3000)


def test_without_records_nothing_is_known(tmp_path):
    pending = PendingRun(TITN, "cpu", "32-true", 1000)
    assert TimeEstimator(tmp_path / "none").seconds(pending) is None


def test_an_untrained_cell_tells_nothing(record, seconds):
    record("a", epochs=0, wall_secs=20)
    assert seconds() is None


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.yaml", "model: {"),
        ("config.yaml", "hello"),
        ("result.json", '{"epochs": 2, "num_tr'),
        ("result.json", '{"top1": 0.5}'),
        ("environment.json", "[]"),
    ],
)
def test_a_damaged_record_is_passed_over(record, seconds, file, text):
    record("a", wall_secs=20)
    (record("b", wall_secs=2000) / file).write_text(text)
    assert seconds() == pytest.approx(0.1 * 3000)


def test_a_cell_that_is_half_done_is_passed_over(record, seconds):
    record("a", wall_secs=20)
    (record("b", wall_secs=2000) / "result.json").unlink()
    assert seconds() == pytest.approx(0.1 * 3000)


def record_cell(cell, wall_secs: float) -> None:
    environment = cell.identity | {"device": str(cell.device)}
    cell.directory.begin(cell.run | {"precision": cell.precision}, environment)
    cell.directory.finish(
        RESULT | cell.identity | {"seed": cell.run["seed"], "wall_secs": wall_secs}
    )


def test_a_record_of_another_seed_is_the_most_similar(tiny, tmp_path):
    """The configuration that a real cell records has the keys that are compared."""
    planner = Planner()
    first, deep, second = (
        planner.plan(tiny(*more)) for more in (["seed=0"], ["model.depth=2"], ["seed=1"])
    )
    record_cell(first, wall_secs=20)
    record_cell(deep, wall_secs=2000)
    pending = PendingRun(second.run, str(second.device), second.precision, 100)
    secs = TimeEstimator(tmp_path / "runs").seconds(pending)
    assert secs == pytest.approx(20)
