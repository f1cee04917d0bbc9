"""What is done with a finished run: predict and evaluate."""

import csv
import io
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from harness import TINY
from PIL import Image
from sklearn.datasets import load_digits

from titn import evaluate, predict
from titn.cells.ensure import ensure
from titn.cells.reopen import open_run
from titn.config import resolve
from titn.config.compose_run import compose_run
from titn.config.identity import config_hash
from titn.records.run_dir import RunDir, read_json, write_json
from titn.system.errors import ConfigError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The directory of a tiny run that has learnt a little."""
    place = tmp_path_factory.mktemp("made")
    run = compose_run([*TINY, "epochs=3", "batch_size=64", f"runs_dir={place}"])
    return ensure(run)[0].path


@pytest.fixture
def finished(made, tmp_path):
    """Its copy, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "runs" / made.name))


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


def test_a_folder_is_not_an_image(finished, tmp_path, capsys):
    assert run(predict, finished, tmp_path) == 2
    assert (
        capsys.readouterr().err == f"titn: {tmp_path}: is a folder; name its files: {tmp_path}/*\n"
    )


def test_nothing_but_what_is_not_an_image_prints_no_table(finished, tmp_path, capsys):
    assert run(predict, finished, tmp_path / "nothing.png") == 2
    assert capsys.readouterr().out == ""


def test_a_name_that_is_not_utf8_is_answered_too(finished, digit, capsys):
    path = digit(0).rename(digit(0).with_name(os.fsdecode(b"caf\xe9 \n.png")))
    assert run(predict, finished, path, "--top", 1) == 0
    assert rows(capsys)[0]["image"].endswith("caf\\xe9 \n.png")


def test_a_name_does_not_reach_the_terminal_as_it_is(finished, tmp_path, capsys):
    (tmp_path / "\x1b[31m\n").write_text("hello")
    assert run(predict, finished, tmp_path / "\x1b[31m\n") == 2
    assert "\\x1b[31m\\n: is not an image" in capsys.readouterr().err


# --- evaluate -------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [(), ("model=tnt", "loss=supervised"), ("precision=bf16-mixed",)])
def test_a_record_is_recomputed_from_its_weights(tiny, capsys, extra):
    model = [] if "model=tnt" not in extra else ["model.patch_size=4", "model.depth=1"]
    directory, result = ensure(tiny(*extra, *model))
    assert run(evaluate, directory.path) == 0
    table = {row["metric"]: row["recomputed"] for row in rows(capsys)}
    assert table["top1"] == f"{result['top1']:.6f}"
    assert table["nll"] == f"{result['nll']:.6f}"


def test_the_mean_over_uneven_classes_is_recomputed_too(tiny, tmp_path, capsys):
    images = np.random.default_rng(0).integers(256, size=(26, 8, 8), dtype=np.uint8)
    labels = {"y_train": np.arange(16) % 2, "y_test": np.array([0] * 8 + [1] * 2)}
    np.savez(tmp_path / "uneven.npz", x_train=images[:16], x_test=images[16:], **labels)
    uneven = ["dataset=npz", f"dataset.root={tmp_path}/uneven.npz", "dataset.fraction=1"]
    directory, result = ensure(tiny(*uneven, "batch_size=8"))
    assert run(evaluate, directory.path) == 0
    table = {row["metric"]: row["recomputed"] for row in rows(capsys)}
    assert table["balanced_accuracy"] == f"{result['balanced_accuracy']:.6f}"


def unsealed(path) -> dict:
    """A record as one that is older than its checksum."""
    record = read_json(path / "result.json")
    record.pop("crc32")
    return record


def reseal(path, **changes) -> None:
    """A record of another configuration or data, which it says itself."""
    record = unsealed(path) | changes
    run = resolve.resolve_recorded(RunDir(path).config())
    record["config_hash"] = config_hash(
        run, precision=run["precision"], data=record["data_digest"], origin=None, teacher=None
    )
    write_json(path / "result.json", record)


def test_a_record_that_does_not_agree_is_named(finished, capsys):
    record = unsealed(finished)
    record["f1"] += 0.01
    record["cls"]["nll"] += 0.01
    write_json(finished / "result.json", record)
    assert run(evaluate, finished) == 1
    assert f"titn: {finished}: f1, cls.nll differ from the record" in capsys.readouterr().err
    assert run(evaluate, finished, "--tolerance", 0.02) == 0


def test_other_images_than_the_records_are_refused(finished, capsys):
    reseal(finished, data_digest="0" * 64)
    assert run(evaluate, finished) == 2
    assert (
        "these are not the images of the record; give theirs with --root" in capsys.readouterr()[1]
    )


