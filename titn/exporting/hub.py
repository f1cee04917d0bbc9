"""Writes a finished run as a folder for the Hugging Face hub, which `titn.load` reads back."""

import json
from pathlib import Path
from typing import Any

from torch import nn

from titn.cells.reopen import FinishedRun
from titn.exporting.model_card import model_card
from titn.records import hub_folder
from titn.system import tensor_files
from titn.system.errors import ConfigError
from titn.system.files import write_text
from titn.types import ImageSpec

# PIL's number of bilinear interpolation, as transformers writes it.
BILINEAR = 2


def write_hub_folder(
    run: FinishedRun, network: nn.Module, folder: Path, license_name: str | None
) -> None:
    """Write the four files of `titn.records.hub_folder` into a folder that is there."""
    try:
        parts = hub_folder.of_run(run.directory.path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{run.directory.path}: {error}; put back a copy") from None
    facts = {"config_hash": run.result.get("config_hash")}
    tensor_files.save(folder / hub_folder.WEIGHTS, network.state_dict(), facts)
    _write(folder / hub_folder.PREPROCESSOR, _preprocessor(run.spec))
    write_text(folder / hub_folder.CARD, model_card(parts, license_name))
    config = _config(type(network).__name__, run.spec, run.class_names)
    _write(folder / hub_folder.CONFIG, config | {hub_folder.SECTION: hub_folder.section(parts)})


def _config(architecture: str, spec: ImageSpec, classes: list[str]) -> dict[str, Any]:
    """What the hub itself reads of config.json."""
    return {
        "model_type": "titn",
        "architectures": [architecture],
        "image_size": spec.size,
        "num_channels": spec.channels,
        "num_labels": len(classes),
        "id2label": {str(i): name for i, name in enumerate(classes)},
        "label2id": {name: i for i, name in enumerate(classes)},
    }


def _preprocessor(spec: ImageSpec) -> dict[str, Any]:
    """How an image becomes what the network takes, in the words of transformers."""
    return {
        "image_processor_type": "ViTImageProcessor",
        "do_convert_rgb": spec.channels == 3,
        "do_resize": True,
        "size": {"height": spec.size, "width": spec.size},
        "resample": BILINEAR,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": False,  # the network does
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
