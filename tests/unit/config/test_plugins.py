"""Plugins of Hydra that somebody else has installed, and that this Python cannot import."""

import os
import subprocess
import sys

import pytest

from titn.config.plugins import plugin_missing


@pytest.mark.parametrize("raised", ["ValueError('mutable default')", "ImportError('no ray')"])
def test_a_plugin_that_cannot_be_imported_is_left_out(tmp_path, raised):
    package = tmp_path / "hydra_plugins" / "broken_sweeper"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "sweeper.py").write_text(f"raise {raised}\n")
    done = subprocess.run(
        [sys.executable, "-m", "titn.train", "model=foo"], cwd=tmp_path, capture_output=True,
        text=True, check=False, env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("titn: model=foo: there is no such choice; ")
    assert done.stderr.count("\n") == 1


def test_a_choice_of_a_plugin_is_answered_with_what_installs_it():
    assert plugin_missing("hydra/launcher", "rq") == (
        "is not installed; run: pip install hydra-rq-launcher"
    )


def test_a_plugin_that_is_there_and_brings_no_choice_is_to_be_upgraded():
    said = plugin_missing("hydra/launcher", "joblib")
    assert said is not None
    assert "cannot be imported; run: pip install --upgrade hydra-joblib-launcher" in said


@pytest.mark.parametrize(("group", "choice"), [("model", "ray"), ("hydra/launcher", "nothing")])
def test_of_others_nothing_is_said(group, choice):
    assert plugin_missing(group, choice) is None
