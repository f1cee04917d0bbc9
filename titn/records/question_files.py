"""Reads the file of a question, and says where in it a mistake is: file, line, key and remedy."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from titn.config.keys import COMMAND_KEYS
from titn.config.overrides import override_key
from titn.records.question import QuestionError, parse_question
from titn.records.question_meaning import check_meaning
from titn.records.safe_open import construct_yaml
from titn.system.errors import ConfigError, error_text, first_line
from titn.system.text import printable

HEADER = "# @package _global_"
# As Hydra reads it: before any line that is neither empty nor of this kind.
IS_HEADER = re.compile(r"\s*(#\s*@\w+\s+\S+\s*\n\s*)*#\s*@package\s+_global_\s*(\n|$)")
TEXT, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
TYPES = {"bool": "true or false", "int": "a number", "float": "a number", "null": "nothing"}


class _Loader(yaml.SafeLoader):
    """Scalars have the types that Hydra gives them: 1e3 is a number, and a date is text."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, form) for tag, form in forms if not tag.endswith("timestamp")]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_question_file(file: Path) -> Any:
    """The node `question`, None without one; ConfigError that names file, line and remedy."""
    text = _text(file)
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.YAMLError as error:
        raise _unreadable(file, error) from None
    except RecursionError:
        raise _mistake(file, 1, "is nested too deeply; write it flat") from None
    if root is None:
        raise _mistake(file, 1, "is empty; write a question, as docs/sweeps.md shows")
    if not isinstance(root, MappingNode):
        raise _mistake(file, root, "should be keys and values; write a question, as docs/sweeps.md "
                       "shows")  # fmt: skip
    if not IS_HEADER.match(text):
        raise _mistake(file, 1, f"the first line is not '{HEADER}', without which Hydra does not "
                       "find the question; add it")  # fmt: skip
    _check_keys(file, root, "")
    _check_defaults(file, root)
    _check_swept(file, root)
    question = _child(root, "question")
    if question is None:
        return None
    if not isinstance(question, MappingNode):
        raise _mistake(file, question, "question: should have keys below it, as title and rows")
    try:
        node = construct_yaml(loader.construct_document, question)
    except yaml.YAMLError as error:
        raise _unreadable(file, error) from None
    except ValueError as error:
        raise _mistake(file, question, f"question: {first_line(error)}; write it plainly") from None
    if "${" not in text:
        _check_question(file, question, node)
        _check_rows(file, question)
    return node


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            printable(f"{file}: cannot be read ({error_text(error)}); see to its permissions")
        ) from None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _mistake(file, line, "is not UTF-8; save it as UTF-8") from None
    if text.startswith("\ufeff"):
        raise _mistake(file, 1, "begins with a byte order mark, which hides the first line from "
                       "Hydra; save it as UTF-8 without BOM")  # fmt: skip
    return text


def _mistake(file: Path, place: Node | int, said: str) -> ConfigError:
    line = place if isinstance(place, int) else place.start_mark.line + 1
    return ConfigError(printable(f"{file}:{line}: {said}"))


def _unreadable(file: Path, error: yaml.YAMLError) -> ConfigError:
    """What PyYAML says of a text that is no YAML."""
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or first_line(error)
    if "\\t" in said:
        said = "a tab; indent with spaces"
    elif "could not find expected ':'" in said or "mapping values are not allowed" in said:
        said = f"{said}; put a text with a colon, or with ' #', in quotes"
    else:
        said = f"{said}; correct it"
    return _mistake(file, mark.line + 1 if mark else 1, said)


def _check_keys(file: Path, node: Node, path: str, above: tuple[Node, ...] = ()) -> None:
    """ConfigError if a key stands twice, or in the question is no text, or a node is in itself.

    above: the nodes that hold this one.
    """
    if any(node is one for one in above):
        raise _mistake(file, node, f"{path}: is a part of itself; write it without *")
    for key, name, value in _items(node):
        if key is not None:
            _check_key(file, node, key, path)
        _check_keys(file, value, f"{path}.{name}".lstrip("."), (*above, node))


