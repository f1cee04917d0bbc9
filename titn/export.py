"""Write a finished run in a form that other tools read, and compare it with the run's weights.

    python -m titn.export RUN --to onnx            # for onnxruntime, any number of images
    python -m titn.export RUN --to torch.export    # for torch.export.load, without titn
    python -m titn.export RUN --to hub             # a folder for huggingface_hub and titn.load
    python -m titn.export RUN --to timm            # a ViT or DeiT for timm.create_model

Exit code 1 if what was written answers otherwise than the weights.
"""

import argparse
import statistics
import sys
from typing import TYPE_CHECKING

from titn.system.console import (
    FAILED,
    Arguments,
    checked,
    complain,
    given_path,
    non_negative_number,
    print_table,
    run_command,
    whole_number,
)
from titn.system.errors import ConfigError
from titn.system.progress import say
from titn.system.text import counted

if TYPE_CHECKING:
    from titn.cells.reopen import FinishedRun
    from titn.exporting.export import Exported

COLUMNS = ("form", "batch", "median_ms", "fastest_ms", "slowest_ms", "images_per_sec")
FORMS = ("onnx", "torch.export", "hub", "timm")


def main() -> None:
    """Console entry: exit code 0 done, 1 differs, 2 bad input, 130 interrupted."""
    sys.exit(run_command(lambda: export(_parser().parse_args())))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments("titn.export", description="A finished run in the form of another tool.")
    parser.add_argument("run", type=given_path, help="directory of a finished run")
    parser.add_argument("--to", choices=FORMS, required=True, help="the form")
    parser.add_argument(
        "--output", type=given_path, help="file or folder (default: exports/NETWORK-HASH)"
    )
    parser.add_argument("--force", action="store_true", help="replace what is there")
    parser.add_argument("--root", help="where its data set lies, if not where it lay")
    parser.add_argument(
        "--images",
        type=whole_number(1),
        help="compare on at most so many test images (default: all)",
    )
    parser.add_argument(
        "--tolerance",
        type=non_negative_number,
        default=1e-3,
        help="how far a logit may lie from that of the weights (default 1e-3)",
    )
    parser.add_argument(
        "--rounds", type=whole_number(0), default=7, help="of timing; 0: none (default 7)"
    )
    parser.add_argument(
        "--license",
        type=checked("license", _check_licence),
        help="of the weights, as mit, for the card of --to hub (default: the card names none)",
    )
    parser.add_trust()
    return parser


def _check_licence(name: str) -> None:
    if not name.strip():
        raise ConfigError(
            'license="": is empty; give one as the hub writes it, as mit or cc-by-4.0'
        )


def export(arguments: argparse.Namespace) -> int:
    """Write, compare, time, print."""
    from titn.cells.reopen import open_run
    from titn.exporting import export as exporting
    from titn.exporting.agreement import images_to_compare

    run = open_run(arguments.run, arguments.trust)
    if note := run.other_source():
        complain(note, 0)
    path = arguments.output or exporting.default_path(run, arguments.to)
    exporting.check_possible(run, arguments.to, path, arguments.force)
    pixels = images_to_compare(run, arguments.root, arguments.images)
    exported = exporting.export(run, arguments.to, path, pixels, arguments.license)
    say(f"compared with the weights on {counted(len(pixels), 'image')}: {exported.agreement}")
    if arguments.rounds and exported.answer is not None:
        print_latencies(run, arguments.to, exported, arguments.rounds)
    print(f"exported: {path}")
    # Not >, which nan is not.
    if not exported.agreement.largest_difference <= arguments.tolerance:
        return complain(f"{path}: answers otherwise than {arguments.run}; do not use it", FAILED)
    return 0


def print_latencies(run: "FinishedRun", form: str, exported: "Exported", rounds: int) -> None:
    """A line for PyTorch and one for the form, at each batch size."""
    from titn.exporting.latency import time_answers

    assert exported.answer is not None
    spec = run.spec
    timed = time_answers(
        exported.classifier,
        {form: exported.answer},
        spec,
        batches=(1, 128),
        rounds=rounds,
        secs=0.1,
    )
    rows = []
    for one in timed:
        median = statistics.median(one.times)
        times = (f"{1000 * secs:.3f}" for secs in (median, min(one.times), max(one.times)))
        rows.append((one.name, str(one.batch), *times, f"{one.batch / median:.1f}"))
    print_table(COLUMNS, rows)


if __name__ == "__main__":
    main()
