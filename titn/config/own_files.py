"""What Hydra says of configuration files of one's own: the file, what is wrong, and the remedy."""

import re
from collections.abc import Sequence
from pathlib import Path

from yaml import MarkedYAMLError

from titn.config.overrides import own_dirs_typed

# Hydra's sentences about a file, and ours. Braces stand for what the parentheses caught.
SENTENCES = (
    (
        r"In '(.*)': Could not override '.*/(.*)@.*'\. No match",
        "{0}.yaml: override {1}: is looked for beside the file; write override /{1}: NAME",
    ),
    (
        r"Invalid defaults list in '(.*)', defaults must be a list",
        "{0}.yaml: its defaults are no list; write each as - override /GROUP: NAME",
    ),
    (
        r"In '(.*)': ConfigTypeError raised while composing",
        "{0}.yaml: is no mapping; write it as KEY: VALUE",
    ),
)


def explain_own_file(error: Exception, arguments: Sequence[str]) -> str | None:
    """The line for what is wrong with a file that the command line names; None for other errors."""
    text = str(error)
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}:{mark.line + 1}: {error.problem}; mend the file"
    if isinstance(error, UnicodeDecodeError):
        return f"{_not_utf8(arguments)}: is not UTF-8; save it as UTF-8"
    for pattern, sentence in SENTENCES:
        if found := re.search(pattern, text, re.DOTALL):
            return sentence.format(*found.groups())
    again = re.search(r"Multiple values for ([^ ]*)\. To override", text)
    if again and not any(one.startswith(f"+{again[1]}=") for one in arguments):
        return (
            f"{again[1]}: a file's defaults choose it a second time; write there "
            f"- override /{again[1]}: NAME"
        )
    return None


def own_dirs(arguments: Sequence[str]) -> list[Path]:
    """The directories with files of one's own that a command line names."""
    return [Path(one) for one in own_dirs_typed(arguments)]


def _not_utf8(arguments: Sequence[str]) -> str:
    """The first file of one's own directories that is not UTF-8."""
    for directory in own_dirs(arguments):
        for file in sorted(directory.rglob("*.yaml")):
            try:
                file.read_text(encoding="utf-8")
            except (UnicodeDecodeError, OSError):
                return str(file)
    return "a file of the configuration"
