"""What --help says of the keys: the comments that their files have."""

import io
import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from titn.config.paths import config_root

HELP = ("--help", "-h")
KEYS = "== Keys"  # how the heading begins below which Hydra prints the configuration
LINE = re.compile(r"( *)([A-Za-z_]\w*):(.*)")
NARROWEST = 40  # columns that a comment beside its key needs

# The class of a node and a key of it, or nothing and a whole dotted key -> its comment.
Comments = dict[tuple[str, str], str]


@contextmanager
def commented_help(arguments: Sequence[str]) -> Iterator[None]:
    """What Hydra prints in the meantime is printed with comments, if help was asked for."""
    if not any(argument in HELP for argument in arguments):
        yield
        return
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:  # Hydra exits after its help
        width = shutil.get_terminal_size((100, 24)).columns
        print(with_comments(printed.getvalue(), width), end="")


def with_comments(text: str, width: int) -> str:
    """The help with a comment behind each key, above it where there is no room."""
    head, heading, rest = text.partition(KEYS)
    title, _, keys = rest.partition("\n\n")
    body, gap, foot = keys.partition("\n\n")
    if not heading:
        return text
    known = read_comments(config_root() / "conf")
    lines = list[str]()
    for line, place in _places(body.splitlines(), ""):
        lines += _commented(line, known.get(place, ""), width)
    return f"{head}{heading}{title}\n\n" + "\n".join(lines) + gap + foot


def _commented(line: str, comment: str, width: int) -> list[str]:
    if not comment:
        return [line]
    beside = f"{line:<27}  # {comment}"
    if len(beside) < width:
        return [beside]
    indent = " " * (len(line) - len(line.lstrip())) + "# "
    wrapped = textwrap.wrap(
        comment, max(width - 1, NARROWEST), initial_indent=indent, subsequent_indent=indent
    )
    return [*wrapped, line]


def read_comments(conf: Path) -> Comments:
    """Of all files of a directory of configuration groups; the first of several stays."""
    found: Comments = {}
    for file in sorted(conf.rglob("*.yaml"), key=lambda file: (len(file.parts), file)):
        text = file.read_text(encoding="utf-8")
        inside = "" if "# @package _global_" in text else _package(file.relative_to(conf))
        for line, place in _places(text.splitlines(), inside):
            comment = re.search(r"\s# (.*)$", line)
            if comment and place != ("", ""):
                found.setdefault(place, comment[1])
    return found


def _package(file: Path) -> str:
    """Where Hydra puts the content of a group's file."""
    return ".".join(file.parent.parts)


def _places(lines: Sequence[str], inside: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each line with the place of its key."""
    open_keys: list[tuple[int, str]] = []  # indentation and name of the nodes around a line
    classes: dict[str, str] = {}
    for line in lines:
        key = LINE.match(line)
        if key is None:
            yield line, ("", "")
            continue
        indent, name = len(key[1]), key[2]
        open_keys = [one for one in open_keys if one[0] < indent]
        node = ".".join([*filter(None, [inside]), *(one[1] for one in open_keys)])
        if name == "_target_":
            classes[node] = key[3].split()[0]
        is_of_class = node in classes
        yield line, (classes[node], name) if is_of_class else ("", f"{node}.{name}".lstrip("."))
        open_keys.append((indent, name))
