"""From a checked configuration to a cell: its identity, its place and its teacher."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from titn.cells.cell import Cell
from titn.cells.failures import exits_named
from titn.cells.identity import run_source_digest
from titn.cells.loss_check import check_compared_images, check_standardized, parts_with_features
from titn.cells.misfits import remedy
from titn.cells.network_check import check_network
from titn.cells.own_parts import build_checked, check_parts, import_own, own_errors_named
from titn.cells.run_dirs import check_run_dirs
from titn.config.identity import config_hash
from titn.config.notices import notices
from titn.data.images import Dataset
from titn.records.run_dir import RunDir
from titn.system.errors import ConfigError
from titn.system.progress import say
from titn.training import build, hardware, weights

T = TypeVar("T")


class Planner:
    """Plans cells; it trains nothing and writes nothing.

    Images and teachers that several cells have in common are built once for all.

    checked: the runs have been planned before. Then no network is built to find their mistakes,
    which takes a second for a teacher with 134M weights.
    """

    def __init__(self, checked: bool = False) -> None:
        self.checked = checked
        self.datasets: dict[str, Dataset] = {}
        self.teachers: dict[str, Cell] = {}
        self.origins: dict[str, str | None] = {}
        self.noticed: set[str] = set()

    @exits_named()
    def plan(self, run: dict, prefix: str = "") -> Cell:
        """The cell of a run, and of its teacher.

        Everything is built once, for what only the built objects know: a mistake in the student's
        last key should not cost a teacher's training first. prefix: what the run's keys begin with
        on the command line, "teacher." for a teacher's. Raises ConfigError, and SourceChangedError
        if own code was edited that this process has imported.
        """
        try:
            return self._plan(run, prefix)
        except ConfigError:
            with suppress(ConfigError):
                run_source_digest(run)  # what the disk has and what runs may not be the same
            raise

    def _plan(self, run: dict, prefix: str) -> Cell:
        device = hardware.device(run["device"])
        hardware.check_devices(run["devices"], run["device"], device)
        precision = hardware.precision(run["precision"], device)
        import_own(run)
        dataset = _once(self.datasets, run["dataset"], lambda: build_checked(run, build.dataset))
        teacher = self._plan_teacher(run["teacher"])
        origin = self._origin(run, dataset, prefix)
        identity = {
            "config_hash": config_hash(
                run,
                precision=precision,
                data=dataset.digest,
                origin=origin,
                teacher=teacher.identity["config_hash"] if teacher else None,
            ),
            "source_digest": run_source_digest(run),
        }
        self._say_what_is_hardly_meant(run, dataset.spec.num_classes, prefix)
        path = Path(run["run_dir"] or Path(run["runs_dir"]) / identity["config_hash"])
        check_run_dirs(run, path, teacher.directory.path if teacher else None, prefix)
        return Cell(
            run=run,
            prefix=prefix,
            directory=RunDir(path),
            identity=identity,
            device=device,
            precision=precision,
            dataset=dataset,
            teacher=teacher,
        )

    def _say_what_is_hardly_meant(self, run: dict, num_classes: int, prefix: str) -> None:
        """Once for all cells; of runs that have been planned before it has been said."""
        for notice in [] if self.checked else notices(run, num_classes, prefix):
            if notice not in self.noticed:
                self.noticed.add(notice)
                say(notice)

    def _origin(self, run: dict, dataset: Dataset, prefix: str) -> str | None:
        """The digest of a run's first weights, if they come from a file."""
        if self.checked and not (run["checkpoint"] or run["weights"]):
            return None
        # Another seed builds nothing else.
        unseeded = run | {"seed": 0}
        return _once(self.origins, unseeded, lambda: _first_weights(run, dataset, prefix))

    def _plan_teacher(self, teacher: dict | None) -> Cell | None:
        if teacher is None:
            return None
        try:
            return _once(self.teachers, teacher, lambda: self.plan(teacher, "teacher."))
        except ConfigError as error:
            raise ConfigError(f"teacher.{error}") from error


def _first_weights(run: dict, dataset: Dataset, prefix: str) -> str | None:
    """Their digest; None if they were drawn. Whatever cannot be built is a ConfigError."""
    try:
        with own_errors_named(run, prefix):
            parts = parts_with_features(run, dataset.spec)
    except weights.MisfitError as error:
        raise ConfigError(f"{error}; {remedy(run, dataset.spec, prefix)}") from error
    digest = None
    if run["checkpoint"] or run["weights"]:
        digest = weights.first_weights_digest(parts.model, parts.new_layers)
    check_parts(parts, run, dataset.spec)
    check_compared_images(parts.loss, run, len(dataset.train))
    check_standardized(parts.loss, run, dataset.spec)
    check_network(parts.model, run, dataset.spec, len(dataset.train))
    return digest


def _once(known: dict[str, T], node: dict, make: Callable[[], T]) -> T:
    """What `make` returns, remembered for all who ask with an equal node."""
    key = json.dumps(node, sort_keys=True)
    if key not in known:
        known[key] = make()
    return known[key]
