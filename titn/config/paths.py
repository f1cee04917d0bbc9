"""Where conf/ and sweeps/ lie, and how Hydra finds them."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from titn.config.timm_recipes import register_timm_recipes

register_timm_recipes()  # the files of conf/ ask for them


def config_root() -> Path:
    """The directory that holds conf/ and sweeps/: the checkout's, or the package's in a wheel."""
    package = Path(__file__).resolve().parents[1]
    return package if (package / "conf").is_dir() else package.parent


def conf_dir() -> str:
    """The directory of the configuration groups."""
    return str(config_root() / "conf")


class SweepsSearchPath(SearchPathPlugin):
    """Makes `+ablation=NAME` find sweeps/ablation/NAME.yaml, whatever else is searched."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("titn-sweeps", f"file://{config_root() / 'sweeps'}")


def register_sweeps() -> None:
    """Tell Hydra of sweeps/; once, however often it is called."""
    if SweepsSearchPath not in Plugins.instance().discover(SearchPathPlugin):
        Plugins.instance().register(SweepsSearchPath)
