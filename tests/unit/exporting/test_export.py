"""One run to every form, by the command; and what it is compared with."""

import argparse
import re

import numpy as np
import pytest
import torch

from titn import export as door
from titn.exporting import export
from titn.exporting.agreement import NUM_NOISE, compare, images_to_compare
from titn.system.errors import ConfigError


def arguments(run, *options: str) -> argparse.Namespace:
    return door._parser().parse_args([str(run.directory.path), *options, "--rounds=1"])


@pytest.mark.parametrize("form", door.FORMS)
def test_every_form_agrees_with_the_weights(finished, form, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert door.export(arguments(finished, f"--to={form}")) == 0
    said = capsys.readouterr()
    assert "compared with the weights on 360 images: largest difference of logits" in said.err
    assert "360 of 360 predictions equal" in said.err
    path = export.default_path(finished, form)
    assert said.out.splitlines()[-1] == f"exported: {path}"
    assert path.exists()
    is_timed = form in export.FILES
    assert (f"{form},128," in said.out) is is_timed
    assert ("torch,128," in said.out) is is_timed


def test_doors_and_rooms_know_the_same_forms():
    assert door.FORMS == export.FORMS


def test_what_is_there_is_replaced_only_if_asked(finished, tmp_path):
    path = tmp_path / "network.pt2"
    path.write_text("mine")
    with pytest.raises(ConfigError, match=r"network\.pt2: is there already; name another, or add"):
        door.export(arguments(finished, "--to=torch.export", f"--output={path}"))
    assert path.read_text() == "mine"
    door.export(arguments(finished, "--to=torch.export", f"--output={path}", "--force"))
    assert path.stat().st_size > 1000


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--output=DIR/a.onnx", r"a\.onnx: torch\.export\.load wants .*; give --output=DIR/a\.pt2"),
        ("--license=", r"--license \"\": is empty; give one as the hub writes it, as mit"),
    ],
)
def test_options_that_no_tool_would_read_are_refused(finished, tmp_path, capsys, option, line):
    def place(text: str) -> str:
        return text.replace("DIR", str(tmp_path))

    with pytest.raises((ConfigError, SystemExit)) as refused:
        door.export(arguments(finished, "--to=torch.export", place(option)))
    assert re.search(place(line), f"{refused.value} {capsys.readouterr().err}")


def test_a_place_that_cannot_be_written_is_named(finished, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"--output=.*cannot be written"):
        door.export(arguments(finished, "--to=torch.export", f"--output={tmp_path}/file/x.pt2"))


def test_what_answers_otherwise_fails(finished, tmp_path, capsys):
    path = tmp_path / "network.pt2"
    options = ("--to=torch.export", f"--output={path}", "--tolerance=0")
    assert door.export(arguments(finished, *options)) == 0  # the same kernels: no difference
    for difference in (1.0, float("nan")):
        wrong = export.Exported(path, export.Agreement(1, difference, 0), None, None)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(export, "export", lambda *_, wrong=wrong: wrong)
            assert door.export(arguments(finished, *options, "--force")) == 1
        assert "answers otherwise than" in capsys.readouterr().err


def test_an_agreement_by_hand():
    reference = torch.nn.Flatten()

    def off_by_a_half_at_the_third(images: np.ndarray) -> np.ndarray:
        found = images.reshape(len(images), -1).copy()
        found[2, 0] += 0.5
        return found

    pixels = torch.tensor([[0, 255], [255, 0], [0, 51]], dtype=torch.uint8).reshape(3, 1, 1, 2)
    found = compare(reference, off_by_a_half_at_the_third, pixels)
    assert (found.num_images, found.num_equal) == (3, 2)
    assert found.largest_difference == pytest.approx(0.5)
    broken = compare(reference, lambda images: images.reshape(len(images), -1) * np.nan, pixels)
    assert np.isnan(broken.largest_difference)


def test_images_are_the_test_images(finished):
    expected = finished.dataset().evaluated.pixels
    assert torch.equal(images_to_compare(finished, None, None), expected)
    assert len(images_to_compare(finished, None, 7)) <= 7


def test_noise_stands_in_for_images_that_are_elsewhere(finished, monkeypatch, capsys):
    def nowhere(_):
        raise ConfigError("dataset.root=data: there is no such directory")

    monkeypatch.setattr(type(finished), "dataset", nowhere)
    assert images_to_compare(finished, None, None).shape == (NUM_NOISE, 3, 8, 8)
    assert "compared on noise, because dataset.root=data" in capsys.readouterr().err
