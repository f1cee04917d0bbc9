"""What of a record can be believed: each value has its type and its range, in one line if not."""

import json
import math
from pathlib import Path

import pytest

from titn.records.run_dir import RunDir
from titn.records.schemas import (
    Config,
    Environment,
    Failure,
    Plan,
    Result,
    Timing,
    check_agree,
    read_config,
    read_identity,
    read_run_files,
    validated,
)

RECORDS = Path(__file__).resolve().parents[3] / "reports" / "records"

IDENTITY = {"config_hash": "c0", "source_digest": "d1"}
HEAD = {"top1": 0.5, "top5": None, "nll": 0.7}
RESULT = IDENTITY | HEAD | {"seed": 0, "epochs": 2, "best_epoch": 2, "cls": HEAD, "fused": HEAD,
                            "class_names": ["a", "b"], "teacher": None}  # fmt: skip
CONFIG = {"seed": 0, "epochs": 2, "model": {"_target_": "x"}, "teacher": None}
CELL = {"row": "a", "seed": 0, "config_hash": "c0", "directory": "../../c0"}
SETTING = {"key": "k", "source_digest": "d1", "overrides": [], "commands": [], "question": None,
           "revised": False, "rows": ["a"], "cells": [CELL]}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """A directory with what a run writes."""
    directory = RunDir(tmp_path / "run")
    directory.begin(CONFIG, IDENTITY)
    directory.finish(RESULT)
    return directory


def test_what_a_run_writes_is_believed(run):
    said = read_run_files(run.path)
    assert (said.result, said.failure, said.environment) == (RESULT, None, IDENTITY)
    assert said.identity == IDENTITY


def test_records_that_are_kept_are_believed():
    """They are older than some keys, and have no checksum."""
    places = [path.parent for path in RECORDS.glob("*/result.json")]
    assert len(places) > 50
    for place in places:
        check_agree(read_run_files(place).result, read_config(place))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("top1", "high", "top1='high': should be a valid number"),
        ("top1", None, "top1=None: should be a valid number"),
        ("top1", True, "top1=True: should be a valid number"),
        ("top1", math.nan, "top1=nan: should be a finite number"),
        ("top1", math.inf, "top1=inf: should be"),
        ("top1", 2.5, "top1=2.5: should be less than or equal to 1"),
        ("top1", -1, "top1=-1: should be greater than or equal to 0"),
        ("top1", [0.5], "top1=[0.5]: should be a valid number"),
        ("epochs", 2.0, "epochs=2.0: should be a valid integer"),
        ("seed", -1, "seed=-1: should be greater than or equal to 0"),
        ("class_names", "ab", "class_names='ab': should be a valid list"),
        ("class_names", [1, 2], "class_names.0=1: should be a valid string"),
        ("cls", 3, "cls=3: should be a valid dictionary"),
        ("cls", {"top1": 0.5}, "cls.nll: is missing"),
        ("best_epoch", 3, "best_epoch=3: there are 2 epochs"),
        ("fused", HEAD | {"top1": 0.6}, "fused.top1=0.6: top1 is 0.5"),
        ("top5", 0.4, "top5=0.4: is below top1=0.5"),
        ("config_hash", "../x", "config_hash='../x': should match pattern"),
        ("optimizer.lr", 0.1, "optimizer.lr: is a key with a dot"),
        ("other", "\ud800", "other: has half a character"),
        ("other", 10**30, "other: is a whole number of more than 64 bits"),
    ],
)
def test_a_record_with_such_a_value_is_not(key, value, said):
    with pytest.raises(ValueError, match=r"result.json") as raised:
        validated("result.json", Result, RESULT | {key: value})
    assert str(raised.value).startswith(f"result.json: {said}")
    assert str(raised.value).isprintable()


def test_arguments_of_ones_own_network_may_be_anything():
    assert validated("config.yaml", Config, CONFIG | {"model": {"depth": [2, 2, 6], "heads": "8"}})


