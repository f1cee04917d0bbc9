"""What is written of runs and sweeps, damaged in every way that hypothesis thinks of, and reported.

A damaged file has to be named on standard error, and the other runs have to be in the pages. Or it
cannot be known that it was damaged: then it is read by json, PyYAML and pyarrow alone, and what it
says has its type and its range. Nothing that a file says may become markup, a formula or a
movement of a terminal's cursor.
"""

import csv
import hashlib
import io
import json
import math
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from damaged_data import damaged
from drawn import for_each
from harness import Done, Tally
from hypothesis import strategies as st

import titn.reporting.figures as figures
import titn.reporting.write as writing
from titn.records.run_dir import RunDir
from titn.records.sweep_dir import SweepDir
from titn.records.sweep_plan import PlannedCell, Setting

# A report of this tree takes less than a second; what takes longer hangs.
TIMEOUT_SECS = 30.0
# Of the examples one in so many has its figures drawn, which take most of a report's time.
DRAWN = 8

KEY, DIGEST, OTHER = "ab" * 32, "d1" * 32, "0" * 64
IMAGES, CLASSES, EPOCHS = 40, 4, 2
LABELS = ("plain", "odd")

# Of the paper, and so of no record: made once.
AUDIT = writing.audit()


# --- a small good tree ----------------------------------------------------------------------------


