"""What the record of speed accepts, and how it counts work."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from titn.records.archive import archive
from titn.records.collation import load
from titn.system.errors import ConfigError

ROOT = Path(__file__).parents[3]
STUDENT, TEACHER = "s" * 64, "t" * 64
FULL = {
    "class_names": [f"class {i}" for i in range(100)],
    "num_train": 50_000,
    "num_evaluated": 10_000,
    "split": "test",
    "top1": 0.71,
    "wall_secs": 7200.0,
}


@pytest.fixture
def speedrun(script, monkeypatch, tmp_path):
    """The script, whose entries and page go into a directory of their own."""
    speedrun, speedrun_page = script("speedrun"), script("speedrun_page")
    for module in (speedrun, speedrun_page):
        monkeypatch.setattr(module, "ENTRIES", tmp_path / "entries")
    monkeypatch.setattr(speedrun_page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(speedrun_page, "HERE", tmp_path)
    return speedrun


@pytest.fixture
def made(speedrun, tmp_path, monkeypatch):
    """Makes a run of all of CIFAR-100: a committed one of digits, read with other facts.

    A record with these facts written into it would be damaged, as they do not fit its samples.
    """
    runs = load(ROOT / "reports" / "records")
    with_teacher = runs[(runs.model == "titn") & (runs["teacher.top1"] > 0)].iloc[0]
    facts_of = {}

    def make(name, facts=FULL, settings=()):
        archive([Path(with_teacher["path"])], tmp_path / "copy")
        (copy,) = (tmp_path / "copy").iterdir()
        path = copy.rename(tmp_path / "runs" / name)
        config = yaml.safe_load((path / "config.yaml").read_text())
        (path / "config.yaml").write_text(yaml.safe_dump(config | dict(settings)))
        facts_of[str(path)] = facts
        return path

    def load_with_facts(*paths):
        found = load(*paths)
        for i, path in found["path"].items():
            facts = {"dataset": "cifar100", "teacher.config_hash": TEACHER} | facts_of[str(path)]
            for key, value in facts.items():
                found[key] = found[key].astype(object)
                found.at[i, key] = value
        return found

    monkeypatch.setattr(speedrun, "load", load_with_facts)
    (tmp_path / "runs").mkdir()
    return make


def test_the_page_is_written_by_this_code(speedrun, monkeypatch, tmp_path):
    import speedrun_page

    monkeypatch.setattr(speedrun_page, "ENTRIES", ROOT / "benchmarks" / "speedrun")
    speedrun.write()
    committed = (ROOT / "benchmarks" / "speedrun.md").read_text()
    assert (tmp_path / "page.md").read_text() == committed


@pytest.mark.parametrize(
    ("name", "overrides", "reason"),
    [
        ("taken", "epochs=1", "there is an entry of this name"),
        ("not-a-name", "epochs=1", "letters, digits and underscores"),
        ("fresh", "dry_run=true", "trains nothing"),
    ],
)
def test_what_cannot_be_an_entry_is_refused_before_training(
    speedrun, monkeypatch, tmp_path, capsys, name, overrides, reason
):
    (tmp_path / "entries").mkdir()
    (tmp_path / "entries" / "taken.json").write_text("{}")
    monkeypatch.setattr(speedrun.subprocess, "run", lambda *_, **__: pytest.fail("it trained"))
    arguments = ["speedrun.py", "run", name, "70", "--root", "images", "--", overrides]
    monkeypatch.setattr(sys, "argv", arguments)
    assert speedrun.main() == 2
    assert reason in capsys.readouterr().err
    assert (tmp_path / "entries" / "taken.json").read_text() == "{}"


def test_a_seed_that_breaks_a_rule_ends_the_training(speedrun, made, monkeypatch, tmp_path):
    student, commands = made(STUDENT, FULL | {"parameters": 6_000_001}), []

    def run(command, **_):
        commands.append(command)
        return SimpleNamespace(returncode=0, stdout=f"trained\nrecord: {student}\n")

    monkeypatch.setattr(speedrun.subprocess, "run", run)
    with pytest.raises(ConfigError, match="has 6,000,001 parameters"):
        speedrun.train(tmp_path, tmp_path / "runs", "0,1,2", ["epochs=1"])
    assert len(commands) == 1


def test_work_is_six_macs_an_image_and_two_for_each_answer(speedrun, made, tmp_path):
    student = made(STUDENT, FULL | {"macs": 100_000_000, "macs_paper": 90_000_000})
    made(TEACHER, FULL | {"macs": 200_000_000, "macs_paper": 200_000_000, "teacher": None})
    speedrun.add("mine", 70, [student])
    entry = json.loads((tmp_path / "entries" / "mine.json").read_text())
    seen = load(student).per_epoch()["images_seen"].iloc[-1]
    expected = {"student": 6e-7 * seen, "asked": 4e-7 * seen, "teacher": 12e-7 * seen}
    assert entry["pflop"] == pytest.approx(expected)
    assert (entry["hours"], entry["teacher_hours"], entry["top1"]) == ([2.0], [2.0], [0.71])
    (hardware,) = entry["hardware"]
    assert re.fullmatch(r".+, \d+ threads?, (32-true|bf16-mixed)", hardware)
    speedrun.write()
    assert "| mine | 71.00 | 1 |" in (tmp_path / "page.md").read_text()


def test_three_seeds_come_before_less_work(speedrun, made, tmp_path):
    made(TEACHER)
    speedrun.add("least_work", 70, [made(STUDENT)])
    entries = tmp_path / "entries"
    least = json.loads((entries / "least_work.json").read_text())
    for name, factor in (("three_seeds", 3), ("three_seeds_less_work", 2)):
        pflop = {key: factor * value for key, value in least["pflop"].items()}
        entry = least | {"name": name, "top1": [0.70, 0.72, 0.71], "pflop": pflop}
        (entries / f"{name}.json").write_text(json.dumps(entry))
    speedrun.write()
    page = (tmp_path / "page.md").read_text()
    assert re.findall(r"^\| (\w+) \| ([^|]*) \| (\d) ", page, re.MULTILINE) == [
        ("three_seeds_less_work", "71.00 (70.00, 72.00, 71.00)", "3"),
        ("three_seeds", "71.00 (70.00, 72.00, 71.00)", "3"),
        ("least_work", "71.00", "1"),
    ]


@pytest.mark.parametrize(
    ("facts", "settings", "reason"),
    [
        ({"split": "validation", "num_train": 45_000}, {}, "the rules want all of CIFAR-100"),
        ({"num_evaluated": 1000}, {}, "the rules want all of CIFAR-100"),
        ({"parameters": 6_000_001}, {}, "has 6,000,001 parameters, above 6,000,000"),
        ({"macs": 5, "macs_paper": 5}, {}, "has no attention"),
        ({"top1": 0.6999}, {}, "has 69.99% on average, less than 70"),
        ({}, {"weights": "other.pt"}, "is not from scratch: weights=other.pt"),
    ],
)
def test_a_run_that_breaks_a_rule_is_refused(speedrun, made, tmp_path, facts, settings, reason):
    student = made(STUDENT, FULL | facts, settings)
    made(TEACHER)
    with pytest.raises(ConfigError, match=reason):
        speedrun.add("mine", 70, [student])
    assert not (tmp_path / "entries").exists()


def test_a_teacher_that_saw_other_images_is_refused(speedrun, made):
    student = made(STUDENT)
    made(TEACHER, FULL | {"num_train": 1_000_000})
    with pytest.raises(ConfigError, match=f"{TEACHER}: was trained on 1,000,000 images"):
        speedrun.add("mine", 70, [student])


def test_seeds_of_different_recipes_are_no_entry(speedrun, made):
    first, second = made(STUDENT), made("u" * 64, settings={"batch_size": 7})
    made(TEACHER)
    with pytest.raises(ConfigError, match="is another recipe than"):
        speedrun.add("mine", 70, [first, second])
