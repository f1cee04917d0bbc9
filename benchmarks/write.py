"""Write benchmarks/README.md and its figures from benchmarks/results/*.json.

python benchmarks/write.py
"""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from titn.records.run_dir import write_text
from titn.reporting.figures.style import (
    BLUE,
    GREEN,
    PURPLE,
    SKY,
    VERMILLION,
    amount_tick,
    drawing,
    row_style,
)
from titn.reporting.markdown import table

HERE = Path(__file__).resolve().parent
FIGURES = HERE
SEVEN = ("vit", "deit", "tnt", "titn", "titn_large_patch", "deit", "titn")
ON_A_GPU = "python benchmarks/measure.py --device cuda --batch 1024 --cells 4"
NUM_IMAGES = 50_000  # of CIFAR-100's training set

INTRODUCTION = """# How fast, and why

Written by `python benchmarks/write.py` from `results/`; every number was measured by
`python benchmarks/measure.py` with the arguments given below. What is compared took turns in one
run, each measurement in a process of its own; a number is the median of the rounds, with the
smallest and the largest in brackets. [ledger.md](ledger.md) says what was predicted, tried and
found.
"""

LIKE_FOR_LIKE = """The same DeiT-Ti (5.41M parameters, 32x32, patch 8, 100 classes), the same
untrained VGG16-BN as its teacher with hard labels, crop, flip, AutoAugment and CutMix, AdamW, batch
128; on timm's side `create_loader` with a worker process, `FastCollateMixup`,
`TokenDistillationTask` and the step of timm's own training script ([timm_side.py](timm_side.py)).
Both sides ask their teacher for every image: no labels are kept. TITN is the heavier model; the
comparison is with timm's DeiT all the same."""

TIMM_NETWORKS = """The same networks (`model=timm`) at 32x32 with batch 128 in fp32, without a
teacher: crop, flip, AutoAugment, CutMix and AdamW on both sides
([timm_networks_side.py](timm_networks_side.py))."""

STAGES = """A training step with VGG16-BN as the teacher, stage by stage, for a batch of
{batch_size}; forward and backward is of the student, evaluation of its plain form, which is not
compiled. *Floor* is the time that a step's multiplications would take at the rate of a large matrix
product in bf16, the best of those measured beside the stages ({ceiling:.2f} TFLOP/s), and *floor /
step* the part of the measured time that this is. The teacher's operations are counted in the form
that runs, which has a quarter less to do. Compiling is quick where its cache had the code."""

SCALING = """Training alone, without a teacher (`loss=supervised`), along one axis at a time: the
others are batch {batch_size}, depth 12, 16 patch tokens. Milliseconds of machine time for each
image."""

BESIDE = """TITN without a teacher, alone and beside one process that only computes. With two cores
and three threads that want them a fair share is two thirds. At the end of every parallel loop
threads wait for each other, for so long in a loop of their own, then asleep. titn waits for 0.5 ms
where nothing else ran as the command began, also when something else begins later, and otherwise
for 50 µs (`titn/system/threads.py`; `GOMP_SPINCOUNT` and `OMP_WAIT_POLICY` set otherwise)."""


def spread(rates: Sequence[float]) -> str:
    """Median with smallest and largest."""
    return f"{median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"


def section(name: str, found: dict) -> str:
    """Everything about one machine."""
    machine = found["machine"]
    cuda = found.get("device", "cpu").startswith("cuda")
    instructions = f" ({machine['instructions']})" if "instructions" in machine else ""
    processor = f"{machine['cpu']}{instructions}, {machine['threads']} threads"
    where = machine["gpu"] if cuda else processor
    dates = found["dates"]
    lines = [
        f"## {where}",
        f"torch {machine['torch']}, Python {machine['python']}; "
        f"measured from {min(dates.values())} to {max(dates.values())} "
        f"([results/{name}.json](results/{name}.json)).",
    ]
    parts = {
        "against_timm": against_timm,
        "timm_networks": timm_networks,
        "students": students,
        "choices": choices,
        "together": together,
        "scaling": scaling,
        "beside_other_work": beside_other_work,
    }
    lines += [write(name, found) for part, write in parts.items() if part in found]
    return "\n\n".join(lines)