@dataclass
class Tree:
    """Two rows of two seeds and a cell that failed, planned by one sweep; and another sweep."""

    root: Path
    hashes: dict[tuple[str, int], str] = field(default_factory=dict)

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def sweep(self) -> Path:
        return self.runs / "sweeps" / "own"

    def run(self, row: str, seed: int) -> Path:
        return self.runs / self.hashes[row, seed]

    def others(self, path: Path) -> set[str]:
        """The runs that have a record, but the one whose file this is."""
        recorded = {one for (row, _), one in self.hashes.items() if row != "failed"}
        return recorded - {path.parent.name}

    def commands(self, drawn: bool) -> tuple[Done, Done, dict[str, bytes]]:
        """What titn.report and titn.status say, and the files of the report."""
        out = self.root / "reports"
        shutil.rmtree(out, ignore_errors=True)
        started = harness.start(
            "report", "runs", cwd=self.root, before=lambda: _only_what_matters(drawn)
        )
        reported = started.wait(TIMEOUT_SECS)
        told = harness.run("status", "runs", cwd=self.root, timeout_secs=TIMEOUT_SECS)
        files = {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*") if f.is_file()}
        return reported, told, files


def _only_what_matters(drawn: bool) -> None:
    """Without the pages that no record has a part in; without figures if they are not asked for."""
    writing.known_questions = dict
    writing.audit = lambda: AUDIT
    if not drawn:
        for name in figures.__all__:
            if name.startswith("draw_"):
                setattr(figures, name, lambda *_, **__: None)


def good_tree(root: Path) -> Tree:
    tree = Tree(root)
    cells = []
    for number, (row, seed) in enumerate([(row, seed) for row in LABELS for seed in (0, 1)]):
        cells.append(_recorded(tree, row, seed, right=20 + 3 * number))
    cells.append(_failed(tree))
    question = {
        "title": "Which one?", "asks": "This or that.", "paper": "Nothing.",
        "rows": {row: [f"model.number={row}"] for row in (*LABELS, "failed")},
        "claims": [{"says": "it is so", "source": "table 3", "dataset": "cifar100",
                    "rows": list(LABELS), "between": [0, None]}],
    }  # fmt: skip
    commands = ["python -m titn.train --multirun +ablation=own"]
    rows = list(question["rows"])
    setting = Setting(KEY, DIGEST, ["epochs=2"], commands, question, False, rows, cells)
    SweepDir(tree.sweep).add_setting("ablation/own", setting)
    seconds = {"1": [0.01, 0.02, 0.03], "128": [0.1, 0.2, 0.3]}
    SweepDir(tree.sweep).add_latency(
        setting, {"how": "on cpu", "rows": dict.fromkeys(rows, seconds)}
    )
    other = Setting(OTHER, DIGEST, [], commands, None, False, ["plain"], cells[:1])
    SweepDir(tree.runs / "sweeps" / "other").add_setting("multirun", other)
    return tree


def _configuration(row: str, seed: int) -> dict[str, Any]:
    return {
        "choices": {"model": "titn", "dataset": "digits", "optimizer": "adamw"},
        "model": {"_target_": "titn.models.titn.TITN", "number": row, "depth": 12},
        "dataset": {"_target_": "titn.data.sources.digits", "image_size": 32, "num_classes": None,
                    "fraction": 1.0, "split": "test"},
        "optimizer": {"_target_": "titn.optim.optimizers.adamw", "lr": 0.001},
        "seed": seed, "epochs": EPOCHS, "batch_size": 8, "precision": "32-true",
        "checkpoint": None, "weights": None, "teacher": None,
    }  # fmt: skip


def _begun(tree: Tree, row: str, seed: int) -> tuple[RunDir, PlannedCell, dict[str, str]]:
    run = _configuration(row, seed)
    name = hashlib.sha256(json.dumps(run).encode()).hexdigest()
    tree.hashes[row, seed] = name
    directory = RunDir(tree.runs / name)
    identity = {"config_hash": name, "source_digest": DIGEST}
    made = {
        "git_commit": "c0ffee" * 6, "git_dirty": False, "command": "titn-train",
        "started": "2026-01-01T00:00:00+00:00", "python": "3.11.7", "platform": "Linux",
        "cpu": "A CPU", "cpu_count": 2, "versions": {"titn": "0.1.0", "torch": "2.15.0"},
        "device": "cpu", "gpu": None, "threads": 1, "earlier": [],
    }  # fmt: skip
    directory.begin(run, identity | made)
    return directory, PlannedCell(row, seed, name, f"../../{name}"), identity


def _recorded(tree: Tree, row: str, seed: int, right: int) -> PlannedCell:
    directory, cell, identity = _begun(tree, row, seed)
    labels = np.arange(IMAGES) % CLASSES
    fused = np.where(np.roll(np.arange(IMAGES) < right, seed), labels, (labels + 1) % CLASSES)
    logs = np.full(IMAGES, -0.5, np.float32)
    nothing = [None] * IMAGES
    directory.write_samples({"label": labels.astype(np.int16), "cls": fused.astype(np.int16),
                             "log_prob_cls": logs, "dist": nothing, "log_prob_dist": nothing,
                             "fused": fused.astype(np.int16), "log_prob_fused": logs,
                             "teacher": nothing})  # fmt: skip
    top1 = right / IMAGES
    for epoch, reached in enumerate((top1 / 2, top1), 1):
        directory.add_epoch({"epoch": epoch, "train": {"loss": 1.0}, "top1": reached, "nll": 0.5})
    counts = np.array([[np.sum((labels == i) & (fused == j)) for j in range(CLASSES)]
                       for i in range(CLASSES)])  # fmt: skip
    head = {"top1": top1, "top5": None, "nll": 0.5}
    directory.finish({
        **head, "precision": float((counts.diagonal() / counts.sum(0)).mean()),
        "recall": float((counts.diagonal() / counts.sum(1)).mean()), "f1": top1, "ece": 0.1,
        "cls": head, "dist": None, "fused": head, "best_top1": top1, "best_epoch": EPOCHS,
        "epochs": EPOCHS, "images_per_sec": 100.0, "train_secs": 60.0,
        "train": {"top1": 1.0, "nll": 0.1, "num_images": 80}, "parameters": 5000,
        "macs_paper": 40_000, "macs": 50_000, "seed": seed, "split": "test", "num_train": 80,
        "num_evaluated": IMAGES, "class_names": [f"class {i}" for i in range(CLASSES)],
        "data_digest": "da7a" * 16, **identity, "git_commit": "c0ffee" * 6, "teacher": None,
        "wall_secs": 70.0,
    })  # fmt: skip
    return cell


def _failed(tree: Tree) -> PlannedCell:
    directory, cell, identity = _begun(tree, "failed", 0)
    said = {"kind": "error", "reason": "out of memory", "epoch": None, "seed": 0}
    directory.fail(said | identity | {"traceback": "Traceback ..."})
    return cell


# --- damages --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Damage:
    """Bytes in place of a file's own.

    is_wrong: a value has not its type or range, and so is to be named; of_pages: by titn.report
    alone, which makes a page of it.
    """

    content: bytes
    is_wrong: bool = False
    of_pages: bool = False


SHARES = ("high", None, math.nan, math.inf, 2.5, -1, [], {}, True, 10**400)
AMOUNTS = ("1", math.nan, -math.inf, -1.5, [0.5], {"a": 1}, False)
COUNTS = ("x", math.nan, 1.5, -1, [], {"a": 1}, True, 10**30)
TEXTS = (3, 0.5, [], {"a": 1}, True)
FLAGS = ("yes", 1, [], {})
NODES = ("text", 3, [1], True)
NAMES = ("abc", [1, 2], [], {"a": 1}, None, [None])
DIGESTS = ("", "../x", "a b", "<b>", "x" * 200, *TEXTS, None)

# What must not be at a place of a file, by the keys that lead there.
WRONG: dict[str, dict[tuple[str | int, ...], tuple[Any, ...]]] = {
    "result.json": {
        ("top1",): SHARES, ("nll",): ("low", None, math.nan, -1.0, []), ("precision",): SHARES,
        ("cls",): NODES, ("cls", "top1"): SHARES, ("train", "top1"): SHARES,
        ("best_top1",): SHARES, ("best_epoch",): (*COUNTS, EPOCHS + 1), ("epochs",): (*COUNTS, 3),
        ("seed",): (*COUNTS, None, 7), ("train_secs",): AMOUNTS, ("wall_secs",): AMOUNTS,
        ("images_per_sec",): AMOUNTS, ("parameters",): COUNTS, ("macs",): COUNTS,
        ("num_train",): (*COUNTS, 0), ("num_evaluated",): (*COUNTS, 0),
        ("class_names",): NAMES, ("split",): TEXTS, ("teacher",): NODES,
        ("config_hash",): (*DIGESTS, OTHER), ("source_digest",): DIGESTS, ("path",): ("/etc",),
        ("status",): ("recorded",), ("optimizer",): ({"lr": 7},), ("optimizer.lr",): (7,),
        ("git_commit",): TEXTS, ("more",): ("\ud800", 10**30),
    },
    "environment.json": {
        ("config_hash",): (*DIGESTS, OTHER), ("source_digest",): (*DIGESTS, OTHER),
        ("git_commit",): TEXTS, ("git_dirty",): FLAGS, ("command",): TEXTS, ("cpu",): TEXTS,
        ("cpu_count",): COUNTS, ("versions",): NODES, ("versions", "torch"): TEXTS,
        ("device",): TEXTS, ("gpu",): TEXTS, ("threads",): COUNTS, ("earlier",): NODES[:2],
    },
    "failure.json": {
        ("kind",): (*TEXTS, None), ("reason",): (*TEXTS, None), ("epoch",): COUNTS,
        ("config_hash",): (*DIGESTS, OTHER), ("source_digest",): (*DIGESTS, OTHER),
    },
    "config.yaml": {
        ("seed",): (*COUNTS[:-1], None, 7), ("epochs",): (*COUNTS[:-1], None, 3),
        ("batch_size",): COUNTS, ("model",): NODES, ("model", "_target_"): TEXTS,
        ("dataset", "fraction"): ("x", 0.0, 2.5, -1.0, math.nan, [], {"a": 1}, True),
        ("dataset", "num_classes"): (*COUNTS, 0), ("dataset", "name"): TEXTS, ("optimizer",): NODES,
        ("choices",): NODES, ("choices", "model"): TEXTS, ("teacher",): (*NODES, {"seed": 0}),
        ("top1",): (0.9, "x"), ("path",): ("/etc",), ("optimizer.lr",): (7,),
    },
    "sweep.json": {
        ("sweep",): (*TEXTS, None, "../x", "/x", "README", "a\nb", "x" * 300, "a/../../b",
                     "x.md/y"),
        ("settings",): NODES, ("settings", 0): NODES, ("settings", 0, "key"): DIGESTS,
        ("settings", 0, "source_digest"): DIGESTS, ("settings", 0, "rows"): (*NAMES, ["x"] * 5000),
        ("settings", 0, "commands"): ("x", 3, {"a": 1}, [1], None),
        ("settings", 0, "revised"): FLAGS,
        ("settings", 0, "question"): (*TEXTS[:3], True, {"title": "Which?"}),
        ("settings", 0, "question", "printed"): ("table9", 3, "prose"),
        ("settings", 0, "question", "claims"): ("x", [{}]),
        ("settings", 0, "more"): (1,), ("settings", 0, "cells"): (*NODES[:2], None, [3]),
        ("settings", 0, "cells", 0, "seed"): (*COUNTS, None),
        ("settings", 0, "cells", 0, "row"): (*TEXTS, None, ""),
        ("settings", 0, "cells", 0, "directory"): (*TEXTS, None, "", "a\0b"),
        ("settings", 0, "cells", 0, "config_hash"): DIGESTS,
        ("settings", 0, "cells", 0, "role"): (*TEXTS, "king"),
        ("settings", 0, "cells", 0, "tuned"): (*NODES, {"a": [1]}),
    },
    "latency.json": {
        (f"{KEY}-{DIGEST}",): NODES, (f"{KEY}-{DIGEST}", "how"): (*TEXTS, None),
        (f"{KEY}-{DIGEST}", "rows"): NODES[:3],
        (f"{KEY}-{DIGEST}", "rows", "plain"): NODES,
        (f"{KEY}-{DIGEST}", "rows", "plain", "1"): ([], ["x"], [0.1], [0, 1, 2], "x", [-1, 1, 1]),
    },
}  # fmt: skip

# A plan that is whole, of which no page can be made: its name is taken, its question not one.
OF_PAGES = (
    ("sweep",), ("settings", 0, "rows"), ("settings", 0, "question"),
    ("settings", 0, "question", "printed"), ("settings", 0, "question", "claims"),
)  # fmt: skip

# Whose absence is damage; other keys came later.
NEEDED: dict[str, tuple[str, ...]] = {
    "result.json": ("top1", "nll", "seed", "epochs", "config_hash", "source_digest"),
    "environment.json": ("config_hash", "source_digest"),
    "failure.json": ("kind", "reason"),
    "config.yaml": ("seed", "epochs"),
    "sweep.json": ("sweep", "settings"),
    "latency.json": (),
}

# YAML that no run writes: what runs code, endless or enormous structures, what overflows stacks.
YAMLS = tuple(
    text.encode()
    for text in (
        "a: !!python/object/apply:os.system ['touch sprung']\n",
        "&a [*a]\n",
        "seed: &a {b: *a}\n",
        "[" * 100_000,
        "- " * 100_000 + "a\n",
        "a: &0 [1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"b{i}: &{i + 1} [{', '.join([f'*{i}'] * 9)}]\n" for i in range(12)),
        "seed: 2001-99-99\n",
        "seed: !!int 0x\n",
        "? [1, 2]\n: 3\n",
        "seed: !!set {a, b}\n",
        "seed: " + "9" * 5000 + "\n",
        "--- 1\n--- 2\n",
    )
)
JSONS = tuple(
    text.encode()
    for text in (
        "[" * 100_000,
        '{"a":' * 20_000 + "1" + "}" * 20_000,
        '{"a":' * 500 + "1" + "}" * 500,
        "9" * 5000,
        '{"top1": 1e999}',
        "null",
        "[]",
        "{}",
        '"text"',
        "\ufeff{}",
    )
)
PIECES = (
    "<script>alert(1)</script>", "<img src=x onerror=y>", "](http://x.example)", "![a](b)", "|",
    "`", "```", "\n# head\n", "\r\n", "\x1b[31m", "\x00", "\x08", "\u202e", "\u2066", "\ud800",
    "$x$", "=cmd()", "+1", "@sum", "&lt;", "http://x.example", "-->", "--", "\ufffe", "\u2028",
    "name", " ", "*b*", "_i_", "~~s~~", "\\", "{{x}}", "é", "\N{FIRE}",
)  # fmt: skip
# Where a file has text that pages or terminals show.
SHOWN: dict[str, tuple[tuple[str | int, ...], ...]] = {
    "result.json": (("class_names", 0), ("split",), ("git_commit",)),
    "environment.json": (("cpu",), ("gpu",), ("git_commit",), ("python",), ("versions", "torch")),
    "failure.json": (("reason",), ("kind",)),
    "config.yaml": (("choices", "model"), ("choices", "dataset"), ("choices", "optimizer"),
                    ("precision",), ("dataset", "name"), ("model", "_target_")),
    "sweep.json": (("sweep",), ("settings", 0, "rows", 1), ("settings", 0, "cells", 0, "row"),
                   ("settings", 0, "commands", 0), ("settings", 0, "question", "title"),
                   ("settings", 0, "question", "claims", 0, "says"),
                   ("settings", 0, "cells", 0, "directory"),
                   ("settings", 0, "cells", 0, "tuned", "key")),
    "latency.json": ((f"{KEY}-{DIGEST}", "how"),),
}  # fmt: skip


def damages(file: str, good: bytes, sprung: Path) -> st.SearchStrategy[Damage]:
    """In place of a good file."""
    ways = [damaged(good, sprung).map(Damage)]
    if file in WRONG:
        content = _read(file, good)
        ways += [_wrong(file, content), _needed(file, content), _texts(file, content)]
        odd = YAMLS if file.endswith(".yaml") else JSONS
        # Of no setting is a time needed.
        odd = tuple(one for one in odd if file != "latency.json" or not one.startswith(b"{"))
        ways.append(st.sampled_from(odd).map(lambda text: Damage(text, is_wrong=True)))
    if file == "epochs.jsonl":
        ways.append(_lines(good))
    if file == "samples.parquet":
        ways.append(_columns(good))
    # Not st.one_of, which would choose among the many ways of `damaged`.
    return st.sampled_from(range(len(ways))).flatmap(lambda which: ways[which])


def _wrong(file: str, content: dict) -> st.SearchStrategy[Damage]:
    def edit(place: tuple[str | int, ...], which: int) -> Damage:
        value = WRONG[file][place][which % len(WRONG[file][place])]
        of_pages = isinstance(value, str | dict | list) and place in OF_PAGES
        return Damage(_written(file, _with(content, place, value)), True, of_pages)

    return st.builds(edit, st.sampled_from(list(WRONG[file])), st.integers(0, 99))


def _needed(file: str, content: dict) -> st.SearchStrategy[Damage]:
    """A key that is gone, or called otherwise."""

    def edit(key: str, name: str) -> Damage:
        changed = {(name or None) if one == key else one: value for one, value in content.items()}
        changed.pop(None, None)
        return Damage(_written(file, changed), is_wrong=key in NEEDED[file])

    return st.builds(
        edit, st.sampled_from(sorted(content)), st.sampled_from(("", "renamed", "x y"))
    )


def _texts(file: str, content: dict) -> st.SearchStrategy[Damage]:
    """Markup and what moves a cursor, as text that is believed."""

    def edit(place: tuple[str | int, ...], pieces: list[str]) -> Damage:
        return Damage(_written(file, _with(content, place, "".join(pieces)), sealed=True))

    pieces = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5)
    return st.builds(edit, st.sampled_from(SHOWN[file]), pieces)


