"""Images a second of a distilled DeiT-Ti's training with timm's own parts, on the CPU.

    OMP_NUM_THREADS=2 python benchmarks/timm_side.py --root DIR --precision bf16

One side of a comparison, in a process of its own: nothing that titn sets for speed (threads,
malloc, channels_last) reaches it. The parts and the step are those of timm's train.py as it is
called for this work, with its defaults where the call says nothing:

    --model deit_tiny_distilled_patch16_224 --img-size 32 --num-classes 100
    --model-kwargs patch_size=8 qkv_bias=False --aa original --cutmix 0.5 --smoothing 0
    --opt adamw --lr 5e-4 --weight-decay 0.05 -b 128 --device cpu --amp --amp-dtype bfloat16
    --kd-model-name ... --kd-distill-type token --kd-token-distill-type hard --task-loss-weight 0.5

Two things that train.py has no option for: the images are in memory, so that timm decodes no
files, and the teacher is torchvision's VGG16-BN, untrained. timm's own of that name gives the same
logits at 32x32, but as convolutions its first linear layers take longer on a CPU.
"""

import argparse
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import timm
import torch
import torchvision
from PIL import Image
from timm.data import FastCollateMixup, create_loader, resolve_data_config
from timm.layers import set_fused_attn
from timm.loss import SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm.task import TokenDistillationTask
from torch import Tensor, nn

NUM_CLASSES = 100
IMAGE_SIZE = (3, 32, 32)
NUM_RANDOM_IMAGES = 50_000  # as many as CIFAR-100 has for training
CPU = torch.device("cpu")


class InMemory(torch.utils.data.Dataset):
    """PIL images with their labels; `create_loader` sets the transform."""

    def __init__(self, pixels: Tensor, labels: Tensor):
        """pixels (n, 3, h, w) uint8; labels (n,) int64."""
        self.images = [Image.fromarray(image) for image in pixels.permute(0, 2, 3, 1).numpy()]
        self.labels = labels.tolist()
        self.transform: Any = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(self.images[index]), self.labels[index]


def train_set(root: str | None) -> InMemory:
    """CIFAR-100's training images, or as many random ones without a root."""
    if root is None:
        pixels = torch.randint(0, 256, (NUM_RANDOM_IMAGES, *IMAGE_SIZE), dtype=torch.uint8)
        return InMemory(pixels, torch.randint(0, NUM_CLASSES, (NUM_RANDOM_IMAGES,)))
    from titn.data import sources

    train = sources.published(name="cifar100", root=root).train
    return InMemory(train.pixels, train.labels)


def student() -> nn.Module:
    """DeiT-Ti of 5.41M parameters. Without the bias of q, k and v, as titn's and the paper's."""
    return timm.create_model(
        "deit_tiny_distilled_patch16_224",
        img_size=IMAGE_SIZE[1:],
        patch_size=8,
        qkv_bias=False,
        num_classes=NUM_CLASSES,
    )


def loader_of(images: Any, model: nn.Module, batch: int, workers: int) -> Any:
    """Augmented, mixed and normalised batches, on train.py's way through its prefetcher.

    "original" is the policy that AutoAugment's authors found on ImageNet; timm has none of their
    policies for CIFAR-10. Its subpolicies are two operations on a PIL image too.
    """
    config = resolve_data_config({"input_size": IMAGE_SIZE}, model=model)
    mixing = FastCollateMixup(
        mixup_alpha=0.0, cutmix_alpha=0.5, label_smoothing=0.0, num_classes=NUM_CLASSES
    )
    return create_loader(
        images,
        input_size=config["input_size"],
        batch_size=batch,
        is_training=True,
        auto_augment="original",
        interpolation="random",
        mean=config["mean"],
        std=config["std"],
        num_workers=workers,
        collate_fn=mixing,
        device=CPU,
    )


def task_of(model: nn.Module, tuned: bool) -> TokenDistillationTask:
    """Equation 10 at alpha 0.5: the mixed labels, and the teacher's hard ones."""
    teacher = torchvision.models.vgg16_bn(num_classes=NUM_CLASSES)
    if tuned:
        teacher = teacher.to(memory_format=torch.channels_last)
    return TokenDistillationTask(
        student_model=model,
        teacher_model=teacher,
        criterion=SoftTargetCrossEntropy(),
        distill_type="hard",
        task_loss_weight=0.5,
        device=CPU,
        verbose=False,
    )


def autocast(precision: str) -> AbstractContextManager[Any]:
    return torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


def images_per_sec(
    *,
    precision: str,
    batch: int,
    steps: int,
    warmup: int,
    workers: int,
    root: str | None,
    torchcompile: bool = False,
    tuned: bool = False,
) -> float:
    """Of `steps` whole steps, the loader's time included, after `warmup` steps of the same epoch.

    precision: bf16 (autocast) or fp32. root: CIFAR-100's directory; None for random images. tuned:
    what helps timm on a CPU and its script does not do by itself, found by trying: the teacher in
    channels_last, and attention without the fused kernel (its environment's FUSED_ATTN=0).

    Raises ValueError if the epoch is shorter than that.
    """
    if tuned:
        set_fused_attn(False)
    model = student()
    loader = loader_of(train_set(root), model, batch, workers)
    if warmup + steps > len(loader):
        raise ValueError(f"steps={steps}: with warmup={warmup} an epoch has {len(loader)} steps")
    task = task_of(model.train(), tuned)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=5e-4, weight_decay=0.05)
    if torchcompile:
        task.compile(backend="inductor")

    def loss_of(images: Tensor, targets: Tensor) -> Tensor:
        with autocast(precision):
            return task(images, targets)["loss"]

    secs = training_secs(loader, loss_of, optimizer, warmup, steps)
    return batch * steps / secs


def training_secs(
    loader: Any,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    warmup: int,
    steps: int,
) -> float:
    """Seconds of `steps` whole steps, the loader's time included, after `warmup` others."""
    optimizer.zero_grad()
    started = time.perf_counter()
    for done, (images, targets) in enumerate(loader, start=1):
        loss_of(images, targets).backward()
        optimizer.step()
        optimizer.zero_grad()
        if done == warmup:
            started = time.perf_counter()
        if done == warmup + steps:
            break
    return time.perf_counter() - started


def arguments_of(description: str, precision: str, steps: int) -> argparse.ArgumentParser:
    """The options that both of timm's sides have; precision, steps: their defaults."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--precision", choices=("bf16", "fp32"), default=precision)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--root", help="CIFAR-100's directory; random images without it")
    return parser


def print_rate(rate: float, settings: dict) -> None:
    """Print it as JSON, with what was asked for and what it ran on."""
    about = {"threads": torch.get_num_threads(), "timm": timm.__version__}
    print(json.dumps({"side": "timm", "images_per_sec": rate, **settings, **about}))


def main() -> None:
    parser = arguments_of(__doc__.splitlines()[0], "bf16", steps=30)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--tuned", action="store_true", help="what helps timm on a CPU, by hand")
    parser.add_argument("--torchcompile", action="store_true", help="as train.py's option")
    settings = vars(parser.parse_args())
    print_rate(images_per_sec(**settings), settings)


if __name__ == "__main__":
    main()
