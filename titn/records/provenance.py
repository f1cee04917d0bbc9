"""What made a record: source, versions, hardware. No torch here."""

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from titn.system.text import without_password

DISTRIBUTIONS = (
    "titn", "torch", "torchvision", "timm", "lightning-fabric", "hydra-core", "omegaconf",
    "numpy", "scikit-learn", "pillow", "einops",
)  # fmt: skip

# The command of the run that is made, where it is not a command line of titn.train.
COMMAND: ContextVar[Sequence[str] | None] = ContextVar("command", default=None)


@contextmanager
def made_by(arguments: Sequence[str], program: str = "titn-train") -> Iterator[None]:
    """What is made in the meantime is recorded with this command."""
    token = COMMAND.set([program, *arguments])
    try:
        yield
    finally:
        COMMAND.reset(token)


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
    """What git prints, with names of files as it has them: they need not be UTF-8.

    Within a hook of another repository the environment has GIT_DIR and its like: they would be
    asked about instead of the checkout.
    """
    command = ["git", "--no-optional-locks", "-C", str(checkout), *arguments]
    own = {k: v for k, v in os.environ.items() if not re.match("GIT_(?!CONFIG)", k)}
    done = subprocess.run(command, check=True, capture_output=True, env=own)
    return done.stdout.decode(errors="backslashreplace").strip()


def environment(checkout: Path) -> dict:
    """Versions, hardware, commit and command, as far as they can be known without torch."""
    commit, dirty = git_commit(checkout)
    return {
        "git_commit": commit,
        "git_dirty": dirty,
        "command": shlex.join(
            map(without_password, COMMAND.get() or ["titn-train", *sys.argv[1:]])
        ),
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
