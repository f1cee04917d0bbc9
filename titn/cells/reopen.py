"""A finished run, opened again: its configuration, its record, its network.

A run's directory may come from anyone. Everything in it is checked before it is used, and nothing
in it is run but titn's own code, unless the user says so.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from titn.cells.identity import run_source_digest
from titn.config import resolve
from titn.config.identity import config_hash
from titn.data.images import Dataset
from titn.losses.terms import TokenWeights
from titn.records import hub_folder
from titn.records.run_dir import RunDir
from titn.records.safe_open import check_plain, read_yaml, safe_path
from titn.source.loaded import SourceChangedError
from titn.system.errors import ConfigError, error_text, first_line
from titn.system.text import is_utf8, printable
from titn.training import build, hardware, weights
from titn.types import ImageSpec, image_spec

# Where the constructors of each group live.
PACKAGES = {
    "model": "titn.models",
    "dataset": "titn.data",
    "augment": "titn.data",
    "mix": "titn.data",
    "loss": "titn.losses",
    "optimizer": "titn.optim",
    "schedule": "titn.optim",
}


@dataclass(frozen=True)
class FinishedRun:
    """run: as `titn.config.resolve.resolve` returns it. result: the record."""

    directory: RunDir
    run: dict
    result: dict

    @property
    def class_names(self) -> list[str]:
        return self.result["class_names"]

    @property
    def spec(self) -> ImageSpec:
        """The images that its network takes."""
        return image_spec(self.run["dataset"], len(self.class_names))

    def other_source(self) -> str | None:
        """A line that says so if the run was made by other code than that which now reads it."""
        made = str(self.result.get("source_digest"))
        try:
            now = run_source_digest(self.run)
        except SourceChangedError as error:
            return str(error)
        if made == now:
            return None
        return (
            f"{self.directory.path}: was made by other source code ({printable(made[:8])}, now "
            f"{now[:8]}); the answers are those of its weights in the code of now"
        )

    def network(self) -> nn.Module:
        """The trained network on the CPU, in evaluation mode; its normalisation is in its weights.

        Raises ConfigError if the weights are not there or are not this run's.
        """
        self._check_size(self.spec)
        network = self._instantiate("model", nn.Module, images=self.spec)
        # Of a run's directory, whose name messages should have; else a folder's file.
        file = self._weights
        weights.load(network, file.parent if file == self.directory.weights else file, key="run")
        return network.eval()

    @property
    def _weights(self) -> Path:
        """The file of the weights: a run's, or that of a folder that was exported."""
        exported = self.directory.path / hub_folder.WEIGHTS
        return exported if hub_folder.is_one(self.directory.path) else self.directory.weights

    def network_on(self, name: str) -> tuple[nn.Module, torch.device]:
        """`network` in the run's precision on the device of this name, and that device."""
        device = hardware.device(name)
        precision = hardware.precision(self.run["precision"], device)
        return hardware.fabric(device, precision).setup_module(self.network()), device

    def dataset(self) -> Dataset:
        """The images that the run was made with; ConfigError if they are not there."""
        return self._instantiate("dataset", Dataset)

    def dataset_at(self, root: str | None) -> Dataset:
        """`dataset`, for commands with --root. root: where it lies, if not where it lay."""
        has_root = "root" in self.run["dataset"]
        if root and not has_root:
            raise ConfigError(f"--root={printable(root)}: this data set needs none; leave it out")
        if root:
            self.run["dataset"]["root"] = root
        try:
            return self.dataset()
        except ConfigError as error:
            if root:
                raise ConfigError(re.sub(r"^dataset\.root=", "--root=", str(error))) from None
            if has_root:
                raise ConfigError(f"{error}; --root=DIR says where the images are now") from None
            raise

    def token_weights(self) -> TokenWeights:
        """How much each token counts for the run's loss."""
        return self._instantiate("loss", object).token_weights

    def _instantiate(self, group: str, kind: type, **supplied: Any) -> Any:
        """What a group of the configuration says, which has to be of this kind."""
        place = f"{self.directory.path}/config.yaml: {group}"
        try:
            built = build.instantiate(self.run, group, **supplied)
        except ConfigError:
            raise
        except Exception as error:
            # What torch makes of sizes that nothing can have, or what a user's own code raises.
            raise ConfigError(
                printable(f"{place} cannot be built ({first_line(error)[:120]}); put back a copy")
            ) from None
        wanted = isinstance(built, kind) and (group != "loss" or hasattr(built, "token_weights"))
        if not wanted:
            target = self.run[group]["_target_"]
            raise ConfigError(printable(f"{place}._target_={target}: makes no {group}"))
        return built

    def _check_size(self, spec: ImageSpec) -> None:
        """ConfigError for a network that its weights could not fill, before it takes the memory."""
        try:
            size = self._weights.stat().st_size
            with torch.device("meta"):
                sketch = build.instantiate(self.run, "model", images=spec)
            numbers = sum(value.numel() for value in sketch.state_dict().values())
        except (OSError, RuntimeError, AttributeError):
            return  # those who open it or build it know better what to say
        if numbers > size:
            raise ConfigError(
                f"{self.directory.path}/config.yaml: model has {numbers} numbers, more than its "
                "weights have bytes; put back a copy"
            )


