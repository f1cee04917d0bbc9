"""Whether the parquet files of a split are one whole set, as "-of-N" in their names says."""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

# The hub's names; those of some years ago end with a hash.
NUMBERED = re.compile(r"(?P<stem>.+)-(?P<number>\d+)-of-(?P<total>\d+)(-[0-9a-f]+)?\.parquet")

# The most missing numbers to name in a message.
NAMED_NUMBERS = 5


def check_whole(root: Path, files: Sequence[Path]) -> None:
    """ValueError unless the files of a split are all that their names speak of, each once.

    They lie in one directory. Either none is numbered, or all are, as parts of one set.
    """
    names = [str(file.relative_to(root)) for file in files]
    if len({file.parent for file in files}) > 1:
        raise ValueError(
            f"root={root}: {names[0]} and {names[-1]} are in two directories, as two data sets "
            "are; move one of them away, or give the directory of the other"
        )
    numbered = {name: match for name in names if (match := NUMBERED.fullmatch(name))}
    if not numbered:
        return
    example, first_match = next(iter(numbered.items()))
    total = int(first_match["total"])
    for name in names:
        match = numbered.get(name)
        if match is None or (match["stem"], int(match["total"])) != (first_match["stem"], total):
            raise ValueError(
                f"root={root}: {name} is not one of the {total} files that {example} is one of, "
                "and images would count twice; move the one away that does not belong"
            )
    _check_numbers(root, {name: int(match["number"]) for name, match in numbered.items()}, total)


def _check_numbers(root: Path, numbers: dict[str, int], total: int) -> None:
    """ValueError unless each number from 0 to `total` - 1 is there once; some begin with 1."""
    known: dict[int, str] = {}
    for name, number in numbers.items():
        if number in known:
            raise ValueError(
                f"root={root}: {known[number]} and {name} are both file {number} of {total}; "
                "move one of them away"
            )
        known[number] = name
    first = 1 if 0 not in known and total in known else 0
    expected = range(first, first + total)
    for name, number in numbers.items():
        if number not in expected:
            raise ValueError(
                f"root={root}: {name} has a number beyond its {total} files; move it away"
            )
    if len(known) < total:
        missing = islice((number for number in expected if number not in known), NAMED_NUMBERS)
        more = ", ..." if total - len(known) > NAMED_NUMBERS else ""
        raise ValueError(
            f"root={root}: of the {total} files that {next(iter(numbers))} is one of, "
            f"{total - len(known)} are missing: {', '.join(map(str, missing))}{more}; "
            "fetch the data set again"
        )