def _lines(good: bytes) -> st.SearchStrategy[Damage]:
    first, second = good.decode().splitlines()
    others = [
        [first], [first, first], [second, first], [first, second, second], [first, "[1]"],
        [first, "{}"], [first, '{"epoch": "2", "top1": 0.5}'], [first, '{"epoch": 2, "top1": 7}'],
        [first, '{"epoch": 2, "top1": NaN}'], [first, '{"epoch": true}'], [first, "[" * 100_000],
        [first, '{"epoch": 2, "top1": "high"}'], [first, "", second], [first, second[:-3]],
    ]  # fmt: skip
    texts = ["\n".join(lines) + "\n" for lines in others]
    return st.sampled_from(texts).map(lambda text: Damage(text.encode(), is_wrong=True))


def _columns(good: bytes) -> st.SearchStrategy[Damage]:
    """Tables that pyarrow writes, and that are no predictions of this record."""
    table = pq.read_table(io.BytesIO(good))

    def with_column(name: str, values: Any) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, pa.array(values))

    label = table["label"].to_pylist()
    tables = [
        table.slice(0, IMAGES - 1),
        pa.concat_tables([table, table]),
        table.drop_columns(["label"]),
        table.drop_columns(["fused"]),
        table.slice(0, 0),
        with_column("label", [None, *label[1:]]),
        with_column("label", [None] * IMAGES),
        with_column("label", [-1, *label[1:]]),
        with_column("fused", [CLASSES, *label[1:]]),
        with_column("fused", [2**40, *label[1:]]),
        with_column("fused", label),
        with_column("fused", [str(one) for one in label]),
        with_column("fused", [float(one) for one in label]),
        with_column("fused", [[one] for one in label]),
        with_column("cls", [0] * IMAGES),
        with_column("cls", [{"a": one} for one in label]),
        with_column("log_prob_fused", [math.nan] * IMAGES),
        with_column("log_prob_fused", ["x"] * IMAGES),
        pa.table({"label": label, "fused": label}).rename_columns(["label", "label"]),
    ]
    contents = []
    for one in tables:
        file = io.BytesIO()
        pq.write_table(one, file)
        contents.append(file.getvalue())
    return st.sampled_from(range(len(contents))).map(lambda i: Damage(contents[i], is_wrong=True))


