"""Hydra's interface to titn's sweeps. No __init__.py: other distributions have plugins here too."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from titn.sweeps.ray import options as ray_options
from titn.sweeps.slurm import options as slurm_options
from titn.sweeps.sweep import read_sweep
from titn.sweeps.sweeper import run_sweep
from titn.system.errors import ConfigError, one_line


class OwnLauncher(Launcher):
    """The keys of a launcher of titn's own, which makes cells otherwise than by `launch`.

    A list of overrides is not enough to know how long a cell takes, which one is queued, and which
    teacher it needs.
    """

    options: Any
    read_options: Callable[[Mapping[str, Any]], Any]

    def __init__(self, **given: Any):
        self.given = given

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.options = type(self).read_options(
            {
                key: OmegaConf.to_container(value, resolve=True)
                if OmegaConf.is_config(value)
                else value
                for key, value in self.given.items()
            }
        )

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        raise ConfigError("hydra/launcher: it makes the cells of titn's own sweeper alone")


class SlurmLauncher(OwnLauncher):
    """The keys of conf/hydra/launcher/slurm.yaml; titn.sweeps.slurm queues the cells."""

    read_options = staticmethod(slurm_options.read_options)


class RayLauncher(OwnLauncher):
    """The keys of conf/hydra/launcher/ray.yaml; titn.sweeps.ray hands the cells over."""

    read_options = staticmethod(ray_options.read_options)


class TitnSweeper(Sweeper):
    """Makes a question's rows, or what was swept on the command line, times the seeds.

    conf/hydra/sweeper/titn.yaml names it. params: key -> values, of the sweep's own file; the
    command line comes after them.
    """

    config: DictConfig
    launcher: Launcher
    hydra_context: HydraContext

    def __init__(self, params: Any):
        self.params = params

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context = hydra_context
        self.config = config
        if OmegaConf.select(config, "hydra.launcher.n_jobs") == 0:
            raise ConfigError(
                "hydra.launcher.n_jobs=0: no job at a time; give 1 or more, or -1 for one a core"
            )
        try:
            self.launcher = Plugins.instance().instantiate_launcher(
                hydra_context=hydra_context, task_function=task_function, config=config
            )
        except (RuntimeError, ImportError, TypeError) as error:
            raise ConfigError(
                f"hydra.launcher: {one_line(str(error))}; choose hydra/launcher=basic or joblib"
            ) from None

    def sweep(self, arguments: list[str]) -> None:
        loader = self.hydra_context.config_loader
        sweep = read_sweep(self.config, self.params, arguments, loader)
        run_sweep(sweep, self.launcher)
