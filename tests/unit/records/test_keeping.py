"""Records that are kept for a report."""

from titn.records.keeping import keep
from titn.records.records import RunDir, write_json


def made(root, name: str) -> RunDir:
    directory = RunDir(root / name)
    directory.begin({"epochs": 1}, {"config_hash": name, "source_digest": "0"})
    directory.weights.write_bytes(b"much")
    directory.log.write_text("said")
    write_json(directory.path / "result.json", {"top1": 0.5})
    return directory


def test_weights_and_logs_are_left_behind_and_the_arrangement_is_kept(tmp_path):
    made(tmp_path / "runs", "a")
    (tmp_path / "runs" / "sweeps" / "mix").mkdir(parents=True)
    write_json(tmp_path / "runs" / "sweeps" / "mix" / "sweep.json", {"settings": []})
    assert keep([tmp_path / "runs"], tmp_path / "kept") == 1
    files = {str(f.relative_to(tmp_path / "kept")) for f in (tmp_path / "kept").rglob("*.*")}
    assert files == {
        "a/config.yaml", "a/environment.json", "a/result.json", "sweeps/mix/sweep.json",
    }  # fmt: skip


def test_a_later_copy_replaces_the_files_of_an_earlier_one(tmp_path):
    run = made(tmp_path / "runs", "a")
    keep([tmp_path / "runs"], tmp_path / "kept")
    write_json(run.path / "result.json", {"top1": 0.6})
    keep([tmp_path / "runs"], tmp_path / "kept")
    assert RunDir(tmp_path / "kept" / "a").result() == {"top1": 0.6}