def _with(content: dict, place: tuple[str | int, ...], value: Any) -> dict:
    changed = json.loads(json.dumps(content))
    node = changed
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return changed


def _written(file: str, content: Any, sealed: bool = False) -> bytes:
    """sealed: a record with its checksum, which none has that is older."""
    if file.endswith(".yaml"):
        return yaml.safe_dump(content, sort_keys=False).encode()
    if file == "result.json" and sealed:
        with TemporaryDirectory() as place:
            directory = RunDir(Path(place))
            directory.finish({key: content[key] for key in content if key != "crc32"})
            return (Path(place) / file).read_bytes()
    if file == "result.json":
        content = {key: content[key] for key in content if key != "crc32"}
    return json.dumps(content, indent=2).encode()


def _read(file: str, content: bytes) -> Any:
    """By another reader than titn's; ValueError if it cannot."""
    if file.endswith(".json"):
        return json.loads(content)
    if file.endswith(".yaml"):
        return yaml.safe_load(content)
    if file.endswith(".jsonl"):
        *lines, rest = content.decode().split("\n")
        if rest or len(lines) != EPOCHS:
            raise ValueError("lines are missing")
        return [json.loads(line)["epoch"] for line in lines]
    columns = pq.read_table(io.BytesIO(content), columns=["label", "fused"]).to_pydict()
    return len(columns["label"]), len(columns["fused"])


