"""What has become of the cells of sweeps: how many are recorded, running, half done, waiting, ...

python -m titn.status [RUNS...]
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from titn.records.cell_state import (
    DAMAGED,
    DIVERGED,
    FAILED,
    HALF_DONE,
    RECORDED,
    RUNNING,
    WAITING,
    cell_state,
    damage_reason,
)
from titn.records.run_dir import RunDir
from titn.records.run_files import read_config, read_run_files
from titn.records.safe_open import safe_path
from titn.records.sweep_dir import SweepDir, sweep_dirs
from titn.records.sweep_plan import PlannedCell
from titn.system.console import Arguments, complain, print_table, run_command
from titn.system.errors import ConfigError
from titn.system.progress import say
from titn.system.text import printable

STATES = (RECORDED, RUNNING, HALF_DONE, WAITING, DIVERGED, FAILED, DAMAGED)
# Of a cell in one of these a reader wants to know more than that.
LISTED = (RUNNING, HALF_DONE, DIVERGED, FAILED, DAMAGED)


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    arguments = _parser().parse_args()
    sys.exit(run_command(lambda: status(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments("titn.status", description="What has become of the cells of sweeps.")
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        default=[Path("runs")],
        metavar="RUNS",
        help="directories with sweeps in them, or sweeps (default: runs)",
    )
    parser.add_argument("--cells", action="store_true", help="a line for each cell, not row")
    return parser


def status(arguments: argparse.Namespace) -> int:
    """Print a table: a line for each row of each sweep, or for each cell."""
    found = (sweep for directory in arguments.runs for sweep in _found(directory))
    sweeps = {os.path.realpath(sweep.path): sweep for sweep in found}.values()
    cells = _cells_of(list(sweeps))
    states = {_place(one): cell_state(one.run) for one in cells}
    if arguments.cells:
        columns: tuple[str, ...] = ("sweep", "row", "seed", "state", "epochs", "directory")
        rows = [_line(one, states[_place(one)]) for one in cells]
    else:
        columns = ("sweep", "row", *STATES)
        rows = _counted(cells, states)
    print_table(columns, [tuple(map(printable, row)) for row in rows])
    for one in cells:
        state = states[_place(one)]
        if state == DAMAGED or (state in LISTED and not arguments.cells):
            say(printable(_told(one, state)))
    for sweep in sweeps:
        for line in _put_off(sweep):
            say(printable(line))
    return 0


def _put_off(sweep: SweepDir) -> list[str]:
    """What is put off of a sweep. That its plan is damaged has been told with its cells."""
    try:
        notes = sweep.postponed()
    except ConfigError as error:
        return [str(error)]
    try:
        name = sweep.name()
    except ConfigError:
        name = sweep.path.name
    return [f"{name} is put off: {one.reason}; {one.needs}" for one in notes]


@dataclass(frozen=True)
class Listed:
    """A cell of a sweep. sweep: its name."""

    sweep: str
    cell: PlannedCell
    run: RunDir


def _cells_of(sweeps: Sequence[SweepDir]) -> list[Listed]:
    """The cells of all sweeps; a plan that is damaged is named, and ConfigError if all are."""
    cells: list[Listed] = []
    damaged = []
    for sweep in sweeps:
        try:
            name = sweep.name()
            cells += [Listed(name, cell, sweep.run_dir(cell)) for cell in _cells(sweep)]
        except ConfigError as error:
            damaged.append(error)
    if len(damaged) == len(sweeps):
        raise damaged[0]
    for damage in damaged:
        complain(str(damage), 0)
    return cells


def _found(directory: Path) -> list[SweepDir]:
    if not os.path.isdir(directory):  # Path.is_dir raises for a name that is too long
        raise ConfigError(
            f"{printable(directory)}: there is no such directory; name one that holds sweeps"
        )
    found = sweep_dirs(directory)
    if not found:
        raise ConfigError(
            f"{printable(directory)}: holds no sweep; titn.train --multirun makes one, "
            "and hydra.sweep.dir= says where"
        )
    return found


def _cells(sweep: SweepDir) -> list[PlannedCell]:
    """The cells of all settings, each once."""
    cells = (cell for setting in sweep.settings() for cell in setting.cells)
    return list({(cell.row, cell.config_hash): cell for cell in cells}.values())


def _place(one: Listed) -> Path:
    return one.run.path


def _counted(cells: Sequence[Listed], states: dict[Path, str]) -> list[tuple[str, ...]]:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for one in cells:
        counter = counts.setdefault((one.sweep, one.cell.name), Counter())
        counter[states[_place(one)]] += 1
    return [(*row, *(str(counter[state]) for state in STATES)) for row, counter in counts.items()]


def _line(one: Listed, state: str) -> tuple[str, ...]:
    epochs = _epochs(one.run)
    return (one.sweep, one.cell.name, str(one.cell.seed), state, epochs, str(one.run.path))


def _epochs(run: RunDir) -> str:
    """How many epochs are done, of how many; empty before the first step."""
    try:
        wanted = read_config(run.path)["epochs"]
        safe_path(run.path, "epochs.jsonl")
        return f"{run.num_epochs()}/{wanted}"
    except (OSError, ValueError):
        return ""


def _told(one: Listed, state: str) -> str:
    if state == DAMAGED:
        about = f"{damage_reason(one.run)}; put back a copy, or remove it"
    elif state in (DIVERGED, FAILED) and (failure := read_run_files(one.run.path).failure):
        about = failure["reason"]
    else:
        about = f"{_epochs(one.run) or 'no'} epochs"
    where = one.run.path if state == DAMAGED else one.run.log
    return f"{one.sweep}, {one.cell.name}, seed {one.cell.seed}: {state}, {about}; {where}"


if __name__ == "__main__":
    main()
