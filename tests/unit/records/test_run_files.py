"""The files of a run, read together: damaged ones and those of another run are refused."""

import json
from pathlib import Path

import pytest

from titn.records.run_dir import RunDir
from titn.records.run_files import check_same_run, read_config, read_identity, read_run_files

RECORDS = Path(__file__).resolve().parents[3] / "reports" / "records"

IDENTITY = {"config_hash": "c0", "source_digest": "d1"}
HEAD = {"top1": 0.5, "top5": None, "nll": 0.7}
RESULT = IDENTITY | HEAD | {"seed": 0, "epochs": 2, "best_epoch": 2, "cls": HEAD, "fused": HEAD,
                            "class_names": ["a", "b"], "teacher": None}  # fmt: skip
CONFIG = {"seed": 0, "epochs": 2, "model": {"_target_": "x"}, "teacher": None}


@pytest.fixture
def run(tmp_path):
    """The directory of a finished run."""
    directory = RunDir(tmp_path / "run")
    directory.begin(CONFIG, IDENTITY)
    directory.finish(RESULT)
    return directory


def test_what_a_run_writes_is_read(run):
    files = read_run_files(run.path)
    assert (files.result, files.failure, files.environment) == (RESULT, None, IDENTITY)
    assert files.identity == IDENTITY


def test_committed_records_are_valid():
    """They lack some later keys, and the checksum."""
    places = [path.parent for path in RECORDS.glob("*/result.json")]
    assert len(places) > 50
    for place in places:
        check_same_run(read_run_files(place).result, read_config(place))


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
        check_same_run(read_run_files(run.path).result, read_config(run.path))


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
