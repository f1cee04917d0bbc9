"""What measure.py keeps of a call that was cut short, and the page of what it has found."""

import argparse
import json
import sys
from pathlib import Path

import pytest

from tests.unit.benchmarks.conftest import BENCHMARKS

HERE = {"cpu": "A", "instructions": "AVX2", "gpu": None, "threads": 2,
        "torch": "2.15.0", "python": "3.11.7"}  # fmt: skip


@pytest.mark.parametrize(
    ("stamp", "known"), [({"code": "1"}, [0, 1, 2]), ({"code": "2"}, [2, 3, 4])]
)
def test_an_interrupted_call_is_continued_by_the_same_code(script, tmp_path, stamp, known):
    measure, unfinished = script("measure"), tmp_path / "cpu.students.unfinished"
    settings = argparse.Namespace(device="cpu")
    numbers = iter(range(10))

    def call(count: int, stamp: dict) -> list[int]:
        one = measure.Measurements(settings, count, stamp)
        one.begin(unfinished)
        return [one.once("the same command", lambda: next(numbers)) for _ in range(count)]

    assert call(2, {"code": "1"}) == [0, 1]
    with open(unfinished, "a") as file:
        file.write('["the same com')  # a call that was killed as it wrote
    assert call(3, stamp) == known
    lines = [json.loads(line) for line in unfinished.read_text().splitlines()]
    assert lines == [stamp, *(["the same command", number] for number in known)]


def test_a_part_that_is_written_leaves_what_others_have_measured(script, tmp_path, monkeypatch):
    measure = script("measure")
    numbers = iter(range(10))

    def interrupted(measurements):
        measurements.once("a", lambda: next(numbers))
        raise KeyboardInterrupt

    parts = {"students": interrupted, "together": lambda one: one.once("b", lambda: next(numbers))}
    monkeypatch.setattr(measure, "PARTS", parts)
    monkeypatch.setattr(measure, "machine", lambda: HERE)

    def call(part: str) -> dict:
        words = ["measure.py", "--name", "a", "--results", str(tmp_path), "--parts", part]
        monkeypatch.setattr(sys, "argv", words)
        measure.main()
        return json.loads((tmp_path / "a.json").read_text())

    with pytest.raises(KeyboardInterrupt):
        call("students")
    found = call("together")
    assert found["together"] == 1
    assert "--name a " in found["commands"]["together"]
    assert [path.name for path in tmp_path.iterdir()].count("a.together.unfinished") == 0
    parts["students"] = lambda one: one.once("a", lambda: next(numbers))
    assert call("students") == found | {
        "students": 0,
        "dates": found["dates"] | {"students": found["dates"]["together"]},
        "commands": found["commands"] | {
            "students": found["commands"]["together"].replace("together", "students")
        },
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, None),
        ({"machine": HERE, "batch_size": 128}, None),
        ({"machine": {"cpu": "A", "gpu": None, "threads": 2}}, "measured with instructions None"),
        ({"machine": HERE | {"cpu": "B"}}, "was measured with cpu B; give --name=NAME"),
        ({"machine": HERE, "device": "cuda"}, "was measured with --device=cuda; give that, or"),
        ({"machine": HERE, "batch_size": 64}, "was measured with --batch=64; give that, or"),
    ],
)
def test_a_file_is_of_one_machine_and_one_batch(script, found, said):
    measure = script("measure")
    if said is None:
        measure.check_fits(Path("cpu.json"), found, HERE, "cpu", 128)
        return
    with pytest.raises(SystemExit, match=said):
        measure.check_fits(Path("cpu.json"), found, HERE, "cpu", 128)


def test_the_page_is_that_of_the_results(script, tmp_path, monkeypatch):
    write = script("write")
    monkeypatch.setattr(write, "FIGURES", tmp_path)
    page = write.page()
    assert page == (BENCHMARKS / "README.md").read_text()
    for figure in tmp_path.iterdir():
        assert (BENCHMARKS / figure.name).exists()
        assert f"({figure.name})" in page
