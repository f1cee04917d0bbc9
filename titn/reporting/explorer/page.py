"""Puts template, style, scripts, BokehJS and the runs together into one file."""

import base64
import gzip
import importlib.util
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from titn.records.collation import Records
from titn.records.trials import TrialsFile
from titn.reporting.evidence.run_files import Fault
from titn.reporting.explorer.contents import Contents, collect_contents
from titn.reporting.sweep_plans import PlannedSetting
from titn.system.errors import ConfigError
from titn.system.files import write_text
from titn.system.text import printable

# In the order in which they stand on the page: a later one calls what an earlier one defines.
SCRIPTS = (
    "dom", "data", "state", "statistics", "shown", "filters", "table", "plots", "scatter", "curves",
    "compare", "confusion", "exports", "main",
)  # fmt: skip

# BokehJS: the library itself, and the functions that make a plot. Both begin with its licence.
LIBRARY = ("bokeh.min.js", "bokeh-api.min.js")

# By which a page is known, near its beginning.
TITLE = b"<title>titn: explorer of runs</title>"


def check_installed() -> None:
    """ConfigError unless the packages of the extra `html` are there."""
    missing = [name for name in ("bokeh", "jinja2") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"--html: {' and '.join(missing)} not installed; pip install titn[html]")


def check_replaceable(file: Path) -> None:
    """ConfigError if there is a file, and it is no explorer, or if it is no name of a page."""
    if file.suffix.lower() not in (".html", ".htm") and not file.is_dir():
        raise ConfigError(printable(f"--html {file}: should end in .html; name it so"))
    if file.is_dir():
        raise ConfigError(
            printable(f"--html {file}: is a directory; write it before --html, or name a file")
        )
    if file.is_file():
        with open(file, "rb") as page:
            if TITLE not in page.read(2000):
                raise ConfigError(
                    printable(f"--html {file}: was not written by titn.report; name another file")
                )


def write_explorer(
    runs: Records,
    plans: Sequence[PlannedSetting],
    searches: Mapping[str, TrialsFile],
    file: Path,
) -> list[Fault]:
    """Write the page; what could not be read is returned, and the page goes without it."""
    check_installed()
    contents = collect_contents(runs, plans, searches)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, page(contents))
    return contents.faults


def page(contents: Contents) -> str:
    """The HTML. Data are compressed and in base64, so that no text of theirs can be markup."""
    import jinja2
    from markupsafe import Markup

    own = files("titn.reporting.explorer")
    source = own.joinpath("page.html.j2").read_text(encoding="utf-8")
    scripts = [own.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    table = json.dumps(contents.table, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return environment.from_string(source).render(
        style=Markup(own.joinpath("explorer.css").read_text(encoding="utf-8")),
        library=[Markup(inlined(script)) for script in library()],
        script=Markup(inlined("\n".join(scripts))),
        table=packed(table.encode()),
        predictions=packed(contents.predictions),
    )


def library() -> list[str]:
    """The texts of BokehJS, as the installed package bokeh has them."""
    spec = importlib.util.find_spec("bokeh")
    assert spec is not None
    assert spec.origin is not None
    place = Path(spec.origin).parent / "server" / "static" / "js"
    return [(place / name).read_text(encoding="utf-8") for name in LIBRARY]


def inlined(script: str) -> str:
    """A script that cannot end its element: in its strings, `<\\/script` is the same text."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def packed(content: bytes) -> str:
    """gzip in base64; without a date, so that equal content is equal text."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")