# --- judging --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Good:
    """What is said and written of the undamaged tree."""

    told: Done
    files: dict[str, bytes]


# What titn.status reads to say what has become of cells.
READ_BY_STATUS = ("result.json", "environment.json", "failure.json", "sweep.json")


def judged(tree: Tree, path: Path, damage: Damage, before: bytes, good: Good, drawn: bool) -> str:
    """What was lost, in words; empty if nothing was."""
    reported, told, files = tree.commands(drawn)
    for command, done in (("report", reported), ("status", told)):
        if "Traceback" in done.err + done.out:
            return f"{command}: a traceback: {done.err.strip().splitlines()[-1]}"
        if done.code:
            return f"{command}: exit code {done.code}: {done.err[-300:]}"
        if moved := _moving(done.out + done.err):
            return f"{command}: prints {moved}"
    csv_of_runs = files.get("runs.csv", b"").decode()
    with_numbers = {row["config_hash"] for row in csv.DictReader(io.StringIO(csv_of_runs))
                    if row["status"] == "recorded" and row["top1"]}  # fmt: skip
    if missing := tree.others(path) - with_numbers:
        return f"{min(missing)[:8]} is not in the pages"
    if "ablation/own.md" not in files and path.name != "sweep.json":
        return "there is no page of the sweep"
    if raw := "; ".join(_raw(files)):
        return raw
    named = all(name in reported.err for name in (path.parent.name, path.name))
    same = {name: files[name] for name in files if not name.endswith(".svg")} == good.files
    if not named and not same and _is_to_be_named(path.name, damage, before):
        return f"report does not name it: {reported.err[-300:]}"
    if path.name in READ_BY_STATUS and path.name not in told.err and not damage.of_pages:
        is_same = (told.out, told.err) == (good.told.out, good.told.err)
        if not is_same and _is_to_be_named(path.name, damage, before):
            return f"status does not name it: {told.err[-300:]}"
    if damage.is_wrong and not named:
        return f"report believes it: {reported.err[-300:]}"
    return ""


