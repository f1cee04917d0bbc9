"""A Ray that is started for one sweep on this machine, or a cluster's that is joined.

Ray's own prints and its handlers of signals are kept from the sweep. No telemetry, no dashboard.
"""

import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from titn.sweeps.launcher_keys import KEY
from titn.sweeps.ray.options import RayOptions
from titn.system import signals
from titn.system.errors import ConfigError, first_line

# Bytes for objects that tasks share: ours share nothing, and Ray takes no fewer.
OBJECT_STORE = 100_000_000
# Ray's resources -> the key that asks for one, and how it is said.
UNITS = {"CPU": ("cpus", 1, ""), "GPU": ("gpus", 1, ""), "memory": ("memory", 2**30, " GiB")}


def check_installed() -> None:
    """ConfigError where Ray is not there."""
    found = find_spec("ray")
    if found is None or found.origin is None:  # a folder of this name is none
        raise ConfigError(
            "hydra/launcher=ray: Ray is not installed; run: pip install ray, or choose "
            "hydra/launcher=joblib"
        )


class Cluster:
    """A Ray to which this process is connected."""

    def __init__(self, options: RayOptions):
        """Start it, or join it. ConfigError if that cannot be done."""
        self.address = options.address
        self.home: Path | None = None
        if self.address is None and "ray" not in sys.modules:
            _keep_to_oneself()
        import ray

        self.ray = ray
        with _handlers_kept():
            try:
                self._connect()
            except Exception as error:  # Ray raises of many kinds, some of them its own
                self.close()
                raise ConfigError(self._refusal(error)) from None

    def _connect(self) -> None:
        shared: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self.address is not None:
            self.ray.init(address=self.address, **shared)
            return
        self.home = Path(tempfile.mkdtemp(prefix="titn-ray-"))
        self.ray.init(
            address="local",
            include_dashboard=False,
            object_store_memory=OBJECT_STORE,
            _temp_dir=str(self.home),
            **shared,
        )

    def _refusal(self, error: Exception) -> str:
        if self.address is None:
            return (
                f"hydra/launcher=ray: Ray does not start here ({first_line(error)}); choose "
                "hydra/launcher=joblib"
            )
        # Of a wrong token Ray says, after lines of its own, that there is no connection.
        reason = first_line(error).partition(". ")[0].removesuffix(".")
        return (
            f"{KEY}.address={self.address}: {reason}; start one with ray start --head, give its "
            "token in RAY_AUTH_TOKEN with RAY_AUTH_MODE=token, or leave the address out"
        )

    def most(self, resource: str) -> float:
        """What the largest node has of it: CPU and GPU in pieces, memory in bytes."""
        nodes = [one["Resources"] for one in self.ray.nodes() if one["Alive"]]
        return max((one.get(resource, 0.0) for one in nodes), default=0.0)

    def check_fits(self, asked: Mapping[str, float]) -> str | None:
        """What a node would have to have, in words, where none has what a cell asks for.

        A cluster that grows may get such a node later. ConfigError on this machine alone.
        """
        where = "this machine" if self.address is None else "the largest node"
        for resource, amount in asked.items():
            most = self.most(resource)
            if amount <= most:
                continue
            key, size, unit = UNITS[resource]
            line = (
                f"{KEY}.{key}: a cell asks for {amount / size:.4g}{unit}, and {where} has "
                f"{most / size:.4g}{unit}"
            )
            if self.address is None:
                raise ConfigError(f"{line}; give less")
            return f"{line}: Ray waits until a larger one comes"
        return None

    def close(self) -> None:
        with suppress(Exception), _silent():  # what is left of a Ray that could not start
            self.ray.shutdown()
        if self.home is not None:
            shutil.rmtree(self.home, ignore_errors=True)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Meanwhile Ray tells of workers that died by us, and not on standard output."""
        with _silent():
            yield


def _keep_to_oneself() -> None:
    """Settings that Ray reads when it is imported: a Ray of one command tells nobody of itself.

    It listens on all interfaces; a token that is written nowhere keeps others out.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # By default Ray's workers give way to whatever else runs on the machine.
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


@contextmanager
def _silent() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray would end the process at SIGTERM."""
    before = {number: signal.getsignal(number) for number in signals.NUMBERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)
