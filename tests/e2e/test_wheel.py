"""A wheel that is installed elsewhere has all that it needs inside."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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


def installed(site: Path, elsewhere: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, site / "bin" / "titn-train", *arguments],
        cwd=elsewhere, env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_wheel_installed_elsewhere_trains(site, tmp_path):
    small = ["epochs=0", "model.depth=1", "dataset.image_size=8", "model.patch_size=4"]
    done = installed(site, tmp_path, *small)
    assert done.returncode == 0, done.stderr
    assert "record: runs/" in done.stdout
    (environment,) = tmp_path.glob("runs/*/environment.json")
    assert '"git_commit": null' in environment.read_text()


def test_a_wheel_installed_elsewhere_asks_its_questions(site, tmp_path):
    done = installed(site, tmp_path, "--multirun", "+ablation=depth", "dry_run=true")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("ablation/depth: ")