def _is_to_be_named(file: str, damage: Damage, before: bytes) -> bool:
    """Whether it can be known that these bytes are not what titn wrote."""
    if damage.is_wrong:
        return True
    try:
        was, now = _read(file, before), _read(file, damage.content)
    except (
        ValueError,
        KeyError,
        TypeError,
        OSError,
        RecursionError,
        yaml.YAMLError,
        pa.ArrowException,
    ):
        return True
    # A record is sealed, unless the damage is to the seal.
    if file == "result.json" and isinstance(now, dict) and "crc32" in now:
        return now != was and now["crc32"] == was["crc32"]
    return type(now) is not type(was)


def _moving(text: str) -> str:
    """What would move a cursor, or turn letters round."""
    found = re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", text)
    return repr(found[0]) if found else ""


# A run of backticks and all up to the next like it.
CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")
# The pages' own tags fold the list of cells.
RAW = re.compile(r"(?<!\\)<(?!/?details>|/?summary>)(?=[A-Za-z/!?])|(?<!\\)\]\(http|(?<!\\)://x\.")


def _raw(files: dict[str, bytes]) -> Iterator[str]:
    for name, content in files.items():
        text = content.decode()
        if moved := _moving(text):
            yield f"{name} has {moved}"
        if name.endswith(".svg"):
            ElementTree.fromstring(text)
        if name.endswith(".csv"):
            cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
            yield from (f"{name} computes {cell}" for cell in cells if re.match(r"\s*[=@]", cell))
        if name.endswith(".md"):
            for line in re.sub("(?ms)^```.*?^```$", "", text).splitlines():
                # Not what is code, where markup stands for itself.
                if found := RAW.search(CODE.sub("", line.replace("\\`", ""))):
                    yield f"{name} has {found[0]!r} in {line[:200]!r}"
                if line.startswith("# head"):
                    yield f"{name} has another heading"
            yield from _torn(name, text)


