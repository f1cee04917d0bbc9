"""What a shell calls for a page's blocks, with programs that only say how they are called."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from doc_blocks import blocks

# Everything that pages call. A block that calls something else fails with "command not found".
PROGRAMS = (
    "python",
    "python3",
    "pip",
    "titn",
    "mkdocs",
    "ray",
    "srun",
    "scontrol",
    "squeue",
    "scancel",
    "flock",
)
SAYS = (
    '#!/bin/sh\nprintf "%s\\0" "$PLACE" "${0##*/}" "$@" >>"$CALLS"; printf "\\036\\0" >>"$CALLS"\n'
)
# scontrol is called after a worker that was told to leave.
SLURM = SAYS + "exit 138\n"


@dataclass(frozen=True)
class Call:
    """place: page:line of its block. words: the program's name and its arguments."""

    place: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Session:
    """What a page's blocks call, and what the shell says against them."""

    calls: list[Call]
    complaints: str


def session(page: str) -> Session:
    """Of a page, whose blocks are typed one after the other into one shell."""
    script = ["set -u -o pipefail"]
    for block in blocks(page):
        if block.language == "sh":
            script += [f"export PLACE={block.place}", block.text, "wait"]
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        environment = _programs(place) | {"SLURM_ARRAY_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": "1"}
        done = subprocess.run(
            ["/bin/bash", "-c", "\n".join(script)],
            cwd=place, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Session(_recorded(place / "calls"), done.stderr)


def _programs(place: Path) -> dict[str, str]:
    """The programs are written below a directory; returns the shell's environment."""
    for folder in (place / "bin", place / ".venv/bin"):
        folder.mkdir(parents=True)
        (folder / "activate").touch()
        for name in PROGRAMS:
            (folder / name).write_text(SLURM if name == "srun" else SAYS)
            (folder / name).chmod(0o755)
    return {"PATH": str(place / "bin"), "CALLS": str(place / "calls")}


def _recorded(file: Path) -> list[Call]:
    entries = file.read_text().split("\036\0") if file.exists() else []
    found = [entry.split("\0")[:-1] for entry in entries if entry]
    return [Call(place, tuple(words)) for place, *words in found]
