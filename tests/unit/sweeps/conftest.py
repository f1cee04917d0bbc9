"""Planned cells of a sweep for tests; nothing is built for them."""

import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from titn.records.run_dir import RunDir
from titn.sweeps.overrides import CellRequest
from titn.sweeps.plan import SweepCell


@dataclass
class StubCell:
    """What a sweep reads of a titn.cells.cell.Cell, with 100 training images."""

    run: dict
    directory: RunDir
    identity: dict
    teacher: "StubCell | None"
    device: str = "cpu"
    precision: str = "32-true"
    dataset = SimpleNamespace(train=range(100))

    def begin(self, source_digest: str = "now") -> None:
        environment = {"source_digest": source_digest, "device": self.device}
        run = self.run | {"precision": self.precision}
        self.directory.begin(run, self.identity | environment)

    def finish(self, wall_secs: float = 1.0, top1: float = 0.5, **more: Any) -> None:
        """A record of 2 epochs; 20 seconds are 0.1 an image. more: of the record."""
        self.begin(self.identity["source_digest"])
        scores = {"top1": top1, "nll": 1.0, "seed": self.run["seed"], "num_train": 100}
        record = scores | {"epochs": 2, "wall_secs": wall_secs} | more
        self.directory.finish(self.identity | record)

    def fail(self, kind: str) -> None:
        """kind: "diverged" or "error"."""
        self.directory.fail(self.identity | {"kind": kind, "reason": "it failed"})


@pytest.fixture
def planned(tmp_path):
    """Makes a planned cell of a row and a seed, in a directory of its own."""

    def plan(row="A", seed=0, *, teacher=None, tuned=None, role="cell", **more) -> SweepCell:
        name = ", ".join([f"{row} {seed}", *map(str, (tuned or {}).values())])
        directory = RunDir(tmp_path / "runs" / name)
        directory.path.mkdir(parents=True, exist_ok=True)
        run = {
            "seed": seed, "epochs": 2, "force": False, "retry": None,
            "choices": {"model": "titn"}, "model": {"_target_": "TITN"},
        }  # fmt: skip
        identity = {"config_hash": re.sub(r"[^\w-]", "-", name), "source_digest": "now"}
        cell = StubCell(run | more, directory, identity, teacher)
        return SweepCell(CellRequest(row, str(seed), (), tuned or {}), cell, role)

    return plan


@pytest.fixture
def cell(planned):
    """A planned cell, and a teacher for it, as jobs on other machines need them."""
    keys = {"device": "cpu", "precision": "auto", "teacher": None, "batch_size": 1, "devices": 1}

    def plan(row="A", seed=0, **more) -> SweepCell:
        one = planned(row, seed, **more)
        for each in (one.cell, one.cell.teacher):
            if each is not None:
                each.prefix = "" if each is one.cell else "teacher."
                each.run |= keys
        return one

    return plan
