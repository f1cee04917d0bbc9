"""Train one student, distilled from a teacher or not, and record it.

    python -m titn.train model=titn teacher=vgg16_bn

Light to import: torch is loaded only when there is something to train, so that --help and a
mistyped key are answered at once.

As `titn.train` has always been this module, `titn.train([...])` calls the module: Python binds the
name to it as soon as anything imports it, so a function of that name would not stay.
"""

import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from titn.config import resolve
from titn.config.help import commented_help
from titn.config.hydra_errors import explaining
from titn.config.paths import conf_dir
from titn.config.plugins import load_plugins
from titn.records.provenance import made_by
from titn.sweeps.job import run_job
from titn.sweeps.launch import Outcome
from titn.sweeps.overrides import defer_to_cells, quote_for_hydra
from titn.sweeps.question_checks import check_question_files
from titn.sweeps.search.arguments import allow_search_keys
from titn.system import signals
from titn.system.console import BAD_INPUT, complain, run_command, version
from titn.system.errors import CellError, ConfigError

if TYPE_CHECKING:
    from titn.api.run import Run


def main() -> None:
    """Console entry: exit code 0 done, 1 failed, 2 bad input, 130 or 143 interrupted."""
    sys.exit(run_command(train))


def train() -> int:
    """Compose the command line and make its cell, or its sweep: the exit code.

    Raises ConfigError and CellError.
    """
    if "--version" in sys.argv[1:]:  # Hydra would print its own
        print(version())
        return 0
    # Hydra's own handler would print a traceback and exit with 1; so exceptions come through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    load_plugins()
    signals.install()
    typed = list(sys.argv[1:])
    arguments = allow_search_keys([quote_for_hydra(one) for one in typed])
    sys.argv[1:] = defer_to_cells(arguments) if _is_sweep(arguments) else arguments
    failure: ConfigError | CellError | None = None

    def job(composed: DictConfig) -> dict | Outcome | None:
        nonlocal failure
        # Raised in here, Hydra would print a line of its own.
        try:
            return run_job(composed)
        except (ConfigError, CellError) as error:
            failure = error
        except OmegaConfBaseException as error:
            failure = ConfigError(resolve.omegaconf_message(error))
        return None

    try:
        with (
            signals.interruptible(),
            made_by(typed),
            explaining(sys.argv[1:]),
            commented_help(sys.argv[1:]),
        ):
            check_question_files(sys.argv[1:])
            entry = hydra.main(conf_dir(), "config", version_base="1.3")
            entry(job)()
    except ConfigError as error:
        # Another launcher or sweeper than titn's may stumble over a job that has failed.
        raise failure or error from None
    except SystemExit as end:  # Hydra's, of an option; it has said why
        return 0 if end.code in (None, 0) else BAD_INPUT
    except signals.Leave as leave:
        return complain(
            f"interrupted by {leave}; {after_interruption(sys.argv[1:])}", leave.exit_code
        )
    if failure is not None:
        raise failure
    return 0


def after_interruption(arguments: Sequence[str]) -> str:
    """What to do after an interruption: with force=true the same command would begin anew."""
    asked = {argument.lstrip("+").lower() for argument in arguments}
    if forced := [key for key in ("force", "teacher.force") if f"{key}=true" in asked]:
        if _is_sweep(arguments):
            return (
                f"what is done stays, and the same command would begin it anew: with {forced[0]}="
                "true ask for the other cells alone (rows=, seed=)"
            )
        return f"the same command without {' and '.join(f'{key}=true' for key in forced)} goes on"
    return "the same command goes on from here"


def _is_sweep(arguments: Sequence[str]) -> bool:
    return "-m" in arguments or "--multirun" in arguments


class CallableModule(ModuleType):
    """This module, which is also the function `titn.api.training.train`."""

    def __call__(self, overrides: Sequence[str] = ()) -> "Run":
        from titn.api.training import train

        return train(overrides)


sys.modules[__name__].__class__ = CallableModule

if __name__ == "__main__":
    main()
