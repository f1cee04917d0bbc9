"""What has become of the cells of sweeps: how many are recorded, running, half done, waiting, ...

python -m titn.status [RUNS...]
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import yaml

from titn.console import answered, show
from titn.errors import ConfigError
from titn.progress import say
from titn.records.records import RunDir
from titn.records.sweeps import (
    DAMAGED,
    DIVERGED,
    FAILED,
    HALF_DONE,
    RECORDED,
    RUNNING,
    WAITING,
    PlannedCell,
    SweepDir,
    state_of,
    sweep_dirs,
)

STATES = (RECORDED, RUNNING, HALF_DONE, WAITING, DIVERGED, FAILED, DAMAGED)
# Of a cell in one of these a reader wants to know more than that.
LISTED = (RUNNING, HALF_DONE, DIVERGED, FAILED, DAMAGED)


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    arguments = _parser().parse_args()
    sys.exit(answered(lambda: status(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "titn.status", description="What has become of the cells of sweeps."
    )
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
    sweeps = {sweep.path.resolve(): sweep for sweep in found}.values()
    cells = [(sweep, cell) for sweep in sweeps for cell in _cells(sweep)]
    states = {_place(sweep, cell): state_of(sweep.run_dir(cell)) for sweep, cell in cells}
    if arguments.cells:
        columns: tuple[str, ...] = ("sweep", "row", "seed", "state", "epochs", "directory")
        rows = [_line(sweep, cell, states[_place(sweep, cell)]) for sweep, cell in cells]
    else:
        columns = ("sweep", "row", *STATES)
        rows = _counted(cells, states)
    show(columns, rows)
    if not arguments.cells:
        for sweep, cell in cells:
            if (state := states[_place(sweep, cell)]) in LISTED:
                say(_told(sweep, cell, state))
    return 0


def _found(directory: Path) -> list[SweepDir]:
    if not directory.is_dir():
        raise ConfigError(f"{directory}: there is no such directory; name one that holds sweeps")
    found = sweep_dirs(directory)
    if not found:
        raise ConfigError(
            f"{directory}: holds no sweep; titn.train --multirun makes one, "
            "and hydra.sweep.dir= says where"
        )
    return found


def _cells(sweep: SweepDir) -> list[PlannedCell]:
    """The cells of all settings, each once."""
    cells = (cell for setting in sweep.settings() for cell in setting.cells)
    return list({(cell.row, cell.config_hash): cell for cell in cells}.values())


def _place(sweep: SweepDir, cell: PlannedCell) -> Path:
    return sweep.run_dir(cell).path


def _counted(
    cells: list[tuple[SweepDir, PlannedCell]], states: dict[Path, str]
) -> list[tuple[str, ...]]:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for sweep, cell in cells:
        counter = counts.setdefault((sweep.name(), cell.name), Counter())
        counter[states[_place(sweep, cell)]] += 1
    return [(*row, *(str(counter[state]) for state in STATES)) for row, counter in counts.items()]


def _line(sweep: SweepDir, cell: PlannedCell, state: str) -> tuple[str, ...]:
    directory = sweep.run_dir(cell)
    epochs = _epochs(directory)
    return (sweep.name(), cell.name, str(cell.seed), state, epochs, str(directory.path))


def _epochs(directory: RunDir) -> str:
    """How many epochs are done, of how many; empty before the first step."""
    try:
        return f"{directory.num_epochs()}/{directory.config()['epochs']}"
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return ""


def _told(sweep: SweepDir, cell: PlannedCell, state: str) -> str:
    directory = sweep.run_dir(cell)
    if state == DAMAGED:
        about = "what is written of it cannot be read"
    elif state in (DIVERGED, FAILED) and (failure := directory.failure()):
        about = failure["reason"]
    else:
        about = f"{_epochs(directory) or 'no'} epochs"
    return f"{sweep.name()}, {cell.name}, seed {cell.seed}: {state}, {about}; {directory.log}"


if __name__ == "__main__":
    main()
