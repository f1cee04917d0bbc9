"""Where conf/ and sweeps/ lie."""

from pathlib import Path

from titn.config.sweep_places import register_sweep_places
from titn.config.timm_recipes import register_timm_recipes

# The files of conf/ ask for them.
register_timm_recipes()
register_sweep_places()


def config_root() -> Path:
    """The directory that holds conf/ and sweeps/: the checkout's, or the package's in a wheel."""
    package = Path(__file__).resolve().parents[1]
    return package if (package / "conf").is_dir() else package.parent


def conf_dir() -> str:
    """The directory of the configuration groups."""
    return str(config_root() / "conf")