def _torn(name: str, text: str) -> Iterator[str]:
    """Tables of which a row has other columns than the first."""
    columns = 0
    for line in text.splitlines():
        bars = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) if line.startswith("|") else 0
        if columns and bars and bars != columns:
            yield f"{name} has a torn table: {line[:200]!r}"
        columns = bars


# --- trying ---------------------------------------------------------------------------------------


def damaged_records(examples: int, seed: int = 0) -> list[Tally]:
    """So many damaged files of each kind; what was not survived is in the tallies."""
    with TemporaryDirectory() as directory:
        tree = good_tree(Path(directory).resolve())
        victims: dict[str, Callable[[], Path]] = {
            "result.json": lambda: tree.run("odd", 0),
            "environment.json": lambda: tree.run("odd", 0),
            "failure.json": lambda: tree.run("failed", 0),
            "config.yaml": lambda: tree.run("odd", 0),
            "epochs.jsonl": lambda: tree.run("odd", 0),
            "samples.parquet": lambda: tree.run("odd", 0),
            "sweep.json": lambda: tree.sweep,
            "latency.json": lambda: tree.sweep,
        }
        reported, told, files = tree.commands(drawn=True)
        assert (reported.code, reported.err, told.code) == (0, "", 0), reported.err
        pages = {name: files[name] for name in files if not name.endswith(".svg")}
        good = Good(told, pages)
        return [
            _tally(tree, place() / file, good, examples, seed) for file, place in victims.items()
        ]


def _tally(tree: Tree, path: Path, good: Good, examples: int, seed: int) -> Tally:
    tally, before = Tally(path.name), path.read_bytes()
    sprung = tree.root / "sprung"

    def attempt(damage: Damage) -> None:
        path.write_bytes(damage.content)
        try:
            lost = judged(tree, path, damage, before, good, tally.tries % DRAWN == DRAWN - 1)
        finally:
            path.write_bytes(before)
        if sprung.exists():
            sprung.unlink()
            lost = "code of the file was run"
        tally.count(f"{lost}; the file was {_shown(damage.content)}" if lost else None)

    for_each(damages(path.name, before, sprung), examples, seed, attempt)
    return tally


def _shown(content: bytes) -> str:
    return repr(content) if len(content) < 1500 else f"{len(content)} bytes, {content[:300]!r}..."