def test_a_data_set_that_moved_can_be_named(tiny, hugging_face, tmp_path, capsys):
    digits = tuple("0123456789")
    root, _ = hugging_face("image", "label", shape=(28, 28), names=digits, of="mnist")
    directory, _ = ensure(tiny("dataset=mnist", f"dataset.root={root}", "dataset.image_size=8"))
    moved = root.rename(tmp_path / "elsewhere")
    assert run(evaluate, directory.path) == 2
    said = capsys.readouterr().err
    assert f"titn: dataset.root={root}: no such directory" in said
    assert said.endswith("; --root=DIR says where the images are now\n")
    assert run(evaluate, directory.path, "--root", moved) == 0


def test_a_place_that_is_not_there_is_named_by_its_option(tiny, hugging_face, tmp_path, capsys):
    digits = tuple("0123456789")
    root, _ = hugging_face("image", "label", shape=(28, 28), names=digits, of="mnist")
    directory, _ = ensure(tiny("dataset=mnist", f"dataset.root={root}", "dataset.image_size=8"))
    assert run(evaluate, directory.path, "--root", tmp_path / "nowhere") == 2
    assert f"titn: --root={tmp_path}/nowhere: no such directory" in capsys.readouterr().err


def test_a_place_for_images_that_need_none_is_refused(finished, capsys):
    assert run(evaluate, finished, "--root", "here") == 2
    assert "titn: --root=here: this data set needs none" in capsys.readouterr().err


# --- what is no finished run ----------------------------------------------------------------------


def test_a_run_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no such directory; give a run's"):
        open_run(tmp_path / "nothing")


def test_an_unfinished_run_is_named(finished):
    (finished / "result.json").unlink()
    with pytest.raises(ConfigError, match="it is half done, and the command that began it goes on"):
        open_run(finished)
    (finished / "failure.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"it failed; its log\.txt says why"):
        open_run(finished)
    with pytest.raises(ConfigError, match="nor one that was begun; give a run's, as runs/<config"):
        open_run(finished.parent)


@pytest.mark.parametrize("name", ["result.json", "config.yaml"])
@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_a_damaged_record_is_named(finished, name, content):
    (finished / name).write_text(content)
    with pytest.raises(ConfigError, match=rf"^{finished}.*{name}: "):
        open_run(finished)


def test_weights_that_are_gone_are_named(finished):
    (finished / "weights.safetensors").unlink()
    with pytest.raises(
        ConfigError, match=rf"^run={finished}: there is no such file as weights\.safetensors in it"
    ):
        open_run(finished).network()


def rewrite(path, **changes) -> None:
    content = yaml.safe_load((path / "config.yaml").read_text())
    (path / "config.yaml").write_text(yaml.safe_dump(content | changes))


def test_a_record_that_names_foreign_code_does_not_run_it(finished):
    rewrite(finished, loss={"_target_": "test_reopen.Foreign"})
    with pytest.raises(
        ConfigError, match=r"loss\._target_=test_reopen\.Foreign: is not titn's own"
    ):
        open_run(finished)
    reseal(finished)
    assert open_run(finished, trust=True).run["loss"]["_target_"] == "test_reopen.Foreign"


class Foreign:
    def __init__(self):
        pytest.fail("was run")


@pytest.mark.parametrize(
    ("group", "target"),
    [
        ("model", "titn.data.views.Plain"),
        ("dataset", "titn.models.titn.TITN"),
        ("loss", "titn.losses.supervised.sys.exit()"),
        ("optimizer", "titn.optimizers"),
        ("teacher.model", "os.path.join"),
    ],
)
def test_a_group_is_made_by_its_own_package(finished, group, target):
    content = yaml.safe_load((finished / "config.yaml").read_text())
    whole, _, nested = group.rpartition(".")
    (content if not whole else content.setdefault("x", {}))[nested] = {"_target_": target}
    content = content if not whole else content | {"teacher": content.pop("x")}
    (finished / "config.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError) as raised:
        open_run(finished)
    assert f"{group}._target_={target}: is not titn's own code for this" in str(raised.value)


def test_foreign_code_is_not_even_looked_for(finished, tmp_path, monkeypatch):
    """To find a module in a package Python runs the package."""
    (tmp_path / "trap").mkdir()
    (tmp_path / "trap" / "__init__.py").write_text("raise SystemExit('was run')")
    monkeypatch.syspath_prepend(tmp_path)
    rewrite(finished, loss={"_target_": "trap.inner.Loss"})
    with pytest.raises(ConfigError, match="is not titn's own"):
        open_run(finished)


@pytest.mark.parametrize(
    ("group", "target", "reason"),
    [
        ("dataset", "titn.data.views.Plain", "makes no dataset"),
        ("loss", "titn.losses.terms.Loss", "loss"),
    ],
)
def test_what_makes_something_else_is_named(finished, group, target, reason):
    rewrite(finished, **{group: {"_target_": target}})
    reseal(finished)
    run = open_run(finished)
    with pytest.raises(ConfigError, match=reason):
        run.dataset() if group == "dataset" else run.token_weights()


LAUGHS = "\n".join(
    ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30))]
)
MERGES = "\n".join(
    ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 60))]
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "is nested deeper"),
        ("a: " + "{a: " * 100, "is nested deeper"),
        ("a: &a [*a]", "has no alias"),
        (LAUGHS, "has no alias"),
        (MERGES, "has no alias"),
        ("#" * 2_000_000, "would be many"),
        ("a: !!python/object/apply:os.system [':']", "could not determine a constructor"),
        ("5: x", "5: is a key, and not text"),
        ("'': x", "has a key without a name"),
        ("teacher: {model: {'': x}}", "has a key without a name"),
        ("a: 2020-01-01", "a: is neither text nor number"),
        ("a: !!binary AAAA", "a: is neither text nor number"),
        ("- a", "is not what a run writes"),
        ("a: " + "9" * 5000, "Exceeds the limit"),
        ("a: 'x\x07'", "control characters are not allowed"),
        (b"\xff\xfe\xff", ""),
    ],
)
def test_yaml_that_no_run_writes_is_refused(finished, text, reason):
    content = text if isinstance(text, bytes) else text.encode()
    (finished / "config.yaml").write_bytes(content)
    with pytest.raises(
        ConfigError, match=rf"^{finished}/config\.yaml: .*{reason}.*; put back a copy$"
    ) as raised:
        open_run(finished)
    assert str(raised.value).isprintable()