def against_timm(name: str, found: dict) -> str:
    rows = []
    rounds = 0
    for precision, rates in found["against_timm"].items():
        base = median(rates["timm DeiT"])
        rows += [
            [side, precision, spread(of_side), f"{median(of_side) / base:.2f}"]
            for side, of_side in rates.items()
        ]
        rounds = len(rates["timm DeiT"])
    columns = ("", "precision", "images/s", f"times timm, medians of {rounds}")
    return "\n\n".join(["### Like for like with timm", LIKE_FOR_LIKE, table(columns, rows, left=2)])


def timm_networks(name: str, found: dict) -> str:
    rows = [
        [
            network,
            spread(of["timm"]),
            spread(of["titn"]),
            f"{median(of['titn']) / median(of['timm']):.2f}",
        ]
        for network, of in found["timm_networks"].items()
    ]
    rounds = len(next(iter(found["timm_networks"].values()))["timm"])
    columns = ("images/s", "timm's loop", "titn", f"ratio, medians of {rounds}")
    return "\n\n".join(
        ["### timm's networks, in its loop and in titn", TIMM_NETWORKS, table(columns, rows)]
    )


def students(name: str, found: dict) -> str:
    measured = found["students"]
    names = list(measured)
    stages = [stage["name"] for stage in measured[names[0]]["stages"]]
    rows = [[stage] + [f"{ms(measured[one], stage):.1f}" for one in names] for stage in stages]
    ceiling = max(one["ceiling_flops"] for one in measured.values())
    totals = [floor_ms(one, ceiling) for one in measured.values()]
    rows.append(["floor"] + [f"{total:.1f}" for total in totals])
    whole = [ms(one, "end to end") for one in measured.values()]
    rows.append(["floor / step"] + [f"{a / b:.2f}" for a, b in zip(totals, whole, strict=True)])
    rows.append(
        ["images/s"] + [f"{median(one['images_per_sec']):,.0f}" for one in measured.values()]
    )
    epochs = [NUM_IMAGES / median(one["images_per_sec"]) for one in measured.values()]
    rows.append(["an epoch of 50,000, s"] + [f"{secs:,.1f}" for secs in epochs])
    rows.append(["compiling, s"] + [f"{one['compile_secs']:.1f}" for one in measured.values()])
    peaks = [one["memory_bytes"] / 2**30 for one in measured.values()]
    rows.append(["peak memory, GiB"] + [f"{peak:.2f}" for peak in peaks])
    first = measured[names[0]]
    text = STAGES.format(batch_size=first["batch_size"], ceiling=ceiling / 1e12)
    figure = draw_stages(FIGURES / f"{name}_stages.svg", measured, ceiling)
    columns = ["milliseconds a batch", *(one.replace("_", " ") for one in names)]
    return "\n\n".join(
        ["### Where a step's time goes", text, table(columns, rows), f"![stages]({figure})"]
    )


def ms(one: dict, name: str) -> float:
    """Milliseconds a batch of a stage."""
    stage = next(stage for stage in one["stages"] if stage["name"] == name)
    return 1000 * median(stage["secs"]) / stage["num_images"] * one["batch_size"]


def floor_ms(one: dict, ceiling: float) -> float:
    """Milliseconds that a step's multiplications take at the ceiling."""
    whole = one["stages"][0]
    return 1000 * whole["flops"] / whole["num_images"] * one["batch_size"] / ceiling


def draw_stages(path: Path, measured: dict, ceiling: float) -> str:
    """What a step is made of, a bar for each student; backward is what forward leaves of both."""
    with drawing(path, 0.6 + 0.45 * len(measured)) as (_, axes):
        for y, one in enumerate(measured.values()):
            forward, both = ms(one, "student forward"), ms(one, "forward and backward")
            parts = {
                "views and mix": ms(one, "views and mix"),
                "teacher": ms(one, "teacher"),
                "student forward": forward,
                "student backward": both - forward,
                "optimizer": ms(one, "optimizer"),
            }
            left = 0.0
            colours = (BLUE, VERMILLION, GREEN, SKY, PURPLE)
            for (part, width), colour in zip(parts.items(), colours, strict=True):
                label = part if y == 0 else None
                axes.barh(y, width, left=left, height=0.65, color=colour, label=label)
                left += width
            floor = floor_ms(one, ceiling)
            axes.plot(
                [floor, floor], [y - 0.4, y + 0.4], color="black", label="floor" if y == 0 else None
            )
        axes.set_yticks(range(len(measured)), [one.replace("_", " ") for one in measured])
        axes.invert_yaxis()
        axes.set_xlabel("milliseconds a batch, stages measured one by one")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return path.name


