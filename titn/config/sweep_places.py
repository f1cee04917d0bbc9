"""What the directory of a sweep without a question is called, for conf/config.yaml."""

from omegaconf import OmegaConf


def place_of(study: str | None, search: str | None) -> str:
    """study: the name that a search's study has; None: that of the search's file."""
    return "multirun" if search is None else f"search/{study or search}"


def register_sweep_places() -> None:
    """Tell OmegaConf of `sweep_place`; once, however often it is called."""
    OmegaConf.register_new_resolver("sweep_place", place_of, replace=True)
