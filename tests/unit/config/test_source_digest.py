"""The digest of the code that a cell uses: what orphans its record, and what does not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import titn
from titn.cells.identity import ENGINE, FIRST_WEIGHTS, TEACHER, source_targets
from titn.config import source_code
from titn.config.source_digest import source_digest
from titn.system.errors import ConfigError

PACKAGE = Path(titn.__file__).parent


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of titn, whose source can be changed; summaries of modules are shared by the tests."""
    root = tmp_path / "copy"
    shutil.copytree(PACKAGE, root / "titn", ignore=shutil.ignore_patterns("__pycache__", "*.csv"))
    return root


@pytest.fixture
def targets(composed):
    """What a student and its teacher use: TITN under VGG16-BN, or as overrides say."""

    def targets_of(*overrides: str) -> frozenset[str]:
        return frozenset(source_targets(composed("model=titn", "teacher=vgg16_bn", *overrides)))

    return targets_of


def digest(root: Path, targets: frozenset[str]) -> str:
    """Of the copy as it is now."""
    source_digest.cache_clear()
    source_code.parse_module.cache_clear()
    source_code.find_spec.cache_clear()
    return source_digest(targets, (str(root),))


def edit(root: Path, module: str, old: str, new: str) -> None:
    file = root / module
    text = file.read_text()
    assert text.count(old) >= 1
    file.write_text(text.replace(old, new, 1))


def move(root: Path, module: str, destination: str) -> None:
    """Move a module, and correct every import of it."""
    old, new = (name.removesuffix(".py").replace("/", ".") for name in (module, destination))
    (root / destination).parent.mkdir(exist_ok=True)
    (root / module).rename(root / destination)
    package, _, name = old.rpartition(".")
    new_package, _, new_name = new.rpartition(".")
    for file in (root / "titn").rglob("*.py"):
        text = re.sub(rf"\bfrom {re.escape(old)} import", f"from {new} import", file.read_text())
        text = re.sub(
            rf"\bfrom {re.escape(package)} import {name}$",
            f"from {new_package} import {new_name} as {name}",
            text,
            flags=re.MULTILINE,
        )
        file.write_text(text)


def test_the_copy_has_the_digest_of_the_package(copy, targets):
    assert digest(copy, targets()) == source_digest(targets())


@pytest.mark.parametrize(
    ("module", "destination"),
    [
        ("titn/models/layers.py", "titn/models/blocks.py"),  # renamed
        ("titn/models/layers.py", "titn/shared/layers.py"),  # moved to a new room
        ("titn/data/autoaugment.py", "titn/data/policies.py"),  # imported as a module
    ],
)
def test_a_module_that_is_moved_or_renamed_orphans_nothing(copy, targets, module, destination):
    before = digest(copy, targets())
    move(copy, module, destination)
    assert digest(copy, targets()) == before


def test_a_definition_that_is_moved_to_another_module_orphans_nothing(copy, targets):
    before = digest(copy, targets())
    text = (copy / "titn/models/layers.py").read_text()
    start = text.index("def drop_path_rates(")
    moved = text[start : text.index("\n\n\ndef ", start)]
    edit(copy, "titn/models/layers.py", moved, "from titn.models.rates import drop_path_rates")
    (copy / "titn/models/rates.py").write_text(moved + "\n")
    assert digest(copy, targets()) == before


def test_what_is_added_orphans_nothing(copy, targets):
    before = digest(copy, targets())
    (copy / "titn/models/new.py").write_text("def new():\n    return 1\n")
    (copy / "titn/losses/distillation.py").open("a").write("\n\nclass NewLoss:\n    alpha = 2\n")
    assert digest(copy, targets()) == before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        # Comments, docstrings, layout, annotations, and what an exception says.
        ("titn/training/engine.py", '"""The training loop', '"""Our training loop'),
        ("titn/models/titn.py", "class TITN(nn.Module):", "# words\nclass TITN(nn.Module):"),
        (
            "titn/models/layers.py",
            "def normal_parameter(*shape: int,",
            "def normal_parameter(*shape: float,",
        ),
        ("titn/config/constraints.py", "does not divide", "will not divide"),
        # Code that the cell does not use: another function, another network, the progress bar.
        ("titn/losses/distillation.py", "class SoftDistillation:", "class SoftDistillation(dict):"),
        ("titn/models/vit.py", "class ViT(nn.Module):", "class ViT(nn.Sequential):"),
        ("titn/system/progress.py", "LINE_SECS = 30.0", "LINE_SECS = 31.0"),
        ("titn/training/compiling.py", "PAYS_FROM_ON_GPU = 500_000", "PAYS_FROM_ON_GPU = 1"),
    ],
)
def test_an_edit_that_no_number_of_the_cell_depends_on_orphans_nothing(
    copy, targets, module, old, new
):
    before = digest(copy, targets())
    edit(copy, module, old, new)
    assert digest(copy, targets()) == before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("titn/models/titn.py", "mlp_ratio: Positive = 4.0", "mlp_ratio: Positive = 3.0"),
        ("titn/training/engine.py", "EVALUATION_BATCH = 256", "EVALUATION_BATCH = 128"),  # constant
        ("titn/models/layers.py", "** -0.5", "** -0.25"),  # a helper's helper
        ("titn/data/streams.py", "zlib.crc32", "zlib.adler32"),  # a helper two imports away
        ("titn/models/layers.py", "from timm.layers import DropPath", "from mine import DropPath"),
        ("titn/models/cnn.py", "self.net", "self.network"),  # of the teacher
        ("titn/training/teacher.py", "return super().train(False)", "return super().train(mode)"),
        ("titn/optim/optimizers.py", "optim.AdamW(", "optim.Adam("),
    ],
)
def test_an_edit_of_what_the_cell_uses_orphans_it(copy, targets, module, old, new):
    before = digest(copy, targets())
    edit(copy, module, old, new)
    assert digest(copy, targets()) != before


