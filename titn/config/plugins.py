"""Hydra's plugins: those of this environment that can be imported, and titn's own sweeps/."""

import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from traceback import walk_tb

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from titn.config.paths import config_root

# Choices of Hydra's groups that its plugins bring -> the package of each.
PACKAGES = {
    "joblib": "hydra-joblib-launcher",
    "submitit_local": "hydra-submitit-launcher",
    "submitit_slurm": "hydra-submitit-launcher",
    "ray_aws": "hydra-ray-launcher",
    "rq": "hydra-rq-launcher",
    "colorlog": "hydra-colorlog",
}


class SweepsSearchPath(SearchPathPlugin):
    """Makes `+ablation=NAME` find sweeps/ablation/NAME.yaml, whatever else is searched."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("titn-sweeps", f"file://{config_root() / 'sweeps'}")


def load_plugins() -> None:
    """Import the plugins that can be imported, and tell Hydra of sweeps/; once."""
    # Hydra warns of what raises ImportError, at every command, and is stopped by what raises else.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while True:
            try:
                plugins = Plugins.instance()
                break
            except Exception as error:  # any that a module of somebody else's raises
                _leave_out(error)
    if SweepsSearchPath not in plugins.discover(SearchPathPlugin):
        plugins.register(SweepsSearchPath)


def _leave_out(error: Exception) -> None:
    """Make Hydra pass over the plugin that has raised this; raise it again if none has."""
    names = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    raised_in = next((name for name in names if name.startswith("hydra_plugins.")), None)
    if raised_in is None or raised_in in sys.modules:
        raise error
    sys.modules[raised_in] = None  # type: ignore[assignment]


def plugin_missing(group: str, choice: str) -> str | None:
    """What to do for a choice of Hydra's that is not there, and that a plugin brings."""
    package = PACKAGES.get(choice) if group.startswith("hydra/") else None
    if package is None:
        return None
    try:
        installed = version(package)
    except PackageNotFoundError:
        return f"is not installed; run: pip install {package}"
    return (
        f"{package} {installed} cannot be imported; run: pip install --upgrade {package}, "
        f"and python -c 'import hydra_plugins.{package.replace('-', '_')}' to see why not"
    )
