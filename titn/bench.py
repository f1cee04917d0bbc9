"""How fast a run trains on this machine, end to end and by stage, without any data set.

    python -m titn.bench model=titn teacher=vgg16_bn batch_size=128
    python -m titn.bench model=titn teacher=vgg16_bn batch_size=1024 --cells 4

Overrides are those of titn.train; compile=none, fold_teacher=false and the like turn fast paths
off. Images are made up and the teacher is not trained: neither changes the speed.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from titn.system.console import Arguments, given_path, print_table, run_command, whole_number
from titn.system.errors import ConfigError
from titn.system.files import replacing, write_text

if TYPE_CHECKING:
    from titn.profiling.stages import Stage, StepProfile

COLUMNS = ("stage", "ms_a_batch", "of_the_step", "images_per_sec", "of_the_ceiling")


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    sys.exit(run_command(lambda: bench(_parser().parse_intermixed_args())))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        "titn.bench", description="Images a second of training, end to end and by stage; medians."
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="KEY=VALUE",
        help="as for titn.train, for example model=deit",
    )
    parser.add_argument("--steps", type=whole_number(1), default=10, help="of a round (default 10)")
    parser.add_argument("--rounds", type=whole_number(1), default=5, help="default 5")
    parser.add_argument("--classes", type=whole_number(2, 2**15), default=100, help="default 100")
    parser.add_argument(
        "--cells",
        type=whole_number(1, 1000),
        default=1,
        help="also N runs at once, a process for each",
    )
    parser.add_argument(
        "--only-whole", action="store_true", help="whole steps only, not stage by stage"
    )
    parser.add_argument(
        "--kept-labels",
        action="store_true",
        help="with --only-whole: as a student whose teacher's answers were kept by another",
    )
    parser.add_argument(
        "--json", type=given_path, metavar="FILE", help="everything measured, as JSON"
    )
    return parser


def bench(arguments: argparse.Namespace) -> int:
    """Measure, print, write."""
    from titn.config.compose_run import compose_run
    from titn.config.constraints import check_memory
    from titn.profiling.stages import profile_step
    from titn.profiling.throughput import cached_answer_rates, concurrent_rates, training_rates
    from titn.system.progress import say
    from titn.types import image_spec

    run = compose_run(arguments.overrides)
    if run["devices"] > 1:
        raise ConfigError(f"devices={run['devices']}: titn.bench measures one device; leave it out")
    _check_kept_labels(arguments, run)
    batch, spec = run["batch_size"], image_spec(run["dataset"], arguments.classes)
    # All images of a round as bytes, and those of a batch in floating point.
    needed = (arguments.steps + 4) * batch * spec.channels * spec.size**2
    check_memory(needed, f"batch_size={batch}", "the images take", "it, or --steps")
    if arguments.json:
        _check_writable(arguments.json)
    settings = {
        "steps": arguments.steps,
        "rounds": arguments.rounds,
        "num_classes": arguments.classes,
    }
    found: dict = {"overrides": arguments.overrides, **settings}
    if arguments.only_whole:
        measure = cached_answer_rates if arguments.kept_labels else training_rates
        rates = measure(run, **settings)
        found["images_per_sec"] = rates
        print(f"{statistics.median(rates):.1f} images/s ({min(rates):.1f} to {max(rates):.1f})")
    else:
        profile = profile_step(run, **settings)
        found |= profile.facts()
        say(profile.describe())
        print_table(COLUMNS, [row(stage, profile) for stage in profile.stages])
    if arguments.cells > 1:
        rates = concurrent_rates(run, arguments.cells, **settings)
        found["cells"], found["images_per_sec_together"] = arguments.cells, rates
        alone = statistics.median(found["images_per_sec"])
        total = statistics.median(rates)
        print(
            f"{arguments.cells} cells at once: {total:.1f} images/s in all, "
            f"{total / alone:.2f} times one alone"
        )
    if arguments.json:
        write_text(arguments.json, json.dumps(found, indent=1) + "\n")
    return 0


def _check_kept_labels(arguments: argparse.Namespace, run: dict) -> None:
    """ConfigError if no teacher answers, or if kept answers would not be used."""
    if not arguments.kept_labels:
        return
    if not arguments.only_whole or arguments.cells > 1:
        raise ConfigError(
            "--kept-labels: is of whole steps alone; add --only-whole, without --cells"
        )
    if run["teacher"] is None:
        raise ConfigError("--kept-labels: there is no teacher whose answers are kept; choose one")


def _check_writable(path: Path) -> None:
    """ConfigError if what is measured could not be written in the end."""
    if path.exists() and not path.is_file():
        raise ConfigError(f"--json {path}: is no file; choose another")
    try:
        # As `write_text` will: the file of before stays.
        with replacing(path) as temporary:
            temporary.write_bytes(path.read_bytes() if path.exists() else b"")
    except OSError as error:
        raise ConfigError(
            f"--json {path}: cannot be written ({error.strerror}); choose another"
        ) from None


def row(stage: "Stage", profile: "StepProfile") -> tuple[str, ...]:
    """A line of the table; the share of the step is that of the same number of images."""
    step = profile.stages[0]
    secs_per_image = stage.secs / stage.num_images
    share = secs_per_image / (step.secs / step.num_images)
    return (
        stage.name,
        f"{1000 * secs_per_image * profile.batch_size:.2f}",
        f"{share:.3f}",
        f"{1 / secs_per_image:.1f}",
        f"{stage.flops / stage.secs / profile.ceiling:.3f}" if stage.flops else "",
    )


if __name__ == "__main__":
    main()
