"""What choices of the code are worth on this CPU, each side by side with its alternative.

    python benchmarks/cpu_choices.py [WORD]    # those whose claim has the word; all without one

Each side runs in a process of its own, the sides take turns, and the median of the rounds is
printed with the ratio. Nothing is asserted: machines differ, and so do their neighbours.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn
from tqdm import tqdm

from titn.models import layers
from titn.models.cnn import vgg16_bn
from titn.models.titn import TITN
from titn.training import hardware
from titn.training.teacher import Frozen
from titn.types import ImageSpec

ROUNDS = 5
SPEC = ImageSpec(num_classes=10)


def seconds(step: Callable[[], object], warmup: int = 3, steps: int = 6) -> float:
    for _ in range(warmup):
        step()
    times = []
    for _ in range(steps):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def training(model: nn.Module, batch: int) -> float:
    """Images a second of a training step, in bf16 where the CPU is good at it."""
    cpu = torch.device("cpu")
    is_bf16 = hardware.precision("auto", cpu) == "bf16-mixed"
    images = torch.randint(0, 256, (batch, 3, 32, 32), dtype=torch.uint8)
    labels = torch.randint(0, 10, (batch,))
    optimizer = torch.optim.AdamW(model.train().parameters(), fused=True)

    def step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_bf16):
            output = model(images)
        loss = F.cross_entropy(output.cls.float(), labels)
        optimizer.zero_grad()
        (loss + F.cross_entropy(output.dist.float(), labels)).backward()
        optimizer.step()

    return batch / seconds(step)


def inference(model: nn.Module, batch: int) -> float:
    images = torch.randint(0, 256, (batch, 3, 32, 32), dtype=torch.uint8)

    def step() -> None:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            model(images)

    return batch / seconds(step)


def fused_kernel(self: layers.Attention, x: torch.Tensor) -> torch.Tensor:
    pattern = "b n (three h d) -> three b h n d"
    q, k, v = rearrange(self.qkv(x), pattern, three=3, h=self.num_heads)
    heads = F.scaled_dot_product_attention(q, k, v)
    return self.proj(rearrange(heads, "b h n d -> b n (h d)"))


def titn_with_fused_attention() -> float:
    layers.Attention.forward = fused_kernel
    return training(TITN(images=SPEC, distillation_token=True), 64)


def vgg_with_freed_memory_kept() -> float:
    hardware.keep_freed_memory()
    return training(vgg16_bn(images=SPEC), 32)


def vgg_that_repeats_its_pixel(batch: int) -> float:
    network = vgg16_bn(images=SPEC)
    network.repeats_pixel = False
    return training(network, batch)


# claim: (ours, the alternative), in images a second
CLAIMS: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {
    "VGG-16 trains with freed memory kept": (
        vgg_with_freed_memory_kept,
        lambda: training(vgg16_bn(images=SPEC), 32),
    ),
    "VGG-16 trains with the weights of its repeated pixel summed, batch 16": (
        lambda: training(vgg16_bn(images=SPEC), 16),
        lambda: vgg_that_repeats_its_pixel(16),
    ),
    "VGG-16 trains with the weights of its repeated pixel summed, batch 128": (
        lambda: training(vgg16_bn(images=SPEC), 128),
        lambda: vgg_that_repeats_its_pixel(128),
    ),
    "TITN trains with attention spelled out": (
        lambda: training(TITN(images=SPEC, distillation_token=True), 64),
        titn_with_fused_attention,
    ),
    "a VGG-16 teacher answers with its weights in bf16": (
        lambda: inference(Frozen(vgg16_bn(images=SPEC), torch.bfloat16), 64),
        lambda: inference(vgg16_bn(images=SPEC).eval(), 64),
    ),
}


def main() -> None:
    if len(sys.argv) == 3:
        claim, side = sys.argv[1:]
        print(json.dumps(CLAIMS[claim][int(side)]()))
        return
    chosen = [claim for claim in CLAIMS if all(word in claim for word in sys.argv[1:])]
    rates: dict[str, tuple[list[float], list[float]]] = {claim: ([], []) for claim in chosen}
    turns = [(c, side) for _ in range(ROUNDS) for c in chosen for side in (0, 1)]
    for claim, side in tqdm(turns, unit="measurement"):
        command = [sys.executable, __file__, claim, str(side)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rates[claim][side].append(json.loads(done.stdout))
    for claim, sides in rates.items():
        ours, alternative = (statistics.median(side) for side in sides)
        ratio = ours / alternative
        print(f"{claim}: {ours:.1f} images/s, else {alternative:.1f}; ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