def _check_key(file: Path, node: Node, key: Node, path: str) -> None:
    where = f"{path}: " if path else ""
    if isinstance(key, ScalarNode) and not key.value and key.tag == TEXT:
        raise _mistake(file, key, f"{where}a key without a letter; name it")
    if not isinstance(key, ScalarNode):
        raise _mistake(file, key, f"{where}a key should be text; put it in quotes")
    first = next(one for one, _ in node.value if one.value == key.value)
    if first is not key and key.tag != MERGE:
        line = first.start_mark.line + 1
        raise _mistake(file, key, f"{where}{key.value}: stands in line {line} too; remove one")
    if path.startswith("question") and key.tag not in (TEXT, MERGE):
        raise _mistake(file, key, f"{where}{_misread(key)}")


def _items(node: Node) -> Iterator[tuple[Node | None, str, Node]]:
    """Key, its name and value of a mapping; None, the index and item of a list."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield key, str(key.value) if isinstance(key, ScalarNode) else "", value
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            yield None, str(index), value


def _child(node: Node, name: str) -> Node | None:
    return next((value for _, key, value in _items(node) if key == name), None)


def _check_defaults(file: Path, root: MappingNode) -> None:
    """ConfigError if a default is not that of a group that titn has chosen already."""
    defaults = _child(root, "defaults")
    for _, _, item in _items(defaults) if defaults else ():
        for key, name, _ in _items(item):
            if not name.startswith("override /"):
                group = name.removeprefix("override ").strip("/")
                raise _mistake(file, key or item, f"defaults: {name}: should be override /{group}")


def _check_swept(file: Path, root: MappingNode) -> None:
    """ConfigError if a swept value is no text or number: several values have commas between."""
    node: Node | None = root
    for name in ("hydra", "sweeper", "params"):
        node = _child(node, name) if node else None
    for key, name, value in _items(node) if node else ():
        if not isinstance(value, ScalarNode) or not value.value:
            said = f"hydra.sweeper.params.{name}: should be values with commas between, as 0,1,2"
            raise _mistake(file, key or value, said)


def _check_rows(file: Path, question: MappingNode) -> None:
    """ConfigError if two rows are the same, or one sets what all have in turn or together."""
    rows = _child(question, "rows")
    known: dict[tuple[str, ...], str] = {}
    for key, label, value in _items(rows) if rows else ():
        overrides = tuple(str(item.value) for _, _, item in _items(value))
        if (same := known.setdefault(tuple(sorted(overrides)), label)) != label:
            raise _mistake(file, key or value, f"question.rows.{label}: is the row {same} again; "
                           "change one, or remove it")  # fmt: skip
        keys = [override_key(override) for override in overrides]
        if "seed" in keys:
            raise _mistake(file, key or value, f"question.rows.{label}: sets the seed, and each "
                           "row is made with each seed; leave it out")  # fmt: skip
        for found in keys:
            if found in (*COMMAND_KEYS, "runs_dir") or found.startswith("hydra"):
                raise _mistake(file, key or value, f"question.rows.{label}: {found} is of all rows "
                               "together; give it on the command line")  # fmt: skip


def _misread(node: ScalarNode) -> str:
    """Of a scalar that YAML does not take for text."""
    kind = TYPES.get(node.tag.rpartition(":")[2], "no text")
    return f"{node.value or 'an empty text'}: is read as {kind}; put it in quotes, '{node.value}'"


def _check_question(file: Path, question: Node, node: Any) -> None:
    """What `parse_question` says of the node, with its line."""
    try:
        check_meaning(parse_question(node))
    except QuestionError as error:
        place, said = question, str(error)
        for key in error.location:
            place = _child(place, str(key)) or place
        if error.wants_text and isinstance(place, ScalarNode) and place.tag != TEXT:
            said = f"{error.key}: {_misread(place)}"
        raise _mistake(file, place, said) from None
