"""What measure.py keeps of a call that was cut short, and the page of what it has found."""

import argparse
import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    """Imports one of the scripts, whose directory is on the path while they run."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def test_an_interrupted_call_is_continued_and_each_round_is_measured_once(script, tmp_path):
    measure, unfinished = script("measure"), tmp_path / "cpu.unfinished"
    settings = argparse.Namespace(device="cpu", steps=1)
    numbers = iter(range(10))

    def call(count: int) -> list[int]:
        one = measure.Measurements(settings, count, unfinished)
        return [one.once("the same command", lambda: next(numbers)) for _ in range(count)]

    assert call(2) == [0, 1]
    assert call(3) == [0, 1, 2]
    assert [json.loads(line)[1] for line in unfinished.read_text().splitlines()] == [0, 1, 2]


def test_the_page_is_that_of_the_results(script):
    assert script("write").page() == (BENCHMARKS / "README.md").read_text()
