"""A finished run, opened again: its configuration, its record, its network."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from torch import nn

from titn import build, config, hardware, weights
from titn.errors import ConfigError, first_line
from titn.outputs import ImageSpec
from titn.records.records import RunDir


@dataclass(frozen=True)
class Finished:
    """run: as `titn.config.resolve` returns it. result: the record."""

    directory: RunDir
    run: dict
    result: dict

    def network(self) -> nn.Module:
        """The trained network on the CPU, in evaluation mode; its normalisation is in its weights.

        Raises ConfigError if the weights are not there or are not this run's.
        """
        spec = ImageSpec(
            num_classes=len(self.result["class_names"]), size=self.run["dataset"]["image_size"]
        )
        network = build.make(self.run, "model", images=spec)
        weights.load(network, self.directory.path, key="run")
        return network.eval()

    def network_on(self, name: str) -> tuple[nn.Module, torch.device]:
        """`network` in the run's precision on the device of this name, and that device."""
        device = hardware.device(name)
        precision = hardware.precision(self.run["precision"], device)
        return hardware.fabric(device, precision).setup_module(self.network()), device


def open_run(path: Path, trust: bool = False) -> Finished:
    """Read a run directory; ConfigError if it holds no finished run.

    trust: run code that is not titn's own if the configuration names some. A run directory may
    come from anyone.
    """
    directory = RunDir(path)
    if not path.is_dir():
        raise ConfigError(f"{path}: no such directory; give a run's, as runs/<config_hash>")
    try:
        result = directory.result()
        content = directory.config() if result else None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: its record cannot be read ({first_line(error)})") from None
    if result is None:
        failure = "; it failed" if (path / "failure.json").exists() else ""
        raise ConfigError(f"{path}: holds no finished run{failure}; result.json is what says so")
    if not isinstance(content, dict) or not isinstance(result, dict):
        raise ConfigError(f"{path}: config.yaml or result.json is not what a run writes")
    try:
        run = config.of_record(content)
    except ConfigError as error:
        raise ConfigError(f"{path}/config.yaml: {error}") from None
    for group in config.GROUPS:
        target = run[group]["_target_"]
        if not trust and target.partition(".")[0] != "titn":
            raise ConfigError(
                f"{path}/config.yaml: {group}._target_={target}: is not titn's own code; "
                "--trust runs it all the same"
            )
    return Finished(directory, run, result)