def open_run(path: Path, trust: bool = False) -> FinishedRun:
    """Read a run directory, or a folder that `titn export --to hub` wrote from one.

    ConfigError if it holds no finished run, or not as it was written.

    trust: run code that is not titn's own if the configuration names some.
    """
    directory = RunDir(path)
    with _errors_named(path):
        if not path.is_dir():
            raise ConfigError("no such directory; give a run's, as runs/<config_hash>")
        result = _result(directory)
        if result is None:
            raise ConfigError(_why_unfinished(directory))
        _check_result(result)
    is_exported = hub_folder.is_one(path)
    with _errors_named(path / (hub_folder.CONFIG if is_exported else "config.yaml")):
        content = hub_folder.read(path)["config"] if is_exported else _configuration(path)
        if not trust:
            _check_targets(content)
        run = resolve.resolve_recorded(content)
        _check_identity(run, result)
    return FinishedRun(directory, run, result)


def _why_unfinished(directory: RunDir) -> str:
    """What is there instead of a finished run, and what to do."""
    if (directory.path / "failure.json").exists():
        return "holds no finished run: it failed; its log.txt says why"
    if directory.is_run():
        return "holds no finished run: it is half done, and the command that began it goes on"
    return "holds no finished run, nor one that was begun; give a run's, as runs/<config_hash>"


def _result(directory: RunDir) -> dict | None:
    if hub_folder.is_one(directory.path):
        return hub_folder.read(directory.path)["record"]
    return directory.result() if safe_path(directory.path, "result.json") else None


@contextmanager
def _errors_named(place: object) -> Iterator[None]:
    """What is wrong with a record becomes a ConfigError of one plain line about its place."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(printable(f"{place}: {error}")) from None
    except (OSError, ValueError, ImportError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(
            printable(f"{place}: cannot be read as a run ({error_text(error)}); put back a copy")
        ) from None


def _check_result(result: dict) -> None:
    names = result.get("class_names")
    if not (
        isinstance(names, list)
        and names
        and all(isinstance(name, str) and is_utf8(name) for name in names)
    ):
        raise ValueError("result.json: class_names are not the names of classes")


def _configuration(path: Path) -> dict:
    """What config.yaml says; ValueError if that is nothing that a run writes."""
    file = safe_path(path, "config.yaml")
    if file is None:
        raise ValueError("there is none")
    content = read_yaml(file)
    if not isinstance(content, dict):
        raise ValueError("is not what a run writes")
    check_plain(content)
    _check_keys(content)
    return content


def _check_keys(node: dict) -> None:
    for key, value in node.items():
        if not key:
            raise ValueError("has a key without a name")
        if isinstance(value, dict):
            _check_keys(value)


def _check_targets(content: dict, prefix: str = "") -> None:
    """ConfigError if a group is to be made by code that is not titn's for it.

    Even to look for foreign code would run some of it.
    """
    for group, package in PACKAGES.items():
        node = content.get(group)
        target = node.get("_target_") if isinstance(node, dict) else None
        if isinstance(target, str) and not re.fullmatch(rf"{package}(\.[A-Za-z_]\w*)+", target):
            raise ConfigError(
                f"{prefix}{group}._target_={target}: is not titn's own code for this; "
                "--trust runs it all the same"
            )
    if isinstance(content.get("teacher"), dict):
        _check_targets(content["teacher"], f"{prefix}teacher.")


def _check_identity(run: dict, result: dict) -> None:
    """ValueError if the configuration is not the one that the record is of, as far as one can know.

    The first weights of a run that started from a file are no longer known.
    """
    teacher = result.get("teacher")
    known = all(isinstance(result.get(key), str) for key in ("config_hash", "data_digest"))
    if not known or run["checkpoint"] or run["weights"]:
        return
    if teacher is not None and not (isinstance(teacher, dict) and "config_hash" in teacher):
        raise ValueError("result.json: teacher is none")
    found = config_hash(
        run,
        precision=run["precision"],
        data=result["data_digest"],
        origin=None,
        teacher=teacher["config_hash"] if teacher else None,
    )
    if found != result["config_hash"]:
        raise ValueError("it is not the configuration that result.json is of")
