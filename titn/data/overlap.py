"""Images that are in a data set twice: in train and in test, or in two classes."""

import hashlib
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from titn.data.paths import is_of_content
from titn.system.progress import say

# Where an image is: its split, class and name.
Place = tuple[str, str, str]


def check_overlap(root: Path, contents: dict[Place, str]) -> None:
    """ValueError if all test images are training images too; a line of what is there twice."""
    say_overlap(root, overlap(root, contents))


def say_overlap(root: Path, found: tuple[str, ...]) -> None:
    """found: what `overlap` returned, now or when the same images were decoded."""
    for line in found:
        say(f"{root}: {line}")


def overlap(root: Path, contents: dict[Place, str]) -> tuple[str, ...]:
    """What is there twice, in words: in train and test, in two classes of train, or in one of them.

    contents: the digest of each image. What could not be read is like nothing else. ValueError if
    all test images are training images too.
    """
    places: dict[str, list[Place]] = defaultdict(list)
    for place, content in contents.items():
        if is_of_content(content):
            places[content].append(place)
    twice = [found for found in places.values() if len({split for split, *_ in found}) > 1]
    in_test = sum(place[0] == "test" for found in twice for place in found)
    num_test = sum(place[0] == "test" for place in contents)
    if in_test == num_test:
        raise ValueError(
            f"root={root}: all {num_test} images of test/ are in train/ too, so nothing new would "
            "be tested; give test/ images of its own"
        )
    lines = []
    if in_test:
        example = _example(twice[0])
        lines.append(f"{in_test} of {num_test} test images are training images too ({example})")
    trained = [[place for place in found if place[0] == "train"] for found in places.values()]
    if torn := [found for found in trained if len({name for _, name, _ in found}) > 1]:
        lines.append(f"{len(torn)} training images have more than one class ({_example(torn[0])})")
    if copied := [found for found in trained if len(found) > 1]:
        count = sum(len(found) - 1 for found in copied)
        lines.append(
            f"{count} training images are copies of others ({_example(copied[0])}); of "
            "dataset.split=validation some may be held out whose copies are trained on"
        )
    return tuple(lines)


def row_contents(
    split: str, class_names: tuple[str, ...], labels: NDArray[np.int64], digests: list[str]
) -> dict[Place, str]:
    """The contents of images that have no names: their place is that of their row."""
    rows = enumerate(zip(labels.tolist(), digests, strict=True))
    return {(split, class_names[label], f"row {row}"): digest for row, (label, digest) in rows}


def row_digests(pixels: NDArray[np.uint8]) -> list[str]:
    """SHA-256 of each image of (n, c, h, w)."""
    return [hashlib.sha256(np.ascontiguousarray(image).data).hexdigest() for image in pixels]


def _example(found: list[Place]) -> str:
    return " is ".join("/".join(place) for place in (found[0], found[-1]))
