"""The model card of a run: everything in it is from the record."""

from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from scipy.stats import binomtest

from titn.cells.identity import with_teachers
from titn.config.identity import PLACES
from titn.config.keys import GROUPS, is_own
from titn.config.spelling import as_typed
from titn.records import hub_folder
from titn.records.summary import epochs_text
from titn.system.text import in_millions

# The hub's names of published data sets, by the name of the file in conf/dataset.
HUB_DATASETS = {
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "mnist": "ylecun/mnist",
}
RECIPE = (
    "epochs", "batch_size", "accumulate", "repeats", "clip_grad", "ema_decay", "patience", "seed",
    "precision",
)  # fmt: skip
NODES = ("model", "loss", "optimizer", "schedule", "augment", "mix")

USE = """\
```python
import titn
from huggingface_hub import snapshot_download

run = titn.load(snapshot_download("USER/NAME", local_dir="NAME"){trust})
run.predict("image.png").names                    # paths, PIL images, arrays, tensors
run.model                                         # the network, a torch.nn.Module
```

It takes {kind} images of {size}x{size} pixels in [0, 1], and normalises them itself. titn resizes
the whole image (bilinear, antialiased), as `preprocessor_config.json` says."""
OWN_CODE = """

It was made with code that is not titn's, and is not in here: {targets}. `trust=True` lets titn
import it, from where Python finds it."""


def model_card(parts: dict[str, Any], license_name: str | None) -> str:
    """README.md of the folder.

    parts: of `titn.records.hub_folder.of_run`. license_name: None where nobody has said it.
    """
    config, record, environment = (parts[part] for part in hub_folder.PARTS)
    names = config["choices"] or {}
    network, data = names.get("model") or "network", names.get("dataset") or "images"
    sections = {
        "": f"{network}, trained on {data} with titn.",
        "Use": _use(config),
        "Results": _results(record),
        "Data": _data(config, record, data),
        "Recipe": _recipe(config),
        "Teacher": _teacher(config, record),
        "Command": _command(environment),
        "Identity": _identity(record),
    }
    if license_name:
        sections["Licence"] = f"{license_name}. The data set has terms of its own."
    text = "\n\n".join(
        f"## {title}\n\n{body}" if title else body for title, body in sections.items()
    )
    tags = ["titn", "knowledge-distillation"] if _has_teacher(config, record) else ["titn"]
    front = _front_matter(f"{network}-{data}", data, record, tags, license_name)
    return f"---\n{front}\n---\n\n# {network} on {data}\n\n{text}\n"


def _use(config: dict[str, Any]) -> str:
    """How to open it, and what that takes."""
    targets = {run[group]["_target_"] for run in with_teachers(config) for group in GROUPS}
    own = sorted(filter(is_own, targets))
    dataset = config["dataset"]
    text = USE.format(
        size=dataset["image_size"], kind=_kind(dataset), trust=", trust=True" if own else ""
    )
    if own:
        text += OWN_CODE.format(targets=", ".join(f"`{one}`" for one in own))
    return text


def _kind(dataset: dict[str, Any]) -> str:
    return {1: "grey", 4: "RGBA"}.get(dataset.get("channels", 3), "RGB")


def _front_matter(
    name: str, data: str, record: dict[str, Any], tags: list[str], license_name: str | None
) -> str:
    """The card's YAML, with the accuracies as the hub's tables read them."""
    accuracies = {"accuracy": record["top1"], "balanced_accuracy": record.get("balanced_accuracy")}
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type=HUB_DATASETS.get(data, data),
            dataset_name=data,
            dataset_split=record["split"],
            metric_type=metric,
            metric_value=value,
        )
        for metric, value in accuracies.items()
        if value is not None
    ]
    return ModelCardData(
        license=license_name,
        library_name="titn",
        pipeline_tag="image-classification",
        tags=tags,
        datasets=[HUB_DATASETS[data]] if data in HUB_DATASETS else None,
        model_name=name,
        eval_results=results,
    ).to_yaml()


