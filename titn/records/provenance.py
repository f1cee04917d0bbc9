"""What made a record: source, versions, hardware. No torch here."""

import ast
import hashlib
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

# What decides numbers. Another source here, and a record is neither reused nor averaged.
DECIDING = (
    "models", "losses", "data", "optim",
    "training/engine.py", "training/objective.py", "training/teacher.py",
)  # fmt: skip

DISTRIBUTIONS = (
    "titn", "torch", "torchvision", "timm", "lightning-fabric", "hydra-core", "omegaconf",
    "numpy", "scikit-learn", "pillow", "einops",
)  # fmt: skip


@cache
def source_digest(package: Path = PACKAGE) -> str:
    """SHA-256 of the code that decides numbers, as it was when a process first asked.

    Of the code, not of the text: comments, docstrings and layout do not count, so that a better
    sentence does not bar old records from new averages.
    """
    sha = hashlib.sha256()
    for part in DECIDING:
        path = package / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            code = _canonical(ast.parse(file.read_text()))
            sha.update(f"{file.relative_to(package).as_posix()}\0{code!r}\0".encode())
    return sha.hexdigest()


def _canonical(node: object) -> object:
    """A syntax tree as nested tuples, without what is empty: the same in every Python version."""
    if isinstance(node, list):
        return [_canonical(child) for child in node if not _is_docstring(child)]
    if not isinstance(node, ast.AST):
        return node
    fields = [(name, _canonical(value)) for name, value in ast.iter_fields(node)]
    return (
        type(node).__name__,
        [(name, value) for name, value in fields if value not in (None, [])],
    )


def _is_docstring(node: object) -> bool:
    """A string that stands as a statement of its own does nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def git_commit(checkout: Path) -> tuple[str | None, bool | None]:
    """The commit of a checkout and whether it has uncommitted changes; None without git.

    Only the checkout's own: an installed package that lies in someone else's is not asked.
    """
    if not (checkout / ".git").exists():
        return None, None
    try:
        commit = _git(checkout, "rev-parse", "HEAD")
        return commit, bool(_git(checkout, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return None, None


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def environment(checkout: Path) -> dict:
    """Versions, hardware, commit and command, as far as they can be known without torch."""
    commit, dirty = git_commit(checkout)
    return {
        "git_commit": commit,
        "git_dirty": dirty,
        "command": shlex.join(["titn-train", *sys.argv[1:]]),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cpu_count": os.cpu_count(),
        "versions": {name: _version(name) for name in DISTRIBUTIONS},
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def cpu_name() -> str:
    """As the system calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
