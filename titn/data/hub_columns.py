"""The columns of a Hugging Face data set: which are read, and their rows. No torch here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from titn.config.constraints import check_num_classes
from titn.data.classes import check_class_names
from titn.data.hub_files import locate
from titn.data.paths import (
    expand_root,
    explain_read_errors,
)
from titn.data.shards import open_shard, table_errors_named

# Usual names, in the order in which they are taken. CIFAR-100's finer labels before its coarse.
IMAGES = ("image", "img", "pixel_values", "images", "pixels")
LABELS = ("label", "labels", "fine_label", "class", "target")
# Rows to read of a parquet file at once; those of an arrow file lie in batches.
PART = 256


class HubTables(NamedTuple):
    """The files of both splits, and what is read of them.

    class_names: in the order of the labels; None where the features do not name the classes.
    """

    root: Path
    train: tuple[Path, ...]
    test: tuple[Path, ...]
    image: str
    label: str
    class_names: tuple[str, ...] | None


def huggingface(
    *,
    root: str | None = None,
    config_name: str | None = None,
    test_split: str = "test",
    image_column: str | None = None,
    label_column: str | None = None,
    num_classes: int | None = None,
    **_: Any,
) -> HubTables:
    """The files and columns; the keywords are those of `titn.data.sources.huggingface`."""
    if not root:
        raise ValueError(
            "root=null: give the directory that save_to_disk wrote, or that was fetched from the "
            "hub, as dataset.root=DIR"
        )
    place = expand_root(root)
    with explain_read_errors(root):
        train, test, info = locate(place, config_name, test_split)
        schemas = _schemas(place, (*train, *test))
        schema = next(iter(schemas.values()))
        features = _features(schema) or _features_beside(info)
        image = _choose(place, "image_column", image_column, schema, features, IMAGES, _is_image)
        label = _choose(place, "label_column", label_column, schema, features, LABELS, _is_label)
        try:
            _check_same_kinds(schemas, image, label)
            names = _class_names(features, label)
            _check_same_classes(schemas, label)
        except ValueError as error:
            raise ValueError(f"root={place}: {error}") from None
    if names:
        check_num_classes(num_classes, len(names), "huggingface")
    return HubTables(place, train, test, image, label, names)


def _schemas(root: Path, files: tuple[Path, ...]) -> dict[str, pa.Schema]:
    """Name below the root -> schema."""
    schemas: dict[str, pa.Schema] = {}
    for file in files:
        name = str(file.relative_to(root))
        with open_table(root, file) as (schemas[name], _):
            pass
    return schemas


def _check_same_kinds(schemas: dict[str, pa.Schema], image: str, label: str) -> None:
    """ValueError if a file lacks a column that is read, or has something else in it.

    What is not read may differ, and so may the width of whole numbers.
    """
    first, *others = schemas
    for name in others:
        for column in (image, label):
            if column not in schemas[name].names:
                has = ", ".join(schemas[name].names)
                raise ValueError(
                    f"{name} has no column {column}, as {first} has, but {has}; give files of one "
                    "data set"
                )
            types = [schemas[file].field(column).type for file in (first, name)]
            if _kind_of_cells(types[0]) != _kind_of_cells(types[1]):
                raise ValueError(
                    f"{column} is {types[0]} in {first}, and {types[1]} in {name}; give files of "
                    "one data set, or save it again"
                )


def _kind_of_cells(kind: pa.DataType) -> str:
    """What the cells of a column are read as."""
    if holds_files(kind):
        return "files"
    if (values := array_values(kind)) is not None:
        return f"arrays of {values}"
    if _is_word(kind):
        return "words"
    return "whole numbers" if pa.types.is_integer(kind) else str(kind)


def _check_same_classes(schemas: dict[str, pa.Schema], label: str) -> None:
    """ValueError if files name other classes, or the same in another order: a label is a number."""
    known: tuple[str, tuple[str, ...]] | None = None
    for file, schema in schemas.items():
        names = _class_names(_features(schema), label)
        if names and known and names != known[1]:
            raise ValueError(
                f"{known[0]} and {file} differ in the names of the classes, or in their order; "
                "give files of one data set, or save it again"
            )
        known = known or ((file, names) if names else None)


def _choose(
    root: Path,
    key: str,
    given: str | None,
    schema: pa.Schema,
    features: dict[str, Any],
    usual: tuple[str, ...],
    fits: Any,
) -> str:
    """The column that is given, or the one that is meant by its feature or its name."""
    fitting = [f.name for f in schema if fits(f.type, features.get(f.name))]
    if given is not None:
        if given not in schema.names:
            has = ", ".join(schema.names)
            raise ValueError(f"{key}={given}: {root} has the columns {has}; choose of these")
        if given not in fitting:
            kind = schema.field(given).type
            raise ValueError(
                f"{key}={given}: is {kind}, not {_KINDS[key]}; {_remedy(key, kind, fitting)}"
            )
        return given
    # Those that the features call so, if there are any: an image may have a number as well.
    said = [name for name in fitting if _kind_of(features.get(name)) in ("Image", "ClassLabel")]
    found = said or fitting
    if known := [name for name in usual if name in found]:
        return known[0]
    if not said and key == "label_column":
        _check_not_meant(root, key, schema, usual, found)
    if len(found) == 1:
        return found[0]
    has = ", ".join(f"{f.name} ({f.type})" for f in schema)[:300]
    what = f"has {'no column' if not found else 'several columns'} of {_KINDS[key]}"
    remedy = f"name it as dataset.{key}=NAME" if found else _SAVED[key]
    raise ValueError(f"root={root}: {what}; its columns are {has}; {remedy}")


def _check_not_meant(
    root: Path, key: str, schema: pa.Schema, usual: tuple[str, ...], others: list[str]
) -> None:
    """ValueError if a column has a label's usual name, and numbers in another form.

    others: columns that have whole numbers or words, which need not be what is meant.
    """
    for name in usual:
        kind = schema.field(name).type if name in schema.names else pa.null()
        if form := _form_of_numbers(kind):
            other = f", or name another column as dataset.{key}={others[0]}" if others else ""
            raise ValueError(f"root={root}: {name} is {kind}, not {_KINDS[key]}; {form}{other}")


def _remedy(key: str, kind: pa.DataType, fitting: list[str]) -> str:
    """What to do with a column of this type that was named. fitting: those that can be."""
    form = _form_of_numbers(kind) if key == "label_column" else None
    choose = f"choose {' or '.join(fitting)[:100]}" if fitting else None
    return ", or ".join(filter(None, (form, choose))) or _SAVED[key]


def _form_of_numbers(kind: pa.DataType) -> str | None:
    """How to save labels that are numbers, but none that can be read; None of anything else."""
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "cast it to int64 or string"
    return "save one int64 or string an image" if _is_list(kind) else None


_KINDS = {
    "image_column": "images (files' bytes, or arrays of uint8 or floating point)",
    "label_column": "labels (whole numbers or words)",
}
_SAVED = {
    "image_column": "save them in one of these forms",
    "label_column": "save them as a column of int64 or string",
}


def _is_image(kind: pa.DataType, feature: Any) -> bool:
    if _kind_of(feature) == "ClassLabel":
        return False
    return holds_files(kind) or array_values(kind) is not None


def holds_files(kind: pa.DataType) -> bool:
    """Whether cells are image files: bytes, or a struct that has them."""
    if pa.types.is_struct(kind):
        at = kind.get_field_index("bytes")
        return at >= 0 and _is_binary(kind.field(at).type)
    return _is_binary(kind)


def _is_binary(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return any(is_kind(kind) for is_kind in kinds)


def array_values(kind: pa.DataType) -> pa.DataType | None:
    """The type of the numbers in lists of lists (h, w) or (h, w, c); None of anything else."""
    depth = 0
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    while _is_list(kind):
        kind, depth = kind.value_type, depth + 1
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return kind if depth in (2, 3) and is_number else None


def _is_list(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_kind(kind) for is_kind in kinds)


def _is_label(kind: pa.DataType, feature: Any) -> bool:
    if _kind_of(feature) == "ClassLabel":
        return pa.types.is_integer(kind)
    return _is_word(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)


def _is_word(kind: pa.DataType) -> bool:
    """Text, or the numbers of texts, as pandas keeps categories."""
    if pa.types.is_dictionary(kind):
        return _is_word(kind.value_type)
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(kind) for is_kind in kinds)


# --- what datasets says of the columns --------------------------------------------------------


def _features(schema: pa.Schema) -> dict[str, Any]:
    return _features_in((schema.metadata or {}).get(b"huggingface"), "info")


def _features_beside(info: Path | None) -> dict[str, Any]:
    return {} if info is None else _features_in(info.read_bytes())


def _features_in(text: bytes | None, *path: str) -> dict[str, Any]:
    """Column -> its feature; empty if nothing is said."""
    try:
        content = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        return {}
    for key in (*path, "features"):
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}


def _kind_of(feature: Any) -> Any:
    return feature.get("_type") if isinstance(feature, dict) else None


def _class_names(features: dict[str, Any], label: str) -> tuple[str, ...] | None:
    feature = features.get(label)
    names = feature.get("names") if isinstance(feature, dict) else None
    if not names:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"the names of {label} are not strings; save the data set again")
    check_class_names(tuple(names))
    return tuple(names)


# --- rows -------------------------------------------------------------------------------------


def parts(root: Path, file: Path, column: str) -> Iterator[pa.Array]:
    """A column of a file, some rows at a time."""
    with open_table(root, file) as (_, read):
        for batch in read([column]):
            cells = batch.column(batch.schema.get_field_index(column))
            # A checked copy of what offsets say: a damaged file may point anywhere.
            cells.validate(full=True)
            yield cells.storage if isinstance(cells, pa.ExtensionArray) else cells


@contextmanager
def open_table(root: Path, file: Path) -> Iterator[tuple[pa.Schema, Any]]:
    """The schema of a file, and a function from columns to its batches; ValueError if damaged."""
    if file.suffix == ".parquet":
        with open_shard(root, file) as shard:
            yield shard.schema_arrow, lambda columns: shard.iter_batches(PART, columns=columns)
        return
    with (
        table_errors_named(root, file, "arrow", "save it again"),
        # Mapped, so that reading labels does not read images.
        pa.memory_map(str(file)) as content,
    ):
        reader = _reader(content)
        yield reader.schema, lambda _: _batches(reader)


# How a stream ends: one that is cut off between two batches would else be a shorter one.
END = b"\xff\xff\xff\xff\0\0\0\0"


def _reader(content: pa.NativeFile) -> Any:
    """datasets writes streams; a file with an index at its end begins with these letters."""
    is_indexed = content.size() >= 6 and content.read(6) == b"ARROW1"
    if not is_indexed and content.size() >= len(END):
        content.seek(content.size() - len(END))
        if content.read() != END:
            raise ValueError("it is cut off")
    content.seek(0)
    return pa.ipc.open_file(content) if is_indexed else pa.ipc.open_stream(content)


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        yield from (reader.get_batch(i) for i in range(reader.num_record_batches))
    else:
        yield from reader
