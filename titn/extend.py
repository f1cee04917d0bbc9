"""Train a finished run longer: a new run that begins with its weights.

    python -m titn.extend RUN --more 20                      # the same recipe, 20 epochs more
    python -m titn.extend RUN optimizer.lr=1e-4 --more 20    # at another rate

It has the configuration of RUN but for the seed, by which it sees other views and mixes, and lies
beside it. Its schedule begins anew, so it is not what a longer run would have been: that command is
printed, too. The same command goes on with an extension that was interrupted.
"""

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from titn.records.summary import epochs_text
from titn.system.console import (
    Arguments,
    complain,
    given_path,
    run_command,
    whole_number,
)
from titn.system.progress import say

if TYPE_CHECKING:
    from titn.cells.extending import Extension


def main() -> None:
    """Console entry: exit code 0 done, 1 failed, 2 bad input, 130 or 143 interrupted."""
    sys.exit(run_command(lambda: extend(_parser().parse_intermixed_args())))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments("titn.extend", description="A finished run, trained longer, as a new run.")
    parser.add_argument("run", type=given_path, help="directory of a finished run")
    parser.add_argument(
        "changes",
        nargs="*",
        metavar="KEY=VALUE",
        help="a key that is to be otherwise, as optimizer.lr=1e-4, device=cuda or dataset.root=DIR",
    )
    parser.add_argument(
        "--more", type=whole_number(1), required=True, metavar="N", help="epochs to train"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be trained, and stop"
    )
    parser.add_trust()
    return parser


def extend(arguments: argparse.Namespace) -> int:
    """Plan, say what it is and what it is not, train, print the record."""
    from titn.cells.ensure import ensure_recorded
    from titn.cells.extending import plan_extension
    from titn.cells.planning import Planner
    from titn.config.assignments import parse_assignments
    from titn.records.cell_state import cell_state
    from titn.records.provenance import made_by
    from titn.records.summary import summarise_record
    from titn.system import signals

    signals.install()
    changes = parse_assignments(arguments.changes)
    extension = plan_extension(arguments.run, arguments.more, changes, arguments.trust)
    if note := extension.parent.other_source():
        complain(note, 0)
    cell = Planner().plan(extension.run)
    if cell.dataset.digest != extension.parent.result.get("data_digest"):
        complain(f"{arguments.run}: was trained on other images than these", 0)
    for line in explained(extension):
        say(line)
    config_hash = cell.identity["config_hash"]
    if arguments.dry_run:
        print(f"{cell.name} {cell.describe()}: {cell_state(cell.directory, config_hash)}")
        print(f"record: {cell.directory.path}")
        return 0
    try:
        with signals.interruptible(), made_by(sys.argv[1:], "titn-extend"):
            result = ensure_recorded(cell)
    except signals.Leave as leave:
        return complain(
            f"interrupted by {leave}; the same command goes on from here", leave.exit_code
        )
    print(summarise_record(result))
    print(f"record: {cell.directory.path}")
    return 0


def explained(extension: "Extension") -> list[str]:
    """What is trained, and how it differs from a longer run, with the command of that one."""
    parent, run = extension.parent, extension.run
    origin = parent.run["checkpoint"]  # of an extension that is extended
    begun = f" from the weights of {origin}" if origin else ""
    is_same_seed = run["seed"] == parent.run["seed"]
    seen = (
        "its own, so that the views and mixes of its first epochs come again; leave seed= out for "
        "others"
        if is_same_seed
        else "with views and mixes that it has not seen"
    )
    lines = [
        f"{run['choices']['model']}, trained for {epochs_text(parent.result)}{begun} "
        f"to a top1 of {parent.result['top1']:.4f}, is trained for "
        f"{run['epochs']} more from its recorded weights, by seed {run['seed']}: {seen}",
        "its schedule begins anew, with the full learning rate, and so does the optimizer: it is "
        f"not what a run of {extension.epochs_in_all} epochs{begun} would be, whose rate falls "
        "once",
    ]
    overrides = extension.from_the_start()
    if overrides is None:
        command = f"the command that made {parent.directory.path}, with "
        return [*lines, f"that run: {command}epochs={extension.epochs_in_all}"]
    return [*lines, f"that run: titn train {shlex.join(overrides)}"]


if __name__ == "__main__":
    main()
