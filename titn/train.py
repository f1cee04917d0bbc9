"""Train one student, distilled from a teacher or not, and record it.

    python -m titn.train model=titn teacher=vgg16_bn

Light to import: torch is loaded only when there is something to train, so that --help and a
mistyped key are answered at once.
"""

import os
import sys
from dataclasses import dataclass

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from titn import config
from titn.console import BAD_INPUT, FAILED, INTERRUPTED, complain
from titn.errors import CellError, ConfigError, one_line
from titn.explain import explain


def main() -> None:
    """Console entry: exit code 0 done, 1 failed, 2 bad input, 130 interrupted."""
    sys.exit(run())


def run() -> int:
    """Compose the command line and make its cells; what went wrong becomes one line each."""
    # Hydra's own handler would print a traceback and exit with 1; so exceptions come through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    config.register_sweeps()
    failures: list[Failure] = []
    composed = False

    def job(configuration: DictConfig) -> dict | None:
        nonlocal composed
        composed = True
        try:
            return train(configuration)
        except (ConfigError, CellError) as error:
            if in_another_process():
                raise
            # Not raised here: Hydra would say less, and of the first of several failures only.
            failures.append(Failure(error, HydraConfig.get().job.override_dirname))
            return None

    try:
        hydra.main(version_base="1.3", config_path=config.conf_dir(), config_name="config")(job)()
    except HydraException as error:
        return complain(explain(error, sys.argv[1:]), BAD_INPUT)
    except (ConfigError, OmegaConfBaseException) as error:
        return complain(one_line(str(error)), BAD_INPUT)
    except CellError as error:
        return complain(str(error), FAILED)
    except KeyboardInterrupt:
        return complain(
            "interrupted; the same command goes on from the last checkpoint", INTERRUPTED
        )
    except ValueError as error:
        if composed:
            raise
        return complain(one_line(str(error)), BAD_INPUT)
    for failure in failures:
        of_several = f"{failure.overrides}: " if multirun() else ""
        complain(f"{of_several}{failure.error}", 0)
    codes = [BAD_INPUT if isinstance(f.error, ConfigError) else FAILED for f in failures]
    return max(codes, default=0)


@dataclass(frozen=True)
class Failure:
    """A job that could not be done, and the overrides that make it differ from its siblings."""

    error: ConfigError | CellError
    overrides: str


def multirun() -> bool:
    return any(argument in ("-m", "--multirun") for argument in sys.argv[1:])


def in_another_process() -> bool:
    """Whether a launcher runs this job where `run` does not see what it leaves behind."""
    job = HydraConfig.get()
    return job.mode == RunMode.MULTIRUN and "BasicLauncher" not in job.launcher["_target_"]


def train(composed: DictConfig) -> dict:
    """One job: check its configuration, make its cell, print its record."""
    job = HydraConfig.get()
    if "ablation" in job.runtime.choices and job.mode == RunMode.RUN:
        raise ConfigError("+ablation: asks a question of many cells; add --multirun")
    run = config.resolve(composed, dict(job.runtime.choices))

    from titn import cells

    directory, result = cells.ensure(run)
    print(summary(result))
    print(f"record: {directory.path}")
    return result


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
    if result["images_per_sec"]:
        lines.append(
            f"trained in {result['train_secs']:.0f} s at {result['images_per_sec']:.0f} images/s"
        )
    if result["teacher"]:
        lines.append(f"teacher top1 {result['teacher']['top1']:.4f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
