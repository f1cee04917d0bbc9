"""Remedies for a data set that is not where it was looked for, or in another form."""

from pathlib import Path

from titn.data.leftovers import belonging
from titn.data.paths import is_directory, is_file

# What others call the two splits.
OTHER_NAMES = {
    "train": ("train", "training"),
    "test": ("test", "testing", "val", "valid", "validation", "eval"),
}


def check_directory(root: Path, what: str) -> None:
    """ValueError if `root` is no directory. what: the directory that is meant."""
    if is_file(root):
        raise ValueError(f"root={root}: is a file, not a directory; give {what}")
    if not is_directory(root):
        raise ValueError(f"root={root}: no such directory; give {what}")


def instead_of_split(root: Path, split: str) -> str:
    """The remedy for class folders without a directory `split`."""
    items = belonging(root)
    for item in items:
        if item.name.lower() in OTHER_NAMES[split] and is_directory(item):
            return f"rename {item.name}/ if it is what is meant"
    if any(is_directory(item / split) for item in items):
        (inner, *_) = (item.name for item in items if is_directory(item / split))
        return f"give the directory {inner}/ in it"
    if is_directory(root.parent / split):
        return "give the directory above it"
    if any(item.suffix == ".parquet" for item in items):
        return "its parquet files are read by dataset=parquet"
    return "it needs train/CLASS/* and test/CLASS/*"


def instead_of_shards(root: Path, split: str) -> str:
    """The remedy for parquet files without those of a split."""
    names = [item.name for item in belonging(root)]
    other = [
        name
        for name in names
        if name.endswith(".parquet") and name.split("-")[0] in OTHER_NAMES[split]
    ]
    if other:
        return f"rename {other[0]} to {split}-* if it is what is meant"
    if is_directory(root / split):
        return "its directories of images are read by dataset=folder"
    return "give the data set's own"


def instead_of_torchvision(root: Path, directory: str, archives: tuple[str, ...]) -> str | None:
    """The remedy for a published set that is not in torchvision's layout, but nearly.

    directory: where it would be below `root`. archives: what is fetched, and unpacked to it.
    """
    if packed := [name for name in archives if is_file(root / name)]:
        return f"has {packed[0]}, and not what is in it; dataset.download=true unpacks it"
    if root.parts[-len(Path(directory).parts) :] == Path(directory).parts:
        above = "the directory two above it" if "/" in directory else "the directory above it"
        return f"is {directory}/ itself; give {above}"
    return None
