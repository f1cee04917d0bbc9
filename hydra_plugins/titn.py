"""Where Hydra looks for plugins. No __init__.py: other distributions have theirs in here too."""

from titn.sweeps.sweeper import Sweep


class TitnSweeper(Sweep):
    """conf/hydra/sweeper/titn.yaml names it."""
