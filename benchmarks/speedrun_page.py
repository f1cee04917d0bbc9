"""The page of the record of speed and its figure, of the entries in benchmarks/speedrun/."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from matplotlib.axes import Axes

from titn.reporting.figures.style import BLUE, GREY, amount_tick, drawing
from titn.reporting.markdown import table
from titn.system.files import write_text

HERE = Path(__file__).resolve().parent
ENTRIES, PAGE = HERE / "speedrun", HERE / "speedrun.md"
TARGETS = (70, 75, 80)
NUM_SEEDS = 3  # that an entry is asked for
TICKS = (1, 3, 10, 30, 100)  # PFLOP

# Published results, from scratch at 32 pixels: top-1, parameters in millions, PFLOP by the same
# formula from the printed MACs and epochs. None of them says how long it took.
PUBLISHED = (
    ("TITN, the paper (teacher apart)", 74.71, 5.85, 20),
    ("DeiT-T, patch 4, 300 epochs (in DHVT's table 4)", 67.59, 5.4, 36),
    ("ViT with SPT and LSA, patch 4, 100 epochs", 76.92, None, 6),
    ("CCT-7/3x1, 300 epochs", 80.92, 3.76, 85),
    ("DHVT-T, patch 4, 300 epochs", 80.93, 6.0, 36),
    ("DHVT-T, patch 2, 300 epochs", 83.54, 5.8, 126),
)

INTRODUCTION = """# A record of speed for small vision transformers

How little work does a vision transformer of at most 6 million parameters need for 70, 75 or 80% of
CIFAR-100's test images? Written by `python benchmarks/speedrun.py write` from `speedrun/*.json`."""

RULES = """## Rules

1. CIFAR-100 alone: the 50,000 train images at 32x32, all hundred classes, and nothing learned
   elsewhere, by the student or by its teacher.
2. The student has attention and at most 6,000,000 parameters. The teacher may be anything.
3. What counts is the top-1 on the 10,000 test images after the last epoch: no best epoch, no views
   at test time. The mean over the seeds has to reach the target, and every seed is listed. Three
   seeds are asked for: an entry of fewer comes behind all that have them, whatever its work.
4. Work is counted by formula, in PFLOP (10^15 operations, two for each multiply-accumulate): 6 x
   MACs x images for training, forward and backward; 2 x MACs x images for what a teacher answers,
   whether its answers were kept or not. The teacher's training is listed apart, and counts once.
5. Hours are those of the clock, evaluation and compiling included, on the hardware that is named.
6. Choices are made on validation images (`dataset.split=validation`), not on test images."""

ADD = """## Hold it

```sh
python benchmarks/speedrun.py run NAME TARGET --root DIR -- OVERRIDES
```

trains three seeds of `python -m titn.train OVERRIDES` and adds them here. The recipe to begin with
is `model=titn_plus teacher=airbench94 loss=dist protocol=fast_transformer`, with `epochs` of your
choice ([how it was chosen](../docs/recipes.md#transformers-in-few-epochs)). `add NAME TARGET RUN`
(as many runs as seeds) adds runs that are there. Both check the rules and write
`speedrun/NAME.json`; that file is the whole of a pull request. The name is a new one, of letters,
digits and underscores. The record of a target is the entry of three seeds with the least work,
student and what its teacher answers taken together; as long as there is none, one of fewer."""


def write() -> None:
    """The page and its figure of all entries."""
    entries = [json.loads(file.read_text()) for file in sorted(ENTRIES.glob("*.json"))]
    parts = [INTRODUCTION]
    held = [target for target in TARGETS if any(one["target"] == target for one in entries)]
    parts += [_section(target, entries) for target in held]
    if open_targets := [f"{target}%" for target in TARGETS if target not in held]:
        parts.append(f"## Open\n\nNobody holds {', '.join(open_targets)} yet.")
    parts += [_published(), "![top-1 against work](speedrun.svg)", RULES, ADD]
    _draw(entries)
    write_text(PAGE, "\n\n".join(parts) + "\n")


def _section(target: int, entries: Sequence[dict]) -> str:
    held = sorted((one for one in entries if one["target"] == target), key=_rank)
    columns = (
        "",
        "top-1, %",
        "seeds",
        "parameters, M",
        "PFLOP",
        "of its teacher",
        "hours",
        "of its teacher",
    )
    rows = [
        [
            one["name"],
            _top1(one["top1"]),
            f"{len(one['top1'])}",
            f"{one['parameters'] / 1e6:.2f}",
            f"{_work(one):.2f}",
            f"{one['pflop']['teacher']:.2f}",
            f"{mean(one['hours']):.2f}",
            f"{mean(one['teacher_hours']):.2f}" if one["teacher_hours"] else "-",
        ]
        for one in held
    ]
    how = [
        f"- `{one['name']}` ({one['date']}, {'; '.join(one['hardware'])}): `{one['command']}`"
        f"{'; ' + one['remark'] if 'remark' in one else ''}"
        for one in held
    ]
    return "\n\n".join([f"## {target}%", table(columns, rows), "\n".join(how)])


def _top1(shares: Sequence[float]) -> str:
    """The mean in percent and, of several seeds, each."""
    each = ", ".join(f"{100 * share:.2f}" for share in shares)
    return each if len(shares) == 1 else f"{100 * mean(shares):.2f} ({each})"


def _rank(entry: dict) -> tuple[bool, float]:
    return len(entry["top1"]) < NUM_SEEDS, _work(entry)


def _work(entry: dict) -> float:
    """PFLOP of the student's training and of what its teacher answers."""
    return entry["pflop"]["student"] + entry["pflop"]["asked"]


def _published() -> str:
    rows = [
        [name, f"{top1:.2f}", "-" if size is None else f"{size:.2f}", f"{work:g}"]
        for name, top1, size, work in PUBLISHED
    ]
    text = (
        "What papers report from scratch at 32 pixels, with the work that the formula gives for "
        "their epochs and MACs; none of them gives hours, and some report their best epoch."
    )
    columns = ("", "top-1, %", "parameters, M", "PFLOP")
    return "\n\n".join(["## Beside what is published", text, table(columns, rows)])


def _draw(entries: Sequence[dict]) -> None:
    with drawing(HERE / "speedrun.svg", 3.4) as (_, axes):
        for name, top1, _, work in PUBLISHED:
            # Without epochs and what is in brackets.
            _point(axes, re.sub(r", \d+ epochs.*| \(.*", "", name), work, top1, "o", GREY)
        for one in entries:
            _point(axes, one["name"], _work(one), 100 * mean(one["top1"]), "D", BLUE)
        axes.set_xscale("log")
        axes.set_xticks(TICKS, [amount_tick(value) for value in TICKS])
        axes.minorticks_off()
        axes.set_xlabel("work, PFLOP (the teacher's own training apart)")
        axes.set_ylabel("top-1 on CIFAR-100, %")
        axes.grid()


def _point(axes: Axes, name: str, work: float, top1: float, marker: str, colour: str) -> None:
    """With its name above it on the right, or below it on the left where the axis ends."""
    axes.plot(work, top1, marker, color=colour)
    style: dict[str, Any] = {"color": colour, "fontsize": 8, "textcoords": "offset points"}
    place = {"xytext": (-5, -11), "ha": "right"} if work > 50 else {"xytext": (4, 4)}
    axes.annotate(name, (work, top1), **style, **place)
