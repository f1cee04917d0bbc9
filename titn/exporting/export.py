"""One finished run to one form: written, read back as its users do, and compared."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from titn.cells.reopen import FinishedRun, open_run
from titn.exporting import graphs, hub, timm_folder
from titn.exporting.agreement import Agreement, Answer, compare
from titn.exporting.classifier import Classifier, classifier_of
from titn.exporting.latency import in_torch
from titn.system.errors import ConfigError, file_error_text

Form = Literal["onnx", "torch.export", "hub", "timm"]
# Form -> the end of its default name: those of files, and of folders.
FILES = {"onnx": ".onnx", "torch.export": ".pt2"}
FOLDERS = {"hub": "", "timm": "-timm"}
FORMS = (*FILES, *FOLDERS)
# Where exports go that are given no place.
DIRECTORY = Path("exports")


@dataclass(frozen=True)
class Exported:
    """What was written. classifier: what it was made from. answer: runs it, for files alone."""

    path: Path
    agreement: Agreement
    classifier: Classifier
    answer: Answer | None


def default_path(run: FinishedRun, form: str) -> Path:
    """exports/NETWORK-HASH8 with the end of the form."""
    name = str(run.run["choices"]["model"]).replace(" ", "-").replace("/", "-")
    return DIRECTORY / f"{name}-{run.result['config_hash'][:8]}{(FILES | FOLDERS)[form]}"


def check_possible(run: FinishedRun, form: str, path: Path, force: bool) -> None:
    """ConfigError for what can be known before the network is built."""
    if form == "onnx":
        graphs.check_installed()
    if form == "timm":
        timm_folder.check_convertible(run.run)
    is_taken = any(path.iterdir()) if path.is_dir() else path.exists()
    if form in FILES and path.is_dir():
        raise ConfigError(f"--output={path}: is a directory; name a file in it")
    if form == "torch.export" and path.suffix != FILES[form]:
        raise ConfigError(
            f"--output={path}: torch.export.load wants a name that ends in {FILES[form]}; give "
            f"--output={path.with_suffix(FILES[form])}"
        )
    if is_taken and not force:
        raise ConfigError(f"--output={path}: is there already; name another, or add --force")


def export(
    run: FinishedRun, form: str, path: Path, pixels: Tensor, license_name: str | None
) -> Exported:
    """Write a form, read it back, and compare it with the run's weights on images.

    pixels: (n, c, s, s) uint8. Raises ConfigError if the network cannot be exported so, or the
    place cannot be written.
    """
    classifier = classifier_of(run)
    reference: nn.Module = classifier
    try:
        (path if form in FOLDERS else path.parent).mkdir(parents=True, exist_ok=True)
        if form in FILES:
            answer = _write_graph(run, classifier, form, path)
        elif form == "timm":
            timm_folder.write_timm_folder(classifier.network, run.run, run.class_names, path)
            reference = timm_folder.MeanOfLogits(classifier.network)
            answer = timm_folder.run_timm(path)
        else:
            hub.write_hub_folder(run, classifier.network, path, license_name)
            answer = in_torch(classifier_of(open_run(path, trust=True)))
    except OSError as error:
        raise ConfigError(
            f"--output={path}: cannot be written ({file_error_text(error)}); choose another place"
        ) from None
    agreement = compare(reference, answer, pixels)
    return Exported(path, agreement, classifier, answer if form in FILES else None)


def _write_graph(run: FinishedRun, classifier: Classifier, form: str, path: Path) -> Answer:
    program = graphs.trace(classifier, run.spec.size, run.spec.channels)
    facts: dict[str, Any] = {
        "class_names": run.class_names,
        "image_size": run.spec.size,
        "config_hash": run.result["config_hash"],
    }
    save: Callable = graphs.save_onnx if form == "onnx" else graphs.save_program
    save(program, path, facts)
    return graphs.run_onnx(path) if form == "onnx" else graphs.run_program(path)
