"""What is done with a finished run: predict and evaluate."""

import csv
import io
import sys

import numpy as np
import pytest
import yaml
from PIL import Image
from sklearn.datasets import load_digits

from titn import cells, config, evaluate, predict
from titn.errors import ConfigError
from titn.finished import open_run
from titn.records.records import read_json, write_json


@pytest.fixture
def finished(tiny):
    """The directory of a tiny run that has learnt a little."""
    return cells.ensure(tiny("epochs=3", "batch_size=64"))[0].path


def rows(capsys) -> list[dict]:
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def run(command, *arguments) -> int:
    """The exit code of a command, as if typed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["titn", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            command.main()
    return left.value.code


# --- predict --------------------------------------------------------------------------------------


@pytest.fixture
def digit(tmp_path):
    """Writes a test image of the digits as a file."""

    def write(index: int):
        grey = (load_digits().images[index] * 255 / 16).round().astype(np.uint8)
        path = tmp_path / f"digit {index}.png"
        Image.fromarray(grey).save(path)
        return path

    return write


def test_probabilities_of_all_classes_sum_to_one_and_fall(finished, digit, capsys):
    assert run(predict, finished, digit(0), "--top", 10) == 0
    table = rows(capsys)
    values = [float(row["probability"]) for row in table]
    assert sum(values) == pytest.approx(1, abs=0.001)
    assert values == sorted(values, reverse=True)
    assert sorted(row["class"] for row in table) == list("0123456789")


def test_a_prediction_is_what_the_record_says_of_the_same_image(finished, digit, capsys):
    """The digits' test images keep their order: sample i of the record is the i-th of them."""
    from sklearn.model_selection import train_test_split

    labels = load_digits().target
    _, test = train_test_split(np.arange(1797), test_size=360, stratify=labels, random_state=0)
    first = sorted(test)[:5]
    assert run(predict, finished, *map(digit, first), "--top", 1) == 0
    recorded = open_samples(finished)["fused"][:5]
    assert [int(row["class"]) for row in rows(capsys)] == list(recorded)


def open_samples(path) -> dict:
    import pyarrow.parquet as pq

    return pq.read_table(path / "samples.parquet").to_pydict()


def test_what_is_not_an_image_is_named_and_the_rest_answered(finished, digit, tmp_path, capsys):
    (tmp_path / "note.txt").write_text("hello")
    assert run(predict, finished, tmp_path / "note.txt", digit(3), "--top", 1) == 2
    out, err = capsys.readouterr()
    assert err == (
        f"titn: {tmp_path / 'note.txt'}: is not an image that can be read "
        "(of no known image format)\n"
    )
    assert out.count("digit 3.png,1,") == 1


def test_nothing_but_what_is_not_an_image_prints_no_table(finished, tmp_path, capsys):
    assert run(predict, finished, tmp_path / "nothing.png") == 2
    assert capsys.readouterr().out == ""


# --- evaluate -------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [(), ("model=tnt", "loss=supervised"), ("precision=bf16-mixed",)])
def test_a_record_is_recomputed_from_its_weights(tiny, capsys, extra):
    model = [] if "model=tnt" not in extra else ["model.patch_size=4", "model.depth=1"]
    directory, result = cells.ensure(tiny(*extra, *model))
    assert run(evaluate, directory.path) == 0
    table = {row["metric"]: row["recomputed"] for row in rows(capsys)}
    assert table["top1"] == f"{result['top1']:.6f}"
    assert table["nll"] == f"{result['nll']:.6f}"


def test_a_record_that_does_not_agree_is_named(finished, capsys):
    record = read_json(finished / "result.json")
    record["f1"] += 0.01
    record["cls"]["nll"] += 0.01
    write_json(finished / "result.json", record)
    assert run(evaluate, finished) == 1
    assert f"titn: {finished}: f1, cls.nll differ from the record" in capsys.readouterr().err
    assert run(evaluate, finished, "--tolerance", 0.02) == 0


def test_other_images_than_the_records_are_refused(finished, capsys):
    record = read_json(finished / "result.json")
    write_json(finished / "result.json", record | {"data_digest": "0" * 64})
    assert run(evaluate, finished) == 2
    assert (
        "these are not the images of the record; give theirs with --root" in capsys.readouterr()[1]
    )


def test_a_data_set_that_moved_can_be_named(tiny, hugging_face, tmp_path, capsys):
    root, _ = hugging_face("image", "label", shape=(28, 28), names=tuple("0123456789"))
    directory, _ = cells.ensure(
        tiny("dataset=mnist", f"dataset.root={root}", "dataset.image_size=8")
    )
    moved = root.rename(tmp_path / "elsewhere")
    assert run(evaluate, directory.path) == 2
    assert "no such directory" in capsys.readouterr().err
    assert run(evaluate, directory.path, "--root", moved) == 0


def test_a_place_for_images_that_need_none_is_refused(finished, capsys):
    assert run(evaluate, finished, "--root", "here") == 2
    assert "titn: --root=here: this data set needs none" in capsys.readouterr().err


# --- what is no finished run ----------------------------------------------------------------------


def test_a_run_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no such directory; give a run's"):
        open_run(tmp_path / "nothing")


def test_an_unfinished_run_is_named(finished):
    (finished / "result.json").unlink()
    with pytest.raises(ConfigError, match="holds no finished run"):
        open_run(finished)


@pytest.mark.parametrize("name", ["result.json", "config.yaml"])
@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_a_damaged_record_is_named(finished, name, content):
    (finished / name).write_text(content)
    with pytest.raises(ConfigError, match=rf"^{finished}"):
        open_run(finished)


def test_weights_that_are_gone_are_named(finished):
    (finished / "weights.safetensors").unlink()
    with pytest.raises(ConfigError, match=rf"^run={finished}: there is no such file"):
        open_run(finished).network()


def rewrite(path, **changes) -> None:
    content = yaml.safe_load((path / "config.yaml").read_text())
    (path / "config.yaml").write_text(yaml.safe_dump(content | changes))


def test_a_record_that_names_foreign_code_does_not_run_it(finished):
    rewrite(finished, loss={"_target_": "test_finished.Foreign"})
    with pytest.raises(
        ConfigError, match=r"loss\._target_=test_finished\.Foreign: is not titn's own"
    ):
        open_run(finished)
    assert open_run(finished, trust=True).run["loss"]["_target_"] == "test_finished.Foreign"


class Foreign:
    def __init__(self):
        pytest.fail("was run")


def test_a_configuration_older_than_a_key_is_completed(finished):
    content = yaml.safe_load((finished / "config.yaml").read_text())
    del content["weights"], content["dataset"]["fraction"]
    (finished / "config.yaml").write_text(yaml.safe_dump(content))
    assert open_run(finished).run["weights"] is None


def test_a_configuration_is_read_as_it_was_resolved(composed):
    run = composed("teacher=vgg16_bn", "dataset=cifar100", "dataset.root=x")
    assert config.of_record(run) == run
