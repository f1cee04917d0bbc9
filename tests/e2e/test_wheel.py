"""A wheel that is installed elsewhere has all that it needs inside."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory]
    subprocess.run([*command, CHECKOUT], check=True, capture_output=True)
    (path,) = directory.glob("titn-*.whl")
    return path


def test_a_wheel_holds_the_configuration(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for folder in ("conf", "sweeps"):
        ours = {str(file.relative_to(CHECKOUT)) for file in (CHECKOUT / folder).rglob("*.yaml")}
        assert {f"titn/{name}" for name in ours} <= set(names)
    assert "titn/conf/config.yaml" in names


def test_a_wheel_holds_the_explorer(wheel):
    folder = CHECKOUT / "titn" / "reporting" / "explorer"
    ours = {str(path.relative_to(CHECKOUT)) for path in folder.iterdir() if path.is_file()}
    assert any(name.endswith(".css") for name in ours)
    assert ours <= set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", directory]
    subprocess.run([*pip, wheel], check=True)
    return directory


def installed(
    site: Path, elsewhere: Path, *arguments: str, script: str = "titn-train"
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, site / "bin" / script, *arguments],
        cwd=elsewhere, env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(site, tmp_path_factory) -> Path:
    """A directory in which the installed wheel has made a run."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    small = ["epochs=0", "model.depth=1", "dataset.image_size=8", "model.patch_size=4"]
    done = installed(site, elsewhere, *small)
    assert done.returncode == 0, done.stderr
    assert "record: runs/" in done.stdout
    return elsewhere


@pytest.fixture(scope="module")
def run(trained) -> str:
    (record,) = trained.glob("runs/*/result.json")
    return str(record.parent.relative_to(trained))


def test_a_wheel_installed_elsewhere_trains(trained, run):
    assert '"git_commit": null' in (trained / run / "environment.json").read_text()


def test_it_is_what_python_imports_there(site, trained, run):
    """It predicts, from a run's directory and from an exported folder, the same."""
    Image.new("L", (20, 20), 200).save(trained / "image.png")
    exported = installed(site, trained, "export", run, "--to", "hub", "--output=hub", script="titn")
    assert exported.returncode == 0, exported.stderr
    program = f"""
import titn
print(titn.__file__)
one, other = (titn.load(path).predict("image.png") for path in ("{run}", "hub"))
print((one.probabilities == other.probabilities).all(), len(one))
"""
    asked = subprocess.run(
        [sys.executable, "-c", program], cwd=trained,
        env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert asked.stdout.splitlines() == [str(site / "titn/__init__.py"), "True 1"], asked.stderr


def test_its_command_predicts(site, trained, run):
    Image.new("L", (20, 20), 200).save(trained / "image.png")
    asked = installed(site, trained, "predict", run, "image.png", "--top=1", script="titn")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.splitlines()[0] == "image,rank,class,probability"


@pytest.mark.long  # nothing that it exports with comes with the wheel
def test_it_exports_to_onnx(site, trained, run):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    arguments = ("export", run, "--to", "onnx", "--output=run.onnx")
    exported = installed(site, trained, *arguments, script="titn")
    assert exported.returncode == 0, exported.stderr
    assert "360 of 360 predictions equal" in exported.stdout + exported.stderr


def test_it_tells_mlflow(site, tmp_path):
    pytest.importorskip("mlflow")
    small = ["epochs=0", "model.depth=1", "dataset.image_size=8", "model.patch_size=4", "seed=1"]
    done = installed(site, tmp_path, *small, "tracker=mlflow")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "tracker" in line] == []
    assert list(tmp_path.glob("runs/*/tracker.json"))


def test_a_wheel_installed_elsewhere_asks_its_questions(site, tmp_path):
    done = installed(site, tmp_path, "--multirun", "+ablation=depth", "dry_run=true")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("ablation/depth: ")
