"""The digest of the code that a cell uses: what orphans its record, and what does not."""

import json
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import titn
from titn.cells.identity import (
    ACCUMULATED,
    AVERAGE,
    ENGINE,
    FILE_DIGEST,
    LOAD,
    LOAD_PRETRAINED,
    PATIENCE,
    TEACHER,
    source_targets,
    unused_code,
)
from titn.source import code as source_code
from titn.source.digest import source_digest
from titn.source.remembered import forget_source
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
    forget_source()
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
        ("titn/losses/distillation.py", "class SoftDistillation(", "class SoftDistillation(dict, "),
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
        ("titn/training/build.py", '= group["lr"]', '= 2 * group["lr"]'),
        ("titn/training/assembly.py", 'seed=run["seed"]', "seed=0"),
        ("titn/training/weights.py", "| state", "| wanted"),  # the teacher's
        ("titn/cells/result.py", "TRAIN_IMAGES = 10_000", "TRAIN_IMAGES = 1_000"),
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


@pytest.fixture
def orphaned(tmp_path):
    """Whether an edit of the files of a package `mine` changes the digest of a target in it."""

    def is_orphaned(before: dict, after: dict, target: str = "mine.m.f") -> bool:
        digests = []
        for files in ({"mine/__init__.py": ""} | before, after):
            for name, text in files.items():
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_text(text)
            digests.append(digest(tmp_path, frozenset([target])))
        return digests[0] != digests[1]

    return is_orphaned


@pytest.mark.parametrize(
    "user",
    [
        "from .h import *\ndef f(): return g()",
        "from .other import *\nfrom .h import *\ndef f(): return g()",
        "from . import h\nL = h\ndef f(): return L.g()",
        "from . import h\ndef f(name): return getattr(h, name)",
        "try: from fast import g\nexcept ImportError: from .h import g\ndef f(): return g()",
        "with suppress(ImportError): from .h import g\ndef f(): return g()",
        "if TYPE_CHECKING: from .x import g\nelse: from .h import g\ndef f(): return g()",
        "if not TYPE_CHECKING: from .h import g\ndef f(): return g()",
        "from .other import g\nfrom .h import g\ndef f(): return g()",
        "def f():\n def inner():\n  from . import h\n  return h\n return inner().g()",
        "from .h import g\nclass f:\n def a(self):\n  from x import g\n def b(self): g()",
        "class f:\n from .h import g",
        "def init():\n global q\n from . import h as q\ndef f(): return init() or q.g()",
        "from .h import g\ndef f(g=g): return g()",
        "from .h import g\ndef f(): return [g for g in g()]",
        "from .h import g\nT = {}\nfor i in range(3): T[i] = g\ndef f(): return T",
        "from .h import g\nimport torch\nA = torch.nn.Linear.forward = g\ndef f(): pass",
        "from .h import g\nR = {}\ndef to(x): R[x] = x\n@to\ndef a(): g()\ndef f(): return R[0]()",
        "from .h import g\ndef f(): raise StopIteration(g())",
        "from . import h\nfrom .late import p\ndef f(): return p()",
        "from mine import x\ndef f(): return x()",
    ],
)
def test_what_is_used_in_other_ways_counts(orphaned, user):
    others = {
        "mine/__init__.py": "from .h import g as x\n",
        "mine/x.py": "",
        "mine/other.py": "def g(): return 3\n",
        "mine/late.py": "from .m import h\ndef p(): return h.g()\n",
    }
    helper = {"mine/h.py": "def g(): return 1\n"}
    edited = {"mine/h.py": "def g(): return 2\n"}
    assert orphaned(others | helper | {"mine/m.py": user}, edited)


@pytest.mark.parametrize(
    ("old", "new", "orphans"),
    [
        # Names of a scope of their own are not the module's.
        ("def f(a): return [i for i in a]", "a = i = 1\ndef f(a): return [i for i in a]", False),
        ("i = 1\ndef f(i): pass", "i = 1\nS = [i for i in range(3)]\ndef f(i): pass", False),
        ("class f:\n eps = 1", "def eps(): pass\nclass f:\n eps = 1", False),
        ("def f(x): from .h import g; g()", "from .h import g\ndef f(x): g()", False),
        ("def f(x): assert x, 'a'", "def f(x): assert x, 'b'", False),
        ("def f(): pass", "def f(): pass\nif __name__ == '__main__': f()", False),
        ("def f(x): return f'{x:{x}}'", "def f(x): return f'{x:{x}}' ''", False),
        # What an import decides.
        ("from torch.nn import *\nf = relu", "from torch.special import *\nf = relu", True),
        ("try: import a; f = 1\nexcept E: f = 2", "try: import b; f = 1\nexcept E: f = 2", True),
        ("from torch.nn import L1Loss as f", "from torch.nn import MSELoss as f", True),
    ],
)
def test_scopes_and_imports_that_decide(orphaned, old, new, orphans):
    helper = {"mine/h.py": "def g(): return 1\n"}
    assert orphaned(helper | {"mine/m.py": old}, {"mine/m.py": new}) is orphans


