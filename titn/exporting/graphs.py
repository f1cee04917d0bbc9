"""A classifier as a graph that runs without titn: by torch.export, and as ONNX."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import Dim, ExportedProgram

from titn.exporting.agreement import Answer
from titn.exporting.classifier import Classifier
from titn.system.errors import ConfigError, first_line
from titn.system.files import replacing

INPUT, OUTPUT, BATCH = "images", "logits", "batch"
# What `titn[export]` installs; torch needs the second to write ONNX.
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
# The file with the facts inside of a torch.export archive.
FACTS = "titn.json"


def check_installed() -> None:
    """ConfigError if something is missing that ONNX needs."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise ConfigError(f"--to=onnx: {missing[0]} is not installed; pip install 'titn[export]'")


def trace(classifier: Classifier, size: int, channels: int = 3) -> ExportedProgram:
    """The graph for any number b of images; ConfigError without one.

    They are (b, channels, size, size) float32.
    """
    example = torch.zeros(2, channels, size, size)
    shapes = {INPUT: {0: Dim(BATCH, min=1)}}
    try:
        with _quiet():
            # Strict reads the code of `len(images)`; otherwise it would be called, and be 2.
            return torch.export.export(classifier, (example,), dynamic_shapes=shapes, strict=True)
    except Exception as error:  # whatever the tracer makes of a network
        name = type(classifier.network).__name__
        raise ConfigError(
            f"{name}: torch.export cannot follow it ({first_line(error)[:200]}); "
            "use it as a module: titn.load(RUN).model"
        ) from None


def save_program(program: ExportedProgram, path: Path, facts: dict[str, Any]) -> None:
    """Write what `torch.export.load(path).module()` reads; facts: kept inside of it as JSON."""
    with _quiet(), replacing(path) as temporary, open(temporary, "wb") as file:
        torch.export.save(program, file, extra_files={FACTS: json.dumps(facts)})


def run_program(path: Path) -> Answer:
    """Runs a saved program."""
    module = torch.export.load(path).module()

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return module(torch.from_numpy(images)).numpy()

    return answer


def save_onnx(program: ExportedProgram, path: Path, facts: dict[str, Any]) -> None:
    """Write ONNX for any number of images; facts: kept as metadata, each value as JSON."""
    import onnx

    with _quiet():
        exported: Any = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=[INPUT], output_names=[OUTPUT]
        )
    model = exported.model_proto
    _name_batch(model.graph)
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in facts.items()})
    onnx.checker.check_model(model)
    with replacing(path) as temporary:
        onnx.save(model, temporary)


def run_onnx(path: Path) -> Answer:
    """Runs an ONNX file in onnxruntime on the CPU, with as many threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return session.run([OUTPUT], {INPUT: images})[0]

    return answer


def _name_batch(graph: Any) -> None:
    """Call the number of images "batch", for which the tracer has a number of its own."""
    symbol = graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param == symbol:
                dim.dim_param = BATCH


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters warn, log and print of what is theirs to know."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
