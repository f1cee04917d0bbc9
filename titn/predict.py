"""What a trained network says of image files.

    python -m titn.predict RUN IMAGE...

Prints the most probable classes of each, as a table on a terminal and as CSV elsewhere. What is
not an image is refused by name; the others are answered all the same, and the exit code is 2.
"""

import argparse
import os
import sys
from pathlib import Path

from titn.config.constraints import check_device_name
from titn.system.console import (
    BAD_INPUT,
    Arguments,
    checked,
    complain,
    print_table,
    run_command,
    whole_number,
)

COLUMNS = ("image", "rank", "class", "probability")


def main() -> None:
    """Console entry: exit code 0 done, 2 bad input, 130 interrupted."""
    arguments = _parser().parse_args()
    sys.exit(run_command(lambda: predict(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments("titn.predict", description="Class probabilities of images.")
    parser.add_argument("run", type=Path, help="directory of a finished run")
    parser.add_argument("images", type=Path, nargs="+", help="files of any format, size and mode")
    parser.add_argument(
        "--top", type=whole_number(1), default=5, help="classes for each image (default 5)"
    )
    parser.add_argument(
        "--device",
        type=checked("device", check_device_name),
        default="auto",
        help="auto, cpu, cuda, cuda:1, mps",
    )
    parser.add_argument(
        "--trust", action="store_true", help="run code other than titn's that the record names"
    )
    return parser


def predict(arguments: argparse.Namespace) -> int:
    """Read what can be read, print what the network makes of it, complain of the rest."""
    import torch

    from titn.cells.reopen import open_run
    from titn.data.decoding import ImageError, decode_image
    from titn.data.images import Images
    from titn.training.engine import evaluate

    finished = open_run(arguments.run, arguments.trust)
    network, device = finished.network_on(arguments.device)
    token_weights = finished.token_weights()

    size = finished.run["dataset"]["image_size"]
    read: list[tuple[Path, torch.Tensor]] = []
    code = 0
    for path in arguments.images:
        try:
            read.append((path, decode_image(path, size)))
        except ImageError as error:
            code = complain(f"{path}: is not an image that can be read ({error})", BAD_INPUT)
    if not read:
        return code
    pixels = torch.stack([pixels for _, pixels in read])
    unlabelled = Images(pixels, torch.zeros(len(read), dtype=torch.int64))
    log_probs = evaluate(network, unlabelled.to(device)).fused(token_weights)

    names = finished.class_names
    top = log_probs.exp().topk(min(arguments.top, len(names)))
    rows = [
        (_written(path), str(rank), names[label], f"{probability:.4f}")
        for (path, _), values, labels in zip(read, *map(torch.Tensor.tolist, top), strict=True)
        for rank, (probability, label) in enumerate(zip(values, labels, strict=True), start=1)
    ]
    print_table(COLUMNS, rows)
    return code


def _written(path: Path) -> str:
    """A name on the disk as text: bytes of it that are not UTF-8 as \\xe9."""
    return os.fsencode(path).decode(errors="backslashreplace")


if __name__ == "__main__":
    main()