@pytest.mark.parametrize(
    ("file", "target"),
    [
        ("mine/__init__.py", "mine.m.f"),  # Python imports it first
        ("mine/patches.py", "mine.m.f"),  # imported, but used by no name
        ("deep/in/directories.py", "deep.in.directories.f"),  # packages without `__init__`
        ("beside.py", "mine.m.f"),  # another module of the user
        ("profile.py", "profile.f"),  # of the name of a standard module
    ],
)
def test_modules_that_run_count_wherever_they_lie(orphaned, file, target):
    user = {"mine/m.py": "from . import patches\nimport beside\ndef f(): return beside.f()\n"}
    patch = "import torch\ntorch.x = {0}\ndef f(): return {0}\n"
    before = user | {"mine/patches.py": "", "beside.py": "def f(): pass\n"}
    assert orphaned(before | {file: patch.format(1)}, {file: patch.format(2)}, target)


def test_modules_that_import_each_other_in_a_circle_are_digested(orphaned):
    circle = {"mine/m.py": "from .n import g\nf = g\n", "mine/n.py": "from .m import g\nx = 1\n"}
    assert orphaned(circle, {"mine/n.py": "from .m import g\nx = 2\n"})


def test_what_helpers_of_equal_text_use_tells_them_apart(orphaned):
    text = "def step(): return inner()\ndef inner(): return {}\n"
    user = "from . import one, two\ndef f(): return {}.step() - {}.step()\n"
    helpers = {"mine/one.py": text.format(1), "mine/two.py": text.format(2)}
    before, after = user.format("one", "two"), user.format("two", "one")
    assert orphaned(helpers | {"mine/m.py": before}, {"mine/m.py": after})


def test_helpers_of_one_name_are_told_apart(tmp_path):
    (tmp_path / "one.py").write_text("def step(x):\n    return x\n")
    (tmp_path / "two.py").write_text("def step(x):\n    return -x\n")
    both = "import one, two\ndef f(x):\n    return {}.step({}.step)\n"
    (tmp_path / "user.py").write_text(both.format("one", "two"))
    targets = frozenset(["user.f", "one.step", "two.step"])
    before = digest(tmp_path, targets)
    (tmp_path / "user.py").write_text(both.format("two", "one"))
    assert digest(tmp_path, targets) != before


@pytest.mark.parametrize(
    ("text", "reason"),
    [("def f(:\n", r"as Python \(invalid syntax"), ("f = " + "-" * 50_000 + "1", r"as Python \(")],
)
def test_source_that_is_no_python_is_named(tmp_path, text, reason):
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(ConfigError, match=rf"broken\.py: cannot be read {reason}"):
        digest(tmp_path, frozenset(["broken.f"]))


def test_a_second_process_parses_nothing_and_loads_no_torch(tmp_path, targets):
    # Parsing titn takes some 100 ms, and reading the summaries that were kept of it 10.
    code = (
        "import ast, sys\n"
        "from titn.source.digest import source_digest\n"
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


def test_summaries_of_another_shape_are_made_anew(tmp_path, targets, monkeypatch):
    monkeypatch.setenv("TITN_CACHE", str(tmp_path))
    right = digest(PACKAGE.parent, targets())
    file = tmp_path / "module-summaries-1.json"
    kept = json.loads(json.loads(file.read_text())["modules"])
    text = json.dumps({key: {"units": []} for key in kept})
    file.write_text(json.dumps({"crc32": zlib.crc32(text.encode()), "modules": text}))
    assert digest(PACKAGE.parent, targets()) == right


def test_an_edit_after_a_module_was_parsed_is_not_kept_as_the_older_one(tmp_path):
    file, targets = tmp_path / "mine.py", frozenset(["mine.f"])
    file.write_text("def f(): return 1\n")
    source_code.parse_module("mine", (str(tmp_path),))
    file.write_text("def f(): return 2\n")
    assert source_digest(targets, (str(tmp_path),)) == digest(tmp_path, targets)
    file.write_text("def f(): return 1\n")
    first = digest(tmp_path, targets)
    file.write_text("def f(): return 2\n")
    assert digest(tmp_path, targets) != first


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
    everything = ENGINE | {ACCUMULATED, LOAD, LOAD_PRETRAINED, TEACHER, AVERAGE, FILE_DIGEST}
    everything |= {PATIENCE}
    assert len(source_digest(everything)) == 64


@pytest.mark.parametrize(
    ("overrides", "unused"),
    [
        (("teacher=none",), {LOAD, LOAD_PRETRAINED, TEACHER, AVERAGE}),
        (("teacher=none", "weights=imagenet"), {LOAD, TEACHER, AVERAGE}),
        (("teacher=vgg16_bn",), {LOAD_PRETRAINED, AVERAGE}),
        (("teacher=vgg16_bn", "teacher.weights=imagenet"), {AVERAGE}),
        (("teacher=vgg16_bn", "teacher.ema_decay=0.9"), {LOAD_PRETRAINED}),
    ],
)
def test_only_some_runs_use_weights_a_teacher_and_an_average(composed, overrides, unused):
    assert unused_code(composed("model=titn", *overrides)) == unused | {FILE_DIGEST}


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("accumulate", ACCUMULATED),
        ("teacher.accumulate", ACCUMULATED),
        ("patience", PATIENCE),
        ("teacher.patience", PATIENCE),
    ],
)
def test_only_runs_that_ask_for_it_use_the_code_that_does_it(composed, key, code):
    common = ("model=titn", "teacher=vgg16_bn", "dataset.split=validation")
    plain, asking = (source_targets(composed(*common, *more)) for more in ((), (f"{key}=2",)))
    assert asking - plain == {code}
