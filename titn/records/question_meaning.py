"""What a question must not say, though each of its keys is valid by itself.

It is asked of a question before its cells are made. A plan is read without it: what was asked
once has its page.
"""

import math
from collections.abc import Iterator

from titn.config.overrides import override_key
from titn.records.question import Question, QuestionError, nearest

# What a record has a number of; then what reports compute of records, and what they time.
METRICS = (
    "top1", "top5", "nll", "precision", "recall", "f1", "ece", "balanced_accuracy", "best_top1",
    "best_epoch", "images_per_sec", "train_secs", "wall_secs", "compile_secs", "parameters", "macs",
    "macs_paper", "kept_labels", "stopped_after", "train.top1", "train.nll",
    *(f"{head}.{name}" for head in ("cls", "dist", "fused") for name in ("top1", "top5", "nll")),
    "gap", "epochs_to_reach", "parameters_m", "gflops_batch1024",
    "latency_ms", "images_per_sec_inference",
)  # fmt: skip
# The paper's tables with a number for each of its rows.
PRINTED = ("table1", "table2", "table3", "table4", "table5", "figure5")

# Key below the question, its place in the node, and what is wrong with it.
Mistake = tuple[str, tuple[str | int, ...], str]


def check_meaning(question: Question) -> None:
    """QuestionError for the first thing that cannot be meant, or that no page could answer."""
    for key, location, said in _mistakes(question):
        raise QuestionError(f"question.{key}: {said}", f"question.{key}", location, False)


def _mistakes(question: Question) -> Iterator[Mistake]:
    yield from _in_claims(question)
    for metric, margin in question.margins.items():
        if said := _unknown(metric):
            yield f"margins.{metric}", ("margins", metric), said
        if not 0 <= margin < math.inf:
            yield f"margins.{metric}", ("margins", metric), f"{margin} is no distance; write 0.01"
    if question.reach is not None and not 0 < question.reach < 1:
        yield "reach", ("reach",), f"{question.reach:g} is no fraction; write 90% as 0.9"
    if question.printed is not None and question.printed not in PRINTED:
        said = f"the paper has no {question.printed}; choose one of {', '.join(PRINTED)}"
        yield "printed", ("printed",), said
    yield from _in_tune(question)


def _in_claims(question: Question) -> Iterator[Mistake]:
    for index, claim in enumerate(question.claims):
        low, high = claim.between
        place = ("claims", index)
        for key, number in (("between", low), ("between", high), ("printed", claim.printed)):
            if number is not None and not math.isfinite(number):
                said = f"{number} is no number; null is for none"
                yield f"claims.{index}.{key}", (*place, key), said
        if low is None and high is None:
            said = "bounds nothing; give the least or the most, as [0, null]"
            yield f"claims.{index}.between", (*place, "between"), said
        if low is not None and high is not None and low > high:
            said = f"the least comes first; write [{high:g}, {low:g}]"
            yield f"claims.{index}.between", (*place, "between"), said
        if len({*claim.rows}) < len(claim.rows):
            said = f"{claim.rows[0]} is compared with itself; name two rows, or one"
            yield f"claims.{index}.rows", (*place, "rows"), said
        if said := _unknown(claim.metric):
            yield f"claims.{index}.metric", (*place, "metric"), said


def _in_tune(question: Question) -> Iterator[Mistake]:
    for key, values in question.tune.items():
        plain = override_key(key)
        if plain == "seed":
            yield f"tune.{key}", ("tune", key), "a seed is not chosen; sweep it: seed=0,1,2"
        for row in values if isinstance(values, dict) else question.rows:
            if plain in map(override_key, question.rows[row]):
                others = "leave one of them out, or write below the key which rows choose"
                yield f"tune.{key}", ("tune", key), f"the row {row} sets it itself; {others}"


def _unknown(metric: str) -> str:
    """What is wrong with a metric; empty if reports know it."""
    if metric in METRICS:
        return ""
    return f"there is no metric {metric:.100}; {nearest(metric, METRICS)}"
