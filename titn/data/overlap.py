"""Images that are in a data set twice: in train and in test, or in two classes."""

from collections import defaultdict
from pathlib import Path

from titn.system.progress import say

# Where a file is: its split, class and name.
Place = tuple[str, str, str]


def check_overlap(root: Path, contents: dict[Place, str]) -> None:
    """ValueError if all test images are training images too; a line if some are.

    contents: the digest of each file. A line too if an image of train has two classes.
    """
    places: dict[str, list[Place]] = defaultdict(list)
    for place, content in contents.items():
        places[content].append(place)
    twice = [found for found in places.values() if len({split for split, *_ in found}) > 1]
    in_test = sum(place[0] == "test" for found in twice for place in found)
    num_test = sum(place[0] == "test" for place in contents)
    if in_test == num_test:
        raise ValueError(
            f"root={root}: all {num_test} images of test/ are in train/ too, so nothing new would "
            "be tested; give test/ images of its own"
        )
    if in_test:
        example = " is ".join("/".join(place) for place in (twice[0][0], twice[0][-1]))
        say(f"{root}: {in_test} of {num_test} test images are training images too ({example})")
    trained = [[place for place in found if place[0] == "train"] for found in places.values()]
    if torn := [found for found in trained if len({name for _, name, _ in found}) > 1]:
        example = " is ".join("/".join(place) for place in (torn[0][0], torn[0][-1]))
        say(f"{root}: {len(torn)} training images have more than one class ({example})")
