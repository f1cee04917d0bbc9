"""The site that mkdocs builds: what the Markdown of the checkout needs to become its pages.

Every page lies in the site where its file lies in the checkout, so that relative links hold in
both. What a code host renders by itself is done here: folds, formulas, notebooks.
"""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# Of these directories the files with these endings; what pages link to, and pictures.
SHOWN = {
    ".": ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "constraints.txt"),
    "docs": ("**/*.md", "**/*.svg", "**/*.ipynb", "site.css"),
    "benchmarks": ("*.md", "*.svg", "*.py", "results/*.json"),
    "reports": ("*.md", "*.csv", "*.svg", "ablation/**/*.*", "paper/**/*.*", "ablate/**/*.*"),
}
# Other files of the checkout that a page links to; `on_files` looks for them.
LINK = re.compile(r"\]\(((?:\.\./)+(?:sweeps|conf|titn|tests)/[^)#\s]+\.\w+)")

NAME = r"<!-- ::: ([\w.]+) -->$"
# From the first prompt of a docstring to the next empty line.
DOCTEST = re.compile(r"\n(>>> .+?)(?=\n\n|\n?\Z)", re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of the checkout in place of those of docs/, at their places in the checkout."""
    paths = {path for folder, kinds in SHOWN.items() for path in _found(ROOT / folder, kinds)}
    linked = {
        (path.parent / link).resolve()
        for path in paths
        if path.suffix == ".md"
        for link in LINK.findall(path.read_text(encoding="utf-8"))
    }
    mirrored = [
        _file(path.relative_to(ROOT).as_posix(), config)
        for path in sorted(paths | {path for path in linked if path.is_file()})
    ]
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        place = path.relative_to(ROOT).with_suffix(".md").as_posix()
        mirrored.append(File.generated(config, place, content=notebook_page(path)))
    theme = [file for file in files if file.abs_src_path is None or not _in_docs(file, config)]
    return Files([*theme, *mirrored])


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Folds are read as Markdown, notebooks are linked as pages, `<!-- ::: name -->` is a name."""
    if page.file.src_uri.startswith("reports/") and page.file.src_uri != "reports/README.md":
        page.meta["search"] = {"exclude": True}  # words of tables, many times
    markdown = re.sub(r"<details( open)?>", r'<details\1 markdown="1">', markdown)
    markdown = markdown.replace("<summary>", '<summary markdown="span">')
    markdown = re.sub(r"(\]\([^)\s]*notebooks/\w+)\.ipynb\)", r"\1.md)", markdown)
    # With a heading and a sentence before it, for readers of the file, the name takes their place.
    titled = r"::: \2\n    options:\n      heading: \1\n"
    markdown = re.sub(
        rf"^### (\S+)\n\n(?:\w[^\n]+\n\n)?{NAME}", titled, markdown, flags=re.MULTILINE
    )
    return re.sub(rf"^{NAME}", r"::: \1", markdown, flags=re.MULTILINE)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Formulas become MathML, which browsers draw by themselves."""
    content = re.sub(r'<span class="arithmatex">\\\((.+?)\\\)</span>', _inline, content)
    return re.sub(
        r'<div class="arithmatex">\s*\\\[(.+?)\\\]\s*</div>', _display, content, flags=re.DOTALL
    )


def notebook_page(path: Path) -> str:
    """A notebook with its outputs as Markdown."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = [part for cell in cells for part in _cell(cell)]
    parts.append(f"[This page as a notebook]({path.name}){{ download }}")
    return "\n\n".join(parts)


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        yield from _output(output)


def _output(output: dict[str, Any]) -> Iterator[str]:
    """Of what a cell shows the richest form: a table, a picture, else text."""
    data = output.get("data", {})
    if "text/html" in data:
        table = "".join(data["text/html"])
        table = re.sub(r"<style.*?</style>", "", table, flags=re.DOTALL)
        table = re.sub(r"<table[^>]*>", "<table>", table)
        yield re.sub(r"\n\s*", "\n", table).strip()
    elif "image/png" in data:
        yield f'<img alt="figure" src="data:image/png;base64,{"".join(data["image/png"]).strip()}">'
    elif text := "".join(output.get("text", data.get("text/plain", ""))).rstrip():
        yield f"```text\n{text}\n```"


class Doctests(griffe.Extension):
    """Examples in docstrings are shown as examples: Markdown would quote them."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = DOCTEST.sub(r"\n```pycon\n\1\n```\n", obj.docstring.value)


def _found(folder: Path, kinds: tuple[str, ...]) -> Iterator[Path]:
    for kind in kinds:
        yield from (path for path in folder.glob(kind) if path.is_file())


def _file(place: str, config: MkDocsConfig) -> File:
    return File(place, str(ROOT), config.site_dir, config.use_directory_urls)


def _in_docs(file: File, config: MkDocsConfig) -> bool:
    return Path(str(file.abs_src_path)).is_relative_to(config.docs_dir)


def _inline(match: re.Match[str]) -> str:
    return _mathml(match[1], "inline")


def _display(match: re.Match[str]) -> str:
    return f'<div class="formula">{_mathml(match[1], "block")}</div>'


def _mathml(formula: str, display: str) -> str:
    drawn: str = convert(html.unescape(formula), display=display)
    if left := re.findall(r"\\[a-zA-Z]+", drawn):
        raise PluginError(f"{left[0]} cannot be drawn: {formula}")
    return drawn
