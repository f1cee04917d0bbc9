"""Imports matplotlib with its own settings, whatever those of the user are.

A notebook's MPLBACKEND names a backend that need not be installed, and a matplotlibrc may be
damaged: either ends the import, though the figures here need neither.
"""

import importlib.util
import logging
import os
from pathlib import Path

from titn.system.errors import ConfigError, first_line

SETTINGS = ("MPLBACKEND", "MATPLOTLIBRC")


def _import_matplotlib() -> None:
    """ConfigError if a matplotlibrc in the working directory, which comes first, is damaged."""
    users = {name: os.environ.pop(name) for name in SETTINGS if name in os.environ}
    spec = importlib.util.find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    os.environ["MATPLOTLIBRC"] = str(Path(spec.origin).parent / "mpl-data" / "matplotlibrc")
    # That it looks for fonts, or has no directory to remember them in, is nothing to act on.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        import matplotlib  # noqa: F401
    except ValueError as error:
        raise ConfigError(
            f"matplotlibrc: cannot be read by matplotlib ({first_line(error)}); "
            "correct it, or work in another directory"
        ) from None
    finally:
        del os.environ["MATPLOTLIBRC"]
        os.environ.update(users)


_import_matplotlib()
