"""Images a second of training a network of timm's in timm's own loop, without a teacher.

    python benchmarks/timm_networks_side.py --network vit_tiny --precision fp32

The other side is `titn.bench model=timm` with the overrides of NETWORKS: the same network. Loader,
mix and step are those of timm_side.py, which says what of timm's train.py they are.
"""

import argparse
import json
import time

import timm
import torch
from timm.loss import SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm_side import IMAGE_SIZE, NUM_CLASSES, autocast, loader_of, train_set

# By a short name: the overrides of titn, without "model.", and the arguments of timm's factory.
NETWORKS: dict[str, tuple[tuple[str, ...], dict]] = {
    "resnet26": (("name=resnet26",), {"model_name": "resnet26"}),
    "vit_tiny": (
        ("name=vit_tiny_patch16_224", "patch_size=4"),
        {"model_name": "vit_tiny_patch16_224", "patch_size": 4, "img_size": IMAGE_SIZE[1:]},
    ),
    "convnext_atto": (
        ("name=convnext_atto", "patch_size=2"),
        {"model_name": "convnext_atto", "patch_size": 2},
    ),
}


def images_per_sec(network: str, precision: str, batch: int, steps: int, root: str | None) -> float:
    """Of `steps` whole steps, the loader's time included, after five others."""
    model = timm.create_model(num_classes=NUM_CLASSES, **NETWORKS[network][1]).train()
    loader = loader_of(train_set(root), model, batch, workers=1)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=5e-4, weight_decay=0.05)
    loss_of, warmup = SoftTargetCrossEntropy(), 5
    started = time.perf_counter()
    for done, (images, targets) in enumerate(loader, start=1):
        with autocast(precision):
            loss = loss_of(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if done == warmup:
            started = time.perf_counter()
        if done == warmup + steps:
            break
    return batch * steps / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=NETWORKS, default="vit_tiny")
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="fp32")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--root", help="CIFAR-100's directory; random images without it")
    settings = vars(parser.parse_args())
    rate = images_per_sec(**settings)
    about = {"threads": torch.get_num_threads(), "timm": timm.__version__}
    print(json.dumps({"side": "timm", "images_per_sec": rate, **settings, **about}))


if __name__ == "__main__":
    main()