def test_an_edit_orphans_the_cells_that_use_it_and_no_others(copy, targets):
    students = {
        "taught": targets(),
        "untaught": targets("teacher=none"),
        "teacher": targets("model=vgg16_bn", "teacher=none"),
    }
    before = {name: digest(copy, one) for name, one in students.items()}
    edit(copy, "titn/models/cnn.py", "self.net", "self.network")
    after = {name: digest(copy, one) for name, one in students.items()}
    changed = {name for name in students if before[name] != after[name]}
    assert changed == {"taught", "teacher"}


@pytest.fixture
def package(tmp_path):
    """A user's own package, with a loss in it."""
    files = {
        "__init__.py": "from .losses import Loss as Exported",
        "losses.py": """
            import torch.nn.functional as F
            from . import helpers
            from .base import Base
            from .helpers import twice as double

            class Loss(Base):
                def __call__(self, x):
                    from .late import offset
                    return double(F.relu(x)) + helpers.SHIFT + offset
            class Other:
                pass
            """,
        "base.py": "class Base:\n    scale = 1\n",
        "helpers.py": "SHIFT = 3\ndef twice(x):\n    return 2 * x\ndef unused():\n    pass\n",
        "late.py": "import json\nif json:\n    offset = 1\nelse:\n    offset = 2\n",
        "elsewhere.py": "from .helpers import SHIFT\n",
    }
    root = tmp_path / "mine"
    root.mkdir()
    for name, text in files.items():
        lines = text.split("\n")
        (root / name).write_text("\n".join(line.removeprefix(" " * 12) for line in lines))
    return root


@pytest.mark.parametrize(
    ("file", "old", "new", "orphans"),
    [
        ("losses.py", "double(", "-double(", True),
        ("base.py", "scale = 1", "scale = 2", True),
        ("helpers.py", "SHIFT = 3", "SHIFT = 4", True),
        ("helpers.py", "2 * x", "3 * x", True),
        ("late.py", "offset = 2", "offset = 3", True),
        ("losses.py", "torch.nn.functional", "torch.special", True),  # what a name stands for
        ("losses.py", "class Other:", "class Another:", False),
        ("helpers.py", "def unused():", "def never_used():", False),
        ("elsewhere.py", "SHIFT", "twice", False),
        ("helpers.py", "SHIFT = 3", "SHIFT = 3\nprint('imported')", True),  # runs when imported
    ],
)
def test_the_code_of_a_users_package_counts_too(package, file, old, new, orphans):
    targets = frozenset(["mine.Exported"])
    before = digest(package.parent, targets)
    edit(package, file, old, new)
    assert (digest(package.parent, targets) != before) is orphans


def test_helpers_of_one_name_are_told_apart(tmp_path):
    (tmp_path / "one.py").write_text("def step(x):\n    return x\n")
    (tmp_path / "two.py").write_text("def step(x):\n    return -x\n")
    both = "import one, two\ndef f(x):\n    return {}.step({}.step)\n"
    (tmp_path / "user.py").write_text(both.format("one", "two"))
    targets = frozenset(["user.f", "one.step", "two.step"])
    before = digest(tmp_path, targets)
    (tmp_path / "user.py").write_text(both.format("two", "one"))
    assert digest(tmp_path, targets) != before


def test_source_that_is_no_python_is_named(tmp_path):
    (tmp_path / "broken.py").write_text("def f(:\n")
    with pytest.raises(ConfigError, match=r"broken\.py: cannot be read as Python \(invalid syntax"):
        digest(tmp_path, frozenset(["broken.f"]))


def test_a_second_process_parses_nothing_and_loads_no_torch(tmp_path, targets):
    # Parsing titn takes some 100 ms, and reading the summaries that were kept of it 10.
    code = (
        "import ast, sys\n"
        "from titn.config.source_digest import source_digest\n"
        "if sys.argv[1] == 'second': del ast.parse\n"
        "print(source_digest(frozenset(sys.argv[2:])), 'torch' in sys.modules)\n"
    )
    printed = []
    for which in ("first", "second"):
        command = [sys.executable, "-c", code, which, *sorted(targets())]
        environment = {"TITN_CACHE": str(tmp_path), "PATH": "", "PYTHONPATH": str(PACKAGE.parent)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        printed.append(done.stdout)
    assert printed[0] == printed[1]
    assert printed[0].endswith(" False\n")


@pytest.mark.parametrize("content", ["", "{}", '{"crc32": 1, "modules": "{}"}', "[]", "\x00"])
def test_summaries_that_were_damaged_are_made_anew(tmp_path, targets, monkeypatch, content):
    monkeypatch.setenv("TITN_CACHE", str(tmp_path))
    right = digest(PACKAGE.parent, targets())
    (tmp_path / "module-summaries-1.json").write_text(content)
    assert digest(PACKAGE.parent, targets()) == right


def test_a_target_that_is_nowhere_is_an_error(tmp_path):
    (tmp_path / "mine.py").write_text("def f():\n    pass\n")
    with pytest.raises(ConfigError, match=r"^_target_=mine\.g: no module defines it"):
        digest(tmp_path, frozenset(["mine.g"]))


def test_all_functions_of_the_engine_are_found():
    everything = ENGINE | {TEACHER} | set(FIRST_WEIGHTS.values())
    assert len(source_digest(frozenset(everything))) == 64
