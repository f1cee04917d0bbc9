"""A Slurm of three shell scripts: sbatch numbers jobs, squeue prints what a test has written."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class FakeSlurm:
    """lines: what squeue prints, by the name of an array's submission."""

    place: Path
    sweep: Path

    def lists(self, *tasks: tuple[str, str]) -> None:
        """What squeue says from now on; tasks: as ("12_0", "PENDING"), with a reason if need be."""
        names = {path.joinpath("job").read_text(): path.name for path in self.submissions}
        lines = [f"{n}|{names[n.partition('_')[0]]}|{'|'.join(said)}|" for n, *said in tasks]
        (self.place / "listed").write_text("".join(f"{line}\n" for line in lines))

    def answers(self, does: bool) -> None:
        (self.place / "down").unlink(missing_ok=True) if does else (self.place / "down").touch()

    @property
    def submissions(self) -> list[Path]:
        """The directories of arrays, in the order of their numbers."""
        found = self.sweep.glob("slurm/*/job")
        return [path.parent for path in sorted(found, key=lambda one: int(one.read_text()))]

    @property
    def queued(self) -> list[list[str]]:
        """The labels of the cells of each array."""
        read = [json.loads((path / "submission.json").read_text()) for path in self.submissions]
        return [[cell["label"] for cell in one["cells"]] for one in read]

    def after(self, index: int) -> str | None:
        """What an array waits for."""
        script = (self.submissions[index] / "job.sh").read_text()
        lines = [line for line in script.splitlines() if "--dependency=" in line]
        return lines[0].partition("=")[2] if lines else None

    def wrote(self, array: int, index: int, **task) -> None:
        """What a job has written of itself."""
        (self.submissions[array] / f"task-{index}.json").write_text(json.dumps(task))

    @property
    def cancelled(self) -> list[str]:
        file = self.place / "cancelled"
        return file.read_text().split() if file.exists() else []

    @property
    def num_asked(self) -> int:
        file = self.place / "asked"
        return len(file.read_text().splitlines()) if file.exists() else 0


SBATCH = """n=$(cat number 2>/dev/null || echo 11); n=$((n + 1)); echo $n > number; echo $n"""
SQUEUE = """echo "$@" >> asked; if test -e down; then echo "squeue: error: Unable to contact" >&2; exit 1; fi
cat listed 2>/dev/null || true"""  # noqa: E501


@pytest.fixture
def fake_slurm(tmp_path, monkeypatch):
    place, sweep = tmp_path / "bin", tmp_path / "runs" / "sweeps" / "mix"
    place.mkdir()
    for name, body in (
        ("sbatch", SBATCH),
        ("squeue", SQUEUE),
        ("scancel", 'echo "$@" >> cancelled'),
        ("sinfo", "echo '(null)'"),
    ):
        (place / name).write_text(f"#!/bin/sh\ncd {place}\n{body}\n")
        (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    return FakeSlurm(place, sweep)
