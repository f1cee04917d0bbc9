"""Schemas of run and sweep files: each value has a type and a range, and one line names it."""

import math

import pytest

from titn.records.schemas import Config, Environment, Failure, Result, validate
from titn.records.sweep_schemas import LatencySchema, PlanFile

IDENTITY = {"config_hash": "c0", "source_digest": "d1"}
HEAD = {"top1": 0.5, "top5": None, "nll": 0.7}
RESULT = IDENTITY | HEAD | {"seed": 0, "epochs": 2, "best_epoch": 2, "cls": HEAD, "fused": HEAD,
                            "class_names": ["a", "b"], "teacher": None}  # fmt: skip
CONFIG = {"seed": 0, "epochs": 2, "model": {"_target_": "x"}, "teacher": None}
CELL = {"row": "a", "seed": 0, "config_hash": "c0", "directory": "../../c0"}
SETTING = {"key": "k", "source_digest": "d1", "overrides": [], "commands": [], "question": None,
           "revised": False, "rows": ["a"], "cells": [CELL]}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "message"),
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
def test_a_record_with_a_wrong_value_is_refused(key, value, message):
    with pytest.raises(ValueError, match=r"result.json") as raised:
        validate("result.json", Result, RESULT | {key: value})
    assert str(raised.value).startswith(f"result.json: {message}")
    assert str(raised.value).isprintable()


def test_arguments_of_a_user_defined_model_may_be_anything():
    assert validate("config.yaml", Config, CONFIG | {"model": {"depth": [2, 2, 6], "heads": "8"}})


def test_keys_that_later_versions_add_are_accepted():
    assert validate("result.json", Result, RESULT | {"new": {"deep": [1, None]}})


@pytest.mark.parametrize(
    ("schema", "content", "message"),
    [
        (Environment, IDENTITY | {"versions": {"torch": 2}}, "versions.torch=2: should be a valid"),
        (Environment, IDENTITY | {"threads": "many"}, "threads='many': should be a valid integer"),
        (Failure, IDENTITY | {"kind": "error"}, "reason: is missing"),
        (Config, CONFIG | {"model": 3}, "model=3: should be a valid dictionary"),
        (Config, CONFIG | {"teacher": {"seed": 0, "epochs": 1}}, "teacher.choices: is missing"),
        (Config, CONFIG | {"dataset": {"fraction": "1e-3"}}, "dataset.fraction='1e-3': should be"),
        (PlanFile, {"sweep": "s"}, "settings: is missing"),
        (PlanFile, {"sweep": "s", "settings": [SETTING | {"more": 1}]}, "settings.0.more=1: Extra"),
        (PlanFile, {"sweep": "s", "settings": [SETTING | {"cells": [CELL | {"role": "king"}]}]},
         "settings.0.cells.0.role='king': should match"),
        (LatencySchema, {"how": "x", "rows": {"a": {"1": []}}}, "rows.a.1=[]: List should have"),
        (LatencySchema, {"how": "x", "rows": {"a": {"1": [0.0]}}}, "rows.a.1.0=0.0: should be"),
        (LatencySchema, {"how": "x", "rows": {"a": {"1": [1.0]}, "b": {"1": [1.0, 2.0]}}},
         "rows: at batch 1 they have not the same number of rounds"),
    ],
)  # fmt: skip
def test_another_file_with_a_wrong_value_is_refused(schema, content, message):
    with pytest.raises(ValueError, match="file") as raised:
        validate("file", schema, content)
    assert str(raised.value).startswith(f"file: {message}")
