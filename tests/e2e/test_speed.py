"""Fast paths as a user meets them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness import run
from safetensors.numpy import load_file

# On real digits; the teacher is not trained, its answers are all the same to the student.
RUN = [
    "model=deit", "teacher=squeezenet", "teacher.epochs=0", "model.depth=1", "model.patch_dim=12",
    "epochs=2", "batch_size=128", "device=cpu", "dataset.fraction=0.3",
]  # fmt: skip


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two students of one teacher that see the same images, with kept labels and without."""
    place = tmp_path_factory.mktemp("sweep")
    for runs, keep in (("kept", "true"), ("asked", "false")):
        few = ["compile=none", "dataset.fraction=0.1", "batch_size=32"]
        arguments = [*RUN, *few, "optimizer.lr=1e-3,2e-3", f"keep_labels={keep}"]
        done = run("train", "--multirun", *arguments, f"runs_dir={runs}", cwd=place)
        assert done.code == 0, done.err
    return place


def by_hash(runs: Path) -> dict[str, tuple[float, dict]]:
    """config_hash of each student: its share of kept labels, and its weights."""
    found = {}
    for path in runs.glob("*/result.json"):
        record = json.loads(path.read_text())
        if record["teacher"]:
            weights = load_file(path.parent / "weights.safetensors")
            found[record["config_hash"]] = (record["kept_labels"], weights)
    return found


def test_the_second_student_finds_the_labels_of_the_first(sweep):
    assert sorted(share for share, _ in by_hash(sweep / "kept").values()) == [0.0, 1.0]


def test_without_keeping_every_label_is_asked_for(sweep):
    assert [share for share, _ in by_hash(sweep / "asked").values()] == [0.0, 0.0]
    assert not (sweep / "asked" / "labels").exists()


def test_kept_labels_lead_to_the_very_same_weights(sweep):
    kept, asked = by_hash(sweep / "kept"), by_hash(sweep / "asked")
    assert set(kept) == set(asked)
    for name, (_, weights) in kept.items():
        assert all((weights[key] == value).all() for key, value in asked[name][1].items())


@pytest.mark.long  # the README's first command is compiled
def test_a_compiled_run_says_so_and_its_record_is_that_of_the_plain_network(tmp_path):
    command = [sys.executable, "-m", "titn.train", *RUN, "compile=layers"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    directory = tmp_path / done.stdout.splitlines()[-1].removeprefix("record: ")
    record = json.loads((directory / "result.json").read_text())
    assert record["compiled"] == "layers"
    assert record["compile_secs"] > 0
    again = run("evaluate", str(directory), cwd=tmp_path)
    assert again.code == 0, again.err
    nll = f"{record['nll']:.6f}"
    assert f"\nnll,{nll},{nll}\n" in again.out


def test_the_bench_prints_its_stages_and_writes_them(tmp_path):
    small = ["model=deit", "teacher=squeezenet", "model.depth=1", "batch_size=4", "compile=none"]
    length = ["--steps", "2", "--rounds", "2", "--cells", "2"]
    done = run("bench", *small, *length, "--json", "found.json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.out.splitlines()[1].startswith("end to end,")
    assert "2 cells at once" in done.out
    found = json.loads((tmp_path / "found.json").read_text())
    assert len(found["images_per_sec"]) == len(found["images_per_sec_together"]) == 2
