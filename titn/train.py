"""Train one student, distilled from a teacher or not, and record it.

    python -m titn.train model=titn teacher=vgg16_bn

Light to import: torch is loaded only when there is something to train, so that --help and a
mistyped key are answered at once.
"""

import os
import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from titn.config import resolve
from titn.config.annotations import Busy
from titn.config.hydra_errors import explaining
from titn.config.schema import validate_value
from titn.records.sweep_dir import cell_state
from titn.sweeps.overrides import QUESTIONS, quote_for_hydra
from titn.sweeps.sweeper import Outcome
from titn.system import signals
from titn.system.console import BAD_INPUT, FAILED, complain
from titn.system.errors import CellError, ConfigError
from titn.system.progress import duration, say


def main() -> None:
    """Console entry: exit code 0 done, 1 failed, 2 bad input, 130 or 143 interrupted."""
    sys.exit(run())


def run() -> int:
    """Compose the command line and make its cell, or its sweep; what went wrong is one line."""
    # Hydra's own handler would print a traceback and exit with 1; so exceptions come through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    resolve.register_sweeps()
    signals.install()
    sys.argv[1:] = map(quote_for_hydra, sys.argv[1:])
    failure: ConfigError | CellError | None = None

    def job(configuration: DictConfig) -> dict | Outcome | None:
        nonlocal failure
        # Raised in here, Hydra would print a line of its own.
        try:
            # titn's sweeper says itself what it would do; another one leaves that to its jobs.
            if HydraConfig.get().mode == RunMode.MULTIRUN and not configuration.dry_run:
                return of_sweep(configuration)
            return train(configuration)
        except (ConfigError, CellError) as error:
            failure = error
        except OmegaConfBaseException as error:
            failure = ConfigError(resolve.omegaconf_message(error))
        return None

    try:
        with signals.interruptible(), explaining(sys.argv[1:]):
            entry = hydra.main(resolve.conf_dir(), "config", version_base="1.3")
            entry(job)()
        if failure is not None:
            raise failure
    except ConfigError as error:
        return complain(str(error), BAD_INPUT)
    except CellError as error:
        return complain(str(error), FAILED)
    except signals.Leave as leave:
        return complain(
            f"interrupted by {leave}; the same command goes on from here", leave.exit_code
        )
    return 0


def train(composed: DictConfig) -> dict | None:
    """A single run: check its configuration, make its cell, print its record."""
    run = checked(composed)

    from titn.cells import ensure

    if composed.dry_run:
        cell = ensure.Planner().plan(run)
        print(f"{cell.name} {ensure.describe(cell)}: {cell_state(cell.directory)}")
        print(f"record: {cell.directory.path}")
        return None
    directory, result = ensure.ensure(run, composed.busy == "wait")
    print(summary(result))
    print(f"record: {directory.path}")
    return result


def of_sweep(composed: DictConfig) -> Outcome:
    """One cell of a sweep. It raises nothing: a launcher would stop its siblings."""
    from titn.cells import ensure

    label, wait = composed.get("cell"), composed.busy == "wait"
    signals.install(worker=True)
    signals.begin_round(composed.get("round"))
    try:
        with signals.interruptible():
            directory, result = ensure.ensure(checked(composed), wait, checked=True)
    except signals.Leave:
        return Outcome(left=True)
    except ensure.BusyError:
        say(f"{label}: another process is making it")
        return Outcome(busy=True)
    except (ConfigError, CellError) as error:
        say(f"{label}: {error}")
        return Outcome(reason=str(error), bad_input=isinstance(error, ConfigError))
    say(f"{label}: top1 {result['top1']:.4f} ({duration(result['wall_secs'])}), {directory.path}")
    return Outcome()


def checked(composed: DictConfig) -> dict:
    """The run that a job describes, and what is said beside it, checked."""
    job = HydraConfig.get()
    asked = [group for group in QUESTIONS if group in job.runtime.choices]
    if asked and job.mode == RunMode.RUN:
        raise ConfigError(f"+{asked[0]}: asks a question of many cells; add --multirun")
    validate_value(composed.dry_run, bool, "dry_run")
    validate_value(composed.busy, Busy, "busy")
    if composed.postpone is not None:
        raise ConfigError(
            "postpone: is for a question, whose page says it; add one, as +ablation=mix"
        )
    return resolve.resolve(composed, dict(job.runtime.choices))


def summary(result: dict) -> str:
    """A record in a few lines, for a terminal."""
    lines = [f"{'':12}{'top1':>8}{'top5':>8}{'nll':>8}"]
    for head in ("cls", "dist", "fused"):
        if result[head] is not None:
            cells = (result[head][key] for key in ("top1", "top5", "nll"))
            values = "".join(f"{'-' if cell is None else format(cell, '.4f'):>8}" for cell in cells)
            lines.append(f"{head:12}{values}")
    lines.append(
        f"{result['split']} of {result['num_evaluated']} images after {result['epochs']} epochs; "
        f"macro f1 {result['f1']:.4f}, ece {result['ece']:.4f}"
    )
    lines.append(
        f"{result['parameters'] / 1e6:.2f}M parameters, "
        f"{result['macs'] / 1e6:.1f}M multiply-accumulates an image"
    )
    if result["train_secs"]:
        speed = result["images_per_sec"]
        at = f"at {speed:.0f} images/s" if speed else "with labels that its teacher gave before"
        lines.append(f"trained in {result['train_secs']:.0f} s {at}")
    if result["teacher"]:
        lines.append(f"teacher top1 {result['teacher']['top1']:.4f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
