"""torch.compile: decide whether it pays, compile, and go on without it where it fails."""

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from titn.config.annotations import Compile
from titn.system.compile_cache import CACHE, is_of_one_command
from titn.system.errors import first_line
from titn.system.progress import say
from titn.types import Output

# From so many training images of a run on, compiling saves more time than it takes on a GPU. Not
# measured: a guess from some ten seconds of compiling and tens of thousands of images a second.
PAYS_FROM_ON_GPU = 500_000
# The same for compiling the whole network instead of a layer on a CPU: a minute of compiling saves
# 0.1 ms an image.
WHOLE_PAYS_FROM = 1_000_000


def choose_mode(
    requested: Compile, model: nn.Module, device: torch.device, num_images: int
) -> Compile:
    """The mode of compilation: "none", "layers" or "whole", never "auto".

    num_images: training images over all epochs. A model with a method `compiled` can have one of
    its layers compiled for all of them; its `compiling_pays_from` is the number of training images
    from which that pays on a CPU.
    """
    if requested == "auto":
        from_on_cpu = getattr(model, "compiling_pays_from", math.inf)
        least = {"cpu": from_on_cpu, "cuda": PAYS_FROM_ON_GPU}.get(device.type, math.inf)
        if num_images < least or not hasattr(model, "compiled"):
            return "none"
        return "whole" if device.type == "cpu" and num_images >= WHOLE_PAYS_FROM else "layers"
    return "none" if requested == "layers" and not hasattr(model, "compiled") else requested


def training_form(model: nn.Module, mode: Compile) -> nn.Module:
    """The model in the form that trains, with the same parameters; compiled when first called."""
    if mode == "layers":
        layered: Any = model
        compiled: nn.Module = layered.compiled(compiler)
        return compiled
    return CompiledNetwork(model) if mode == "whole" else model


def compiler(function: Callable) -> Callable:
    """torch.compile with a graph for each shape and the random numbers of eager PyTorch."""
    # A rate of stochastic depth is a constant of the code: up to one compilation for each layer.
    torch._dynamo.config.recompile_limit = 64
    return torch.compile(function, dynamic=False, options={"fallback_random": True})


class CompiledNetwork(nn.Module):
    """A network compiled in one piece; on a GPU its kernels are launched as one CUDA graph."""

    def __init__(self, network: nn.Module):
        super().__init__()
        layered: Any = network
        self.network = layered.compiled(None) if hasattr(network, "compiled") else network
        self.has_distillation_token = getattr(network, "has_distillation_token", False)
        options: dict[str, Any] = {"fallback_random": True}
        if torch.cuda.is_available():
            options["triton.cudagraphs"] = True
        whole = self.network
        self.run = torch.compile(lambda *inputs: whole(*inputs), dynamic=False, options=options)

    def forward(self, *inputs: Any) -> Output:
        """inputs: images, and the number of maps if features are asked for."""
        torch.compiler.cudagraph_mark_step_begin()
        return self.run(*inputs)


def compile_for_training(
    fabric: Fabric,
    model: nn.Module,
    requested: Compile,
    num_images: int,
    example: Callable[[], tuple],
) -> tuple[nn.Module, Compile, float]:
    """The model in the form that trains, compiled; the mode that was chosen; the seconds it took.

    num_images: training images over all epochs. example: makes what the student is called with in
    a training step; it is called only if something is compiled. With `requested` "auto" the model
    trains without compilation where that fails, for example because there is no C++ compiler.
    """
    chosen = choose_mode(requested, model, fabric.device, num_images)
    student = fabric.setup_module(training_form(model, chosen))
    if chosen == "none":
        return student, chosen, 0.0
    started = time.perf_counter()
    if is_of_one_command():
        say(f"what is compiled is not kept: its place cannot be written; {CACHE}=DIR moves it")
    # It warns if it finds a CUDA compiler on a machine without a GPU.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    try:
        warm_up(fabric, student, *example())
    except Exception as error:
        if requested != "auto":
            raise
        say(f"not compiled, and slower for it: {first_line(error)}")
        return fabric.setup_module(model), "none", time.perf_counter() - started
    return student, chosen, time.perf_counter() - started


def warm_up(fabric: Fabric, student: nn.Module, *inputs: Any) -> None:
    """Run a step forward and backward, to compile; parameters and buffers stay as they were.

    So they do if it fails: the network trains without compilation then.

    inputs: a training batch's images, and the number of maps if features are asked for.
    """
    # Batch normalisation changes its running statistics in a forward pass.
    buffers = {name: buffer.clone() for name, buffer in student.named_buffers()}
    student.train()
    try:
        output: Output = student(*inputs)
        maps = output.features.maps if output.features else ()
        sums = [values.float().sum() for values in (output.cls, output.dist, *maps)]
        fabric.backward(torch.stack(sums).sum())
    finally:
        student.zero_grad()
        with torch.no_grad():
            for name, buffer in student.named_buffers():
                buffer.copy_(buffers[name])
