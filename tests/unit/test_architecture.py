"""The drawn architecture is that of the imports."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_figure_and_table_are_drawn_from_the_imports():
    command = [sys.executable, ROOT / "docs" / "draw_architecture.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