def test_keys_that_came_later_are_no_damage():
    assert validated("result.json", Result, RESULT | {"new": {"deep": [1, None]}})


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        (Environment, IDENTITY | {"versions": {"torch": 2}}, "versions.torch=2: should be a valid"),
        (Environment, IDENTITY | {"threads": "many"}, "threads='many': should be a valid integer"),
        (Failure, IDENTITY | {"kind": "error"}, "reason: is missing"),
        (Config, CONFIG | {"model": 3}, "model=3: should be a valid dictionary"),
        (Config, CONFIG | {"teacher": {"seed": 0, "epochs": 1}}, "teacher.choices: is missing"),
        (Config, CONFIG | {"dataset": {"fraction": "1e-3"}}, "dataset.fraction='1e-3': should be"),
        (Plan, {"sweep": "s"}, "settings: is missing"),
        (Plan, {"sweep": "s", "settings": [SETTING | {"more": 1}]}, "settings.0.more=1: Extra"),
        (Plan, {"sweep": "s", "settings": [SETTING | {"cells": [CELL | {"role": "king"}]}]},
         "settings.0.cells.0.role='king': should match"),
        (Timing, {"how": "x", "rows": {"a": {"1": []}}}, "rows.a.1=[]: List should have"),
        (Timing, {"how": "x", "rows": {"a": {"1": [0.0]}}}, "rows.a.1.0=0.0: should be greater"),
        (Timing, {"how": "x", "rows": {"a": {"1": [1.0]}, "b": {"1": [1.0, 2.0]}}},
         "rows: at batch 1 they have not the same number of rounds"),
    ],
)  # fmt: skip
def test_neither_is_another_file_with_such_a_value(kind, content, said):
    with pytest.raises(ValueError, match="file") as raised:
        validated("file", kind, content)
    assert str(raised.value).startswith(f"file: {said}")


# A run's files together


def test_a_record_that_was_edited_is_known_by_its_checksum(run):
    path = run.path / "result.json"
    path.write_text(path.read_text().replace('"top1": 0.5', '"top1": 0.6', 1))
    with pytest.raises(ValueError, match=r"^result.json: has changed since it was written$"):
        read_run_files(run.path)


def test_a_record_of_another_run_is_named(run):
    run.finish(RESULT | {"config_hash": "other"})
    with pytest.raises(ValueError, match=r"result.json: config_hash is not that of environment"):
        read_run_files(run.path)


def test_a_record_of_another_configuration_is_named(run):
    run.finish(RESULT | {"seed": 7})
    with pytest.raises(ValueError, match=r"result.json: seed=7: config.yaml says 0"):
        check_agree(read_run_files(run.path).result, read_config(run.path))


def test_a_record_without_its_environment_is_named(run):
    (run.path / "environment.json").unlink()
    with pytest.raises(ValueError, match=r"environment.json: is missing"):
        read_run_files(run.path)


def test_a_configuration_has_no_key_of_a_record(run):
    run.begin(CONFIG | {"top1": 0.9}, IDENTITY)
    with pytest.raises(ValueError, match=r"config.yaml: top1: is a key of result.json"):
        read_config(run.path)


@pytest.mark.parametrize("file", ["environment.json", "result.json"])
def test_a_damaged_run_has_the_identity_that_another_file_says(run, file):
    (run.path / file).write_text("{")
    assert read_identity(run.path) == IDENTITY


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 500 + "1" + "}" * 500])
def test_json_that_is_nested_too_deeply_is_named(run, text):
    (run.path / "environment.json").write_text(text)
    with pytest.raises(ValueError, match=r"^environment.json: "):
        read_run_files(run.path)


def test_what_a_value_says_cannot_move_a_cursor(run):
    run.finish(RESULT | {"split": ["\x1b[31m\n\u202e"]})
    with pytest.raises(ValueError, match="split") as raised:
        read_run_files(run.path)
    assert str(raised.value).isprintable()


def test_a_number_with_thousands_of_digits_is_named(run):
    text = json.dumps(IDENTITY).removesuffix("}") + f', "n": {"9" * 5000}' + "}"
    (run.path / "failure.json").write_text(text)
    with pytest.raises(ValueError, match=r"^failure.json: "):
        read_run_files(run.path)
