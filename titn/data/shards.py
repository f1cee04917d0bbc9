"""The parquet files of a data set, and what their schemas say of it. No torch here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from titn.data.paths import check_class_names, why_not_a_file
from titn.system.errors import error_text

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("fine_label", "label")


class Shards(NamedTuple):
    """The parquet files of both splits, and the columns that matter.

    class_names: in the order of the labels; None if the files do not say.
    """

    root: Path
    train: tuple[Path, ...]
    test: tuple[Path, ...]
    image_column: str
    label_column: str
    class_names: tuple[str, ...] | None


class Schema(NamedTuple):
    """What a single file says."""

    image_column: str
    label_column: str
    class_names: tuple[str, ...] | None


def find_shards(root: Path, alternative: str | None = None) -> Shards:
    """The parquet files under `root`; ValueError if they or their columns are not there.

    alternative: another layout's directory that would have done as well.
    """
    if not root.is_dir():
        raise ValueError(f"root={root}: no such directory; give the one with the data set")
    # As a repository of the hub has them: beside each other, or in one directory further down.
    files = {
        split: tuple(sorted([*root.glob(f"{split}-*.parquet"), *root.glob(f"*/{split}-*.parquet")]))
        for split in ("train", "test")
    }
    for split, found in files.items():
        if not found:
            nor = f", nor torchvision's {alternative}/" if alternative else ""
            raise ValueError(
                f"root={root}: holds no {split}-*.parquet{nor}; give the data set's own"
            )
    _check_different(root, (*files["train"], *files["test"]))
    schemas = [_schema(root, shard) for found in files.values() for shard in found]
    columns = {(schema.image_column, schema.label_column) for schema in schemas}
    if len(columns) > 1:
        raise ValueError(
            f"root={root}: its files differ in their columns: {sorted(columns)}; "
            "give those of one data set"
        )
    names = {schema.class_names for schema in schemas} - {None}
    if len(names) > 1:
        raise ValueError(
            f"root={root}: its files differ in the names of the classes; give those of one data set"
        )
    class_names = next(iter(names), None)
    return Shards(root, files["train"], files["test"], *columns.pop(), class_names)


def _check_different(root: Path, files: tuple[Path, ...]) -> None:
    """ValueError if a link brings a file, and so its images, twice."""
    known: dict[Path, Path] = {}
    for file in files:
        same = known.setdefault(file.resolve(), file)
        if same != file:
            raise ValueError(
                f"root={root}: {file.relative_to(root)} is {same.relative_to(root)} once more; "
                "leave one of them"
            )


def _schema(root: Path, shard: Path) -> Schema:
    with open_shard(root, shard) as file:
        schema = file.schema_arrow
        columns = schema.names
        # Where there is an image in each, it is a lie that would cost all the memory.
        if file.metadata.num_rows > shard.stat().st_size:
            raise ValueError(f"{file.metadata.num_rows} rows are more than it has bytes")
    name = shard.relative_to(root)
    image = next((column for column in IMAGE_COLUMNS if column in columns), None)
    label = next((column for column in LABEL_COLUMNS if column in columns), None)
    if image is None or label is None:
        raise ValueError(
            f"root={root}: {name} has columns {columns}; it needs one of "
            f"{list(IMAGE_COLUMNS)} and one of {list(LABEL_COLUMNS)}"
        )
    for column in (image, label):
        if columns.count(column) > 1:
            raise ValueError(f"root={root}: {name} has two columns {column}; leave one of them")
    kinds = {column: schema.field(column).type for column in (image, label)}
    if not _holds_files(kinds[image]):
        raise ValueError(
            f"root={root}: {image} of {name} is {kinds[image]}; it has to be a struct with an "
            "image file's `bytes`"
        )
    if not pa.types.is_integer(kinds[label]):
        raise ValueError(
            f"root={root}: {label} of {name} is {kinds[label]}; it has to be an integer"
        )
    try:
        return Schema(image, label, _class_names(schema.metadata or {}, label))
    except ValueError as error:
        raise ValueError(f"root={root}: {name} {error}") from None


@contextmanager
def open_shard(root: Path, shard: Path) -> Iterator[pq.ParquetFile]:
    """A file, to be read at once; ValueError if it cannot be, or not to the end."""
    try:
        if reason := why_not_a_file(shard):
            raise ValueError(reason)
        # Opened here: pyarrow takes some names for addresses.
        with (
            open(shard, "rb") as content,
            pq.ParquetFile(content, page_checksum_verification=True) as file,
        ):
            yield file
    except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
        raise ValueError(
            f"root={root}: {shard.relative_to(root)} cannot be read as parquet "
            f"({error_text(error)}); "
            "fetch it anew"
        ) from None


def _holds_files(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return False
    inner = kind.field("bytes").type
    return pa.types.is_binary(inner) or pa.types.is_large_binary(inner)


def _class_names(metadata: dict[bytes, bytes], label: str) -> tuple[str, ...] | None:
    """As the Hugging Face hub writes them into a schema; None if it has not."""
    try:
        names: Any = json.loads(metadata.get(b"huggingface", b"{}"))
        for key in ("info", "features", label, "names"):
            names = names.get(key) or {}
    except (ValueError, RecursionError, AttributeError):
        raise ValueError("has metadata of another form than the hub's; fetch it anew") from None
    if not names:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("has names of classes that are not texts; fetch it anew")
    check_class_names(tuple(names))
    return tuple(names)
