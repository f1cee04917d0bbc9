"""What the rest of a run depends on: taken from its objects for a checkpoint, and put back."""

from typing import Any

from torch import nn

from titn.optim.state import load_state
from titn.training.assembly import AssembledRun
from titn.training.engine import RunningMeans, State

# Of a State, what JSON holds as it is.
PLAIN = ("epoch", "step", "train_secs", "images_seen", "rows")


def saved_state(state: State, assembled: AssembledRun, wall_secs: float) -> tuple[dict, dict]:
    """Tree of tensors, and facts for JSON. wall_secs: that the run has taken so far."""
    parts, answers, average = assembled.parts, assembled.answer_cache, assembled.task.average
    tree = {
        "model": parts.model.state_dict(),
        "optimizer": parts.optimizer.state_dict(),
        "means": state.means.totals,
    }
    if isinstance(parts.loss, nn.Module):
        tree["loss"] = parts.loss.state_dict()
    if average is not None:
        tree["average"] = average.network.state_dict()
    facts = {name: getattr(state, name) for name in PLAIN}
    return tree, facts | {"answers": answers and answers.counts, "wall_secs": wall_secs}


def restored_state(tree: dict, facts: dict[str, Any], assembled: AssembledRun) -> State:
    """The state; model, optimizer, loss, average and answers are again as they were then."""
    parts, answers, task = assembled.parts, assembled.answer_cache, assembled.task
    parts.model.load_state_dict(tree["model"])
    load_state(parts.optimizer, tree["optimizer"])
    if isinstance(parts.loss, nn.Module):
        parts.loss.load_state_dict(tree.get("loss", {}))
    if task.average is not None:
        task.average.network.load_state_dict(tree["average"])
    if answers and facts["answers"]:
        answers.counts = facts["answers"]
    means = RunningMeans()
    means.count = facts["step"]
    device = task.fabric.device
    means.totals = {name: total.to(device) for name, total in tree["means"].items()}
    return State(**{name: facts[name] for name in PLAIN}, means=means)