def choices(name: str, found: dict) -> str:
    rows = [
        [what, spread(ours), spread(alternative), f"{median(ours) / median(alternative):.2f}"]
        for what, (ours, alternative) in found["choices"].items()
    ]
    rounds = len(next(iter(found["choices"].values()))[0])
    text = "Images/s of whole training steps with the teacher; each can be switched off."
    columns = ("", "so", "otherwise", f"ratio, medians of {rounds}")
    lines = ["### What each choice is worth", text, table(columns, rows)]
    if "students" in found:
        lines.append(seven_students(found["students"]))
    return "\n\n".join(lines)


def seven_students(measured: dict) -> str:
    """What kept labels save in a sweep; by its stages, not measured as a sweep."""
    steps = [ms(measured[name], "end to end") for name in SEVEN]
    teachers = [ms(measured[name], "teacher") for name in SEVEN]
    saved = sum(teachers[1:]) / sum(steps)
    return (
        "A sweep of seven students that see the same images (the five of the table above, and DeiT "
        "and TITN at another rate) asks the teacher once in seven times: by the stages above, kept "
        f"labels save {100 * saved:.0f}% of its training."
    )


def together(name: str, found: dict) -> str:
    one = found["together"]
    alone, at_once = median(one["images_per_sec"]), median(one["images_per_sec_together"])
    return (
        "### Several cells at once\n\n"
        f"TITN with its teacher: {one['cells']} cells at once train {at_once:,.0f} images/s in "
        f"all, one alone {alone:,.0f}: {at_once / alone:.2f} times as many."
    )


def scaling(name: str, found: dict) -> str:
    text = SCALING.format(batch_size=found["batch_size"])
    lines = ["### Cost against batch size, depth and number of tokens", text]
    for axis, models in found["scaling"].items():
        path = FIGURES / f"{name}_{axis.replace(' ', '_')}.svg"
        with drawing(path, 2.6) as (_, axes):
            for index, (model, by_value) in enumerate(models.items()):
                values = [int(value) for value in by_value]
                costs = [1000 / median(rates) for rates in by_value.values()]
                axes.plot(values, costs, label=model, **row_style(index))
            axes.set_xscale("log", base=2)
            axes.set_xticks(values, [amount_tick(value) for value in values])
            axes.set_ylim(bottom=0)
            axes.grid(axis="y")
            axes.set_xlabel(axis)
            axes.set_ylabel("milliseconds an image")
            axes.legend()
        lines.append(f"![{axis}]({path.name})")
    return "\n\n".join(lines)


def beside_other_work(name: str, found: dict) -> str:
    measured = found["beside_other_work"]
    rows = [
        [
            who,
            spread(rates["idle"]),
            spread(rates["beside"]),
            f"{median(rates['beside']) / median(rates['idle']):.2f}",
        ]
        for who, rates in measured.items()
    ]
    columns = ("threads wait in a loop", "alone, images/s", "beside one", "ratio")
    return "\n\n".join(["### Beside other work", BESIDE, table(columns, rows)])


def commands(found: dict[str, dict]) -> str:
    lines: list[str] = []
    for one in found.values():
        of_parts = one.get("commands", {})
        # Of the parts that were measured before each had its own.
        lines += [one["command"]] if set(one["dates"]) - set(of_parts) else []
        lines += of_parts.values()
    if "cuda" not in found:
        lines.append(f"{ON_A_GPU}  # not measured yet")
    return "\n".join(["```", *lines, "python benchmarks/write.py", "```"])


def main() -> None:
    write_text(HERE / "README.md", page())


def page() -> str:
    """The page of all that measure.py has found; other scripts' results have pages of their own."""
    files = sorted((HERE / "results").glob("*.json"))
    results = {file.stem: json.loads(file.read_text()) for file in files}
    found = {name: one for name, one in results.items() if "machine" in one}
    parts = [INTRODUCTION.rstrip(), commands(found)]
    parts += [section(name, one) for name, one in found.items()]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
