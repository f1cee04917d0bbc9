"""Find the parquet files of a data set and read their schemas. No torch here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from titn.data.classes import check_class_names
from titn.data.leftovers import belonging
from titn.data.misplaced import check_directory, instead_of_shards
from titn.data.numbering import check_whole
from titn.data.paths import LFS_POINTER, is_directory, is_lfs_pointer, why_not_a_file
from titn.system.errors import error_text

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("fine_label", "label")


class Shards(NamedTuple):
    """The parquet files of both splits, and the names of the columns to read.

    class_names: in the order of the labels; None if the files do not name the classes.
    num_train, num_test: the rows of each split.
    """

    root: Path
    train: tuple[Path, ...]
    test: tuple[Path, ...]
    image_column: str
    label_column: str
    class_names: tuple[str, ...] | None
    num_train: int
    num_test: int


class Schema(NamedTuple):
    """The columns, class names and number of rows of a single file."""

    image_column: str
    label_column: str
    class_names: tuple[str, ...] | None
    num_rows: int


def find_shards(root: Path, alternative: str | None = None) -> Shards:
    """The parquet files under `root`; ValueError if they or their columns are not there.

    alternative: a directory of another layout that would have been accepted; for the message.
    """
    check_directory(root, "the one with the data set")
    # As in a repository of the hub: side by side, or in directories one level down.
    items = belonging(root)
    items += [item for place in items if is_directory(place) for item in belonging(place)]
    files = {
        split: tuple(
            item
            for item in items
            if item.match(f"{split}-*.parquet") or item.name == f"{split}.parquet"
        )
        for split in ("train", "test")
    }
    for split, found in files.items():
        if not found:
            nor = f", nor torchvision's {alternative}/" if alternative else ""
            raise ValueError(
                f"root={root}: holds no {split}-*.parquet{nor}; {instead_of_shards(root, split)}"
            )
    for found in files.values():
        check_whole(root, found)
    schemas_of = {split: [_schema(root, shard) for shard in files[split]] for split in files}
    schemas = [*schemas_of["train"], *schemas_of["test"]]
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
    rows = {split: sum(schema.num_rows for schema in schemas_of[split]) for split in files}
    for split, num_rows in rows.items():
        if not num_rows:
            raise ValueError(f"root={root}: {split} has no rows; fetch it again")
    return Shards(
        root,
        files["train"],
        files["test"],
        *columns.pop(),
        class_names,
        num_train=rows["train"],
        num_test=rows["test"],
    )


def _schema(root: Path, shard: Path) -> Schema:
    with open_shard(root, shard) as file:
        schema = file.schema_arrow
        columns = schema.names
        num_rows = file.metadata.num_rows
        # A row with an image has at least one byte. Believing a damaged file would fill the memory.
        if num_rows > shard.stat().st_size:
            raise ValueError(f"{num_rows} rows are more than it has bytes")
    name = shard.relative_to(root)
    image = next((column for column in IMAGE_COLUMNS if column in columns), None)
    label = next((column for column in LABEL_COLUMNS if column in columns), None)
    if image is None or label is None:
        raise ValueError(
            f"root={root}: {name} has columns {columns}; it needs one of "
            f"{list(IMAGE_COLUMNS)} and one of {list(LABEL_COLUMNS)}"
        )
    for known in (IMAGE_COLUMNS, LABEL_COLUMNS):
        if len(found := [column for column in known if column in columns]) > 1:
            raise ValueError(
                f"root={root}: {name} has columns {' and '.join(found)}; remove one of them"
            )
    for column in (image, label):
        if columns.count(column) > 1:
            raise ValueError(f"root={root}: {name} has two columns {column}; remove one of them")
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
        return Schema(image, label, _class_names(schema.metadata or {}, label), num_rows)
    except ValueError as error:
        raise ValueError(f"root={root}: {name} {error}") from None


@contextmanager
def open_shard(root: Path, shard: Path) -> Iterator[pq.ParquetFile]:
    """Open a file to read it at once; ValueError if it cannot be opened or read to its end."""
    with (
        table_errors_named(root, shard, "parquet", "fetch it again"),
        # Opened by Python, because pyarrow takes some file names for URLs.
        open(shard, "rb") as content,
        pq.ParquetFile(content, page_checksum_verification=True) as file,
    ):
        yield file


@contextmanager
def table_errors_named(root: Path, file: Path, kind: str, remedy: str) -> Iterator[None]:
    """Raise a ValueError that names the file for what it is not, or for what reading it raises."""
    try:
        if reason := why_not_a_file(file):
            raise ValueError(reason)
        yield
    except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
        name = file.relative_to(root)
        if why_not_a_file(file) is None and is_lfs_pointer(file):
            raise ValueError(f"root={root}: {name} is {LFS_POINTER}") from None
        raise ValueError(
            f"root={root}: {name} cannot be read as {kind} ({error_text(error)}); {remedy}"
        ) from None


def _holds_files(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return False
    inner = kind.field("bytes").type
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return any(is_kind(inner) for is_kind in kinds)


def _class_names(metadata: dict[bytes, bytes], label: str) -> tuple[str, ...] | None:
    """The class names that the Hugging Face hub writes into a schema; None if there are none."""
    try:
        names: Any = json.loads(metadata.get(b"huggingface", b"{}"))
        for key in ("info", "features", label, "names"):
            names = names.get(key) or {}
    except (ValueError, RecursionError, AttributeError):
        raise ValueError("has metadata of another form than the hub's; fetch it again") from None
    if not names:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("has names of classes that are not strings; fetch it again")
    check_class_names(tuple(names))
    return tuple(names)
