"""Images a second of training a network of timm's in timm's own loop, without a teacher.

    python benchmarks/timm_networks_side.py --network vit_tiny --precision fp32

The other side is `titn.bench model=timm` with the overrides of NETWORKS: the same network. Loader,
mix and step are those of timm_side.py, which says what of timm's train.py they are.
"""

import timm
from timm.loss import SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm_side import (
    IMAGE_SIZE,
    NUM_CLASSES,
    arguments_of,
    autocast,
    loader_of,
    print_rate,
    train_set,
    training_secs,
)
from torch import Tensor

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
    criterion = SoftTargetCrossEntropy()

    def loss_of(images: Tensor, targets: Tensor) -> Tensor:
        with autocast(precision):
            return criterion(model(images), targets)

    return batch * steps / training_secs(loader, loss_of, optimizer, warmup=5, steps=steps)


def main() -> None:
    parser = arguments_of(__doc__.splitlines()[0], "fp32", steps=10)
    parser.add_argument("--network", choices=NETWORKS, default="vit_tiny")
    settings = vars(parser.parse_args())
    print_rate(images_per_sec(**settings), settings)


if __name__ == "__main__":
    main()