def test_another_configuration_than_the_records_is_refused(finished):
    rewrite(finished, seed=7)
    with pytest.raises(ConfigError, match=r"config\.yaml: .*is not the configuration that result"):
        open_run(finished)


@pytest.mark.parametrize(
    "changes", [{"device": "mps"}, {"runs_dir": "elsewhere"}, {"retry": "failed"}]
)
def test_what_decides_no_number_may_change(finished, changes):
    rewrite(finished, **changes)
    assert open_run(finished).run.items() >= changes.items()


@pytest.mark.parametrize(
    "names", [None, [], "0123456789", {"0": 1}, [0, 1], ["a", None], ["\ud800", "b"]]
)
def test_class_names_that_are_none_are_refused(finished, names):
    write_json(finished / "result.json", unsealed(finished) | {"class_names": names})
    with pytest.raises(
        ConfigError, match=r"result\.json: class_names are not the names of classes"
    ):
        open_run(finished)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"top1": "0.5"}, "top1 is not a number"),
        ({"cls": [1]}, "lacks numbers that a record has"),
        ({"cls": {"nll": []}}, r"cls\.nll is not a number"),
    ],
)
def test_numbers_that_are_none_are_refused(finished, capsys, changes, reason):
    write_json(finished / "result.json", unsealed(finished) | changes)
    assert run(evaluate, finished) == 2
    assert re.search(rf"^titn: {finished}/result\.json: {reason}", capsys.readouterr().err)


@pytest.mark.parametrize("name", ["result.json", "config.yaml"])
def test_a_pipe_is_not_waited_for(finished, name):
    (finished / name).unlink()
    os.mkfifo(finished / name)
    with pytest.raises(ConfigError, match=rf"^{finished}.*{name}: .*is not a file"):
        open_run(finished)


def test_a_disk_that_fails_is_named(finished, monkeypatch):
    def fails(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(RunDir, "result", fails)
    with pytest.raises(
        ConfigError, match=rf"^{finished}: cannot be read as a run \(Input/output error\)"
    ):
        open_run(finished)


def test_a_network_that_its_weights_cannot_fill_is_not_built(finished):
    content = yaml.safe_load((finished / "config.yaml").read_text())
    rewrite(finished, model=content["model"] | {"patch_dim": 10**6})
    reseal(finished)
    with pytest.raises(
        ConfigError, match=r"config\.yaml: model has \d+ numbers, more than its wei"
    ):
        open_run(finished).network()


def test_an_image_size_that_no_memory_can_hold_is_named(finished):
    content = yaml.safe_load((finished / "config.yaml").read_text())
    rewrite(finished, dataset=content["dataset"] | {"image_size": 10**9})
    reseal(finished)
    with pytest.raises(ConfigError, match=rf"^{finished}/config\.yaml: model "):
        open_run(finished).network()


def test_damaged_weights_are_named(finished):
    path = finished / "weights.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(
        ConfigError, match=rf"^run={path}: cannot be read as weights \(.* has changed"
    ):
        open_run(finished).network()


def test_a_configuration_older_than_a_key_is_completed(finished):
    content = yaml.safe_load((finished / "config.yaml").read_text())
    del content["weights"], content["dataset"]["fraction"]
    (finished / "config.yaml").write_text(yaml.safe_dump(content))
    assert open_run(finished).run["weights"] is None


def test_a_configuration_is_read_as_it_was_resolved():
    run = compose_run(["teacher=vgg16_bn", "dataset=cifar100", "dataset.root=x"])
    assert resolve.resolve_recorded(run) == run