def _results(record: dict[str, Any]) -> str:
    """A line for each token that there is; in percent, as elsewhere for readers."""
    n = record["num_evaluated"]
    lines = ["| | top-1 (%) | 95% | top-5 (%) | nll |", "| :-- | --: | --: | --: | --: |"]
    for head in ("fused", "cls", "dist"):
        metrics = record.get(head)
        if metrics is not None:
            low, high = wilson_interval(metrics["top1"], n)
            top5 = "–" if metrics.get("top5") is None else f"{100 * metrics['top5']:.2f}"
            lines.append(
                f"| {head} | {100 * metrics['top1']:.2f} | {100 * low:.2f} to {100 * high:.2f} "
                f"| {top5} | {metrics['nll']:.4f} |"
            )
    balance = ""
    if (balanced := record.get("balanced_accuracy")) is not None:
        balance = (
            f"\n\nBalanced accuracy of `fused`: {100 * balanced:.2f} %, the mean over classes of "
            "the share that is recognised: the classes differ in their number of images."
        )
    return "\n".join(lines) + (
        f"{balance}\n\nOf {n} {record['split']} images, after {epochs_text(record)}. "
        "`fused` is the mean of the softmaxes of the tokens that were trained, and what `predict` "
        "says. The intervals (Wilson's) are about other images of the same kind. This is one seed: "
        "another training run may differ by more than they say.\n\n"
        f"{in_millions(record['parameters'], 2)} parameters, "
        f"{in_millions(record['macs'], 1)} multiply-accumulates an image."
    )


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Of a share of n images; Wilson (1927), without a correction for continuity.

    >>> [round(bound, 4) for bound in wilson_interval(0.9, 100)]
    [0.8256, 0.9448]
    """
    found = binomtest(round(share * n), n).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def _data(config: dict[str, Any], record: dict[str, Any], data: str) -> str:
    node = config["dataset"]
    settings = {k: v for k, v in node.items() if k not in ("_target_", *PLACES)}
    classes = record["class_names"]
    named = ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
    return (
        f"{data}: {record['num_train']} images to train on, {record['num_evaluated']} evaluated "
        f"({record['split']}). {' '.join(_listed(settings))}\n\n{len(classes)} classes: {named}."
    )


def _recipe(config: dict[str, Any]) -> str:
    lines = ["| | |", "| :-- | :-- |"]
    choices = config["choices"] or {}
    for node in NODES:
        settings = {k: v for k, v in config[node].items() if k != "_target_"}
        lines.append(f"| {node} | {' '.join([f'**{choices.get(node)}**', *_listed(settings)])} |")
    settings = {key: config[key] for key in RECIPE if config.get(key) is not None}
    lines.append(f"| run | {' '.join(_listed(settings))} |")
    return "\n".join(lines)


def _has_teacher(config: dict[str, Any], record: dict[str, Any]) -> bool:
    return bool(config.get("teacher") and record.get("teacher"))


def _teacher(config: dict[str, Any], record: dict[str, Any]) -> str:
    if not _has_teacher(config, record):
        return "None: it was trained on labels alone."
    teacher, summary = config["teacher"], record["teacher"]
    name = (teacher.get("choices") or {}).get("model")
    kept = {key: teacher[key] for key in ("epochs", "batch_size", "seed") if key in teacher}
    return (
        f"{name}, top-1 {100 * summary['top1']:.2f}% on the same images. "
        f"{' '.join(_listed(kept))} Its identity is `{summary['config_hash']}`."
    )


def _command(environment: dict[str, Any]) -> str:
    versions = environment.get("versions") or {}
    made_with = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    machine = environment.get("gpu") or environment.get("cpu") or "a machine that it does not name"
    return f"```sh\n{environment.get('command')}\n```\n\nOn {machine}, with {made_with}."


def _identity(record: dict[str, Any]) -> str:
    return (
        f"configuration `{record['config_hash']}`, source `{record['source_digest']}`, "
        f"images `{record.get('data_digest')}`"
    )


def _listed(settings: dict[str, Any]) -> list[str]:
    """`key=value`, as on the command line, in the order of the configuration."""
    return [f"`{key}={as_typed(value)}`" for key, value in settings.items()]
