"""The fenced blocks of the documentation, and the commands in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "benchmarks/*.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What stands before a block whose commands cannot be run here, with the reason.
MARKER = re.compile(r"<!-- not run: (.+?) -->\n+\Z")


@dataclass(frozen=True)
class Block:
    """place: page:line of its first line. not_run: the reason of its marker, if it has one."""

    place: str
    language: str
    text: str
    not_run: str | None

    def commands(self) -> list[str]:
        """The commands of a shell: lines, with those that a backslash or a quote continues."""
        found, begun = [], ""
        for line in self.text.replace("\\\n", " ").splitlines():
            begun = f"{begun}\n{line}" if begun else line
            try:
                words = shlex.split(begun, comments=True)
            except ValueError:  # a quote is open
                continue
            found += [begun] if words else []
            begun = ""
        assert not begun, f"{self.place}: a quote is not closed: {begun}"
        return found


def blocks(*pages: str) -> list[Block]:
    """All of pages, which are patterns below the checkout."""
    paths = sorted({path for page in pages or PAGES for path in CHECKOUT.glob(page)})
    return [block for path in paths for block in _of_page(path)]


def _of_page(path: Path) -> list[Block]:
    text, name = path.read_text(encoding="utf-8"), path.relative_to(CHECKOUT).as_posix()
    found = []
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        marker = MARKER.search(before)
        place = f"{name}:{before.count(chr(10)) + 2}"
        found.append(Block(place, match[1], match[2], marker[1] if marker else None))
    return found


def arguments(command: str) -> list[str]:
    """The words of a command of titn behind `python -m titn.` or `titn `; [] for other commands."""
    words = shlex.split(command, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):  # variables of the environment
        words = words[1:]
    if words[:1] == ["titn"]:
        return words[1:]
    if len(words) > 2 and words[0].endswith("python") and words[1] == "-m":
        package, _, module = words[2].partition(".")
        return [module, *words[3:]] if package == "titn" else []
    return []
