"""Runs from Python: made, opened, asked; and the process that did it."""

import doctest
import importlib
import logging
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import titn
from titn.cells.classify import classify
from titn.cells.reopen import open_run


def test_a_call_makes_the_run_of_the_command(trained, small, tmp_path):
    command = [sys.executable, "-m", "titn.train", *small, f"runs_dir={tmp_path}"]
    subprocess.run(command, check=True, capture_output=True)
    (directory,) = (path.parent for path in tmp_path.glob("*/result.json"))
    assert directory.name == trained.path.name
    assert (directory / "weights.safetensors").read_bytes() == (
        trained.path / "weights.safetensors"
    ).read_bytes()
    assert titn.load(directory).config["choices"] == trained.config["choices"]


def test_a_record_has_the_command_that_would_make_it(trained, small):
    environment = open_run(trained.path).directory.environment()
    expected = " ".join(["titn-train", *small])
    assert environment["command"] == expected


def test_a_recorded_run_is_opened(trained, small):
    before = (trained.path / "result.json").stat().st_mtime_ns
    again = titn.train(small)
    assert again.record == trained.record
    assert (again.path / "result.json").stat().st_mtime_ns == before


def test_the_process_is_as_it_was(trained, small, capfd):
    """Logging, signals, random numbers, arguments; a failed call too."""

    def state() -> list:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        root = logging.getLogger()
        silenced = logging.getLogger("torch.utils.cpp_extension")
        logs = [root.level, list(root.handlers), silenced.level]
        return [handlers, logs, torch.random.get_rng_state().tolist(), list(sys.argv)]

    before = state()
    titn.train([*small, "force=true"])
    titn.load(trained.path).predict(np.zeros((8, 8)))
    with pytest.raises(titn.CellError):
        titn.train([*small, "optimizer.lr=1e30", "seed=1"])
    assert state() == before
    assert capfd.readouterr().out == ""


def test_a_thread_can_train_as_a_notebook_does(trained, small):
    """Where no signal can be handled."""
    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(titn.train, [*small, "force=true"]).result()
    assert again.record["nll"] == trained.record["nll"]


def test_a_device_may_be_torchs(trained):
    found = titn.load(trained.path, device=torch.device("cpu")).predict(np.zeros((8, 8)))
    assert len(found) == 1
    with pytest.raises(titn.ConfigError, match=r"^device=None: choose auto, cpu, cuda, cuda:1 or"):
        titn.load(trained.path, device=None)


def test_the_model_is_a_plain_module_in_evaluation_mode(trained):
    model = titn.load(trained.path).model
    assert type(model).__module__ == "titn.models.vit"
    assert not model.training
    # By hand: the normalisation is in the network, so uint8 and [0, 1] are the same image.
    images = torch.randint(256, (3, 3, 8, 8), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.allclose(model(images).cls, model(images / 255).cls, atol=1e-6)


def test_predictions_are_those_of_the_command(trained, tmp_path):
    from PIL import Image

    path = tmp_path / "image.png"
    Image.fromarray(np.random.default_rng(0).integers(256, size=(9, 9, 3), dtype=np.uint8)).save(
        path
    )
    (guess,), _ = classify(open_run(trained.path), [path], top=1, device="cpu")
    found = trained.predict([path, path])
    assert found.names == [guess.name] * 2
    assert found.probabilities.max(1).tolist() == pytest.approx([guess.probability] * 2)
    assert found.probabilities.sum(1) == pytest.approx(1)
    assert found.labels.tolist() == [trained.classes.index(guess.name)] * 2


def test_predictions_of_test_images_have_the_recorded_accuracy(trained):
    evaluated = open_run(trained.path).dataset().evaluated
    found = trained.predict(evaluated.pixels)
    top1 = (found.labels == evaluated.labels.numpy()).mean()
    assert top1 == pytest.approx(trained.record["top1"])


def test_nothing_to_predict(trained):
    found = trained.predict([])
    assert len(found) == 0
    assert found.probabilities.shape == (0, 10)


def test_what_is_returned_is_the_callers(trained):
    trained.config["epochs"] = trained.record["top1"] = None
    trained.classes.clear()
    assert trained.config["epochs"] == 1
    assert trained.record["top1"] is not None
    assert len(trained.classes) == 10


def test_a_run_of_other_code_is_opened_with_a_warning(trained, monkeypatch):
    monkeypatch.setattr("titn.cells.reopen.run_source_digest", lambda run: "f" * 64)
    with pytest.warns(UserWarning, match="was made by other source code"):
        titn.load(trained.path)


def test_a_run_of_this_code_is_opened_without_one(trained):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        titn.load(str(trained.path))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("nowhere", "nowhere: no such directory; give a run's, as runs/<config_hash>"),
        ("bad\0name", "bad\\x00name: no such directory"),
        (3, "path=3: "),
    ],
)
def test_what_is_no_run_is_one_line(path, line):
    with pytest.raises(titn.ConfigError) as caught:
        titn.load(path)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_a_device_that_is_not_there_is_named(trained):
    with pytest.raises(titn.ConfigError, match="device=gpu"):
        titn.load(trained.path, device="gpu")


def test_the_function_and_the_module_are_both_there():
    """Whichever is asked for first: `titn.train` is a module that can be called."""
    for code in (
        "import titn; f = titn.train; import titn.train as m; assert f is m",
        "import titn.train; import titn; titn.train.main; assert callable(titn.train)",
        "from titn import train; from titn.train import main; assert train.main is main",
    ):
        subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["composing", "loading", "run", "training"])
def test_the_examples_of_the_documentation(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(importlib.import_module(f"titn.api.{module}"))
    assert tried
    assert not failed
