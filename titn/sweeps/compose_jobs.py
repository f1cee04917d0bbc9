"""The configurations of a sweep's jobs, composed as Hydra's launcher will compose them."""

import copy
import re
from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict

from titn.config.hydra_errors import explain
from titn.config.resolve import resolve
from titn.system.errors import ConfigError

# The last override of a job, as `CellRequest.job_overrides` writes it.
SEED = re.compile(r"seed=(0|[1-9]\d*)")


class JobComposer:
    """Composes the jobs of one sweep; a row is composed once for all its seeds.

    config: composed by Hydra for the sweep.
    """

    def __init__(self, config: DictConfig, loader: ConfigLoader):
        self._config, self._loader = config, loader
        self._known: dict[tuple[str, ...], tuple[DictConfig, dict[str, str]]] = {}

    def __call__(self, overrides: Sequence[str]) -> dict:
        """The checked configuration of a job; ConfigError where it cannot be composed."""
        seed = SEED.fullmatch(overrides[-1]) if overrides else None
        row = tuple(overrides[:-1] if seed else overrides)
        if row not in self._known:
            self._known[row] = self._composed(row)
        composed, choices = copy.deepcopy(self._known[row])
        if seed:
            composed.seed = int(seed[1])
        return resolve(composed, choices)

    def _composed(self, overrides: Sequence[str]) -> tuple[DictConfig, dict[str, str]]:
        """The configuration, and the file that each group was composed from."""
        try:
            composed = self._loader.load_sweep_config(self._config, list(overrides))
        except HydraException as error:
            raise ConfigError(explain(error, overrides)) from None
        choices = dict(composed.hydra.runtime.choices)
        with open_dict(composed):
            del composed["hydra"]
        return composed, choices
