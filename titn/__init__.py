"""Ablation sweeps of small vision transformers distilled from convolutional teachers.

    import titn

    run = titn.train(["model=deit", "epochs=5"])   # or titn.load("runs/HASH")
    run.predict("cat.png").names

Importing titn loads neither torch nor Hydra: a name below is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from titn.api.composing import compose
    from titn.api.loading import load
    from titn.api.run import Prediction, Run
    from titn.api.training import train
    from titn.system.errors import CellError, ConfigError

__all__ = ["CellError", "ConfigError", "Prediction", "Run", "compose", "load", "train"]

# Public name -> the module that has it. `train` is a module that can be called: see titn.train.
_MODULES = {
    "CellError": "titn.system.errors",
    "ConfigError": "titn.system.errors",
    "Prediction": "titn.api.run",
    "Run": "titn.api.run",
    "compose": "titn.api.composing",
    "load": "titn.api.loading",
}


def __getattr__(name: str) -> Any:
    if name == "train":
        return import_module("titn.train")
    if name not in _MODULES:
        raise AttributeError(f"module 'titn' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
