"""Metrics of a model: accuracies, calibration, number of parameters, multiply-accumulates."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from titn.losses.terms import TokenWeights
from titn.types import ImageSpec

CALIBRATION_BINS = 15

# The layers whose multiply-accumulates the thop profiler counts.
COUNTED = (
    nn.Linear, nn.Conv2d, nn.LayerNorm, nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d,
)  # fmt: skip


@dataclass(frozen=True)
class Predictions:
    """Log-probabilities of N evaluated images, on the CPU.

    cls, dist: (N, k) float32; dist is None for a model without a distillation token.
    labels: (N,). teacher: (N,), the teacher's predicted classes; None without a teacher.
    """

    cls: Tensor
    dist: Tensor | None
    labels: Tensor
    teacher: Tensor | None = None

    def fused(self, weights: TokenWeights) -> Tensor:
        """The log-probabilities (N, k) of the mean of the trained tokens' probabilities.

        A token of weight 0 was not trained and is left out. The other weights do not matter.
        """
        tokens = weights.trained(self.cls, self.dist)
        return tokens[0] if len(tokens) == 1 else log_mean_probability(*tokens)


def log_mean_probability(cls: Tensor, dist: Tensor) -> Tensor:
    """log((p + q) / 2) of log-probabilities log p and log q, all (b, k)."""
    # (2, b, k) -> (b, k): log(p + q) = logsumexp(log p, log q), without underflow.
    return torch.stack([cls, dist]).logsumexp(0) - torch.log(torch.tensor(2.0))


def summarise(predictions: Predictions, weights: TokenWeights) -> dict:
    """The metrics of a record, as fractions: those of `fused`, then the metrics of each head.

    precision, recall and f1 are means over the classes; a class that is never predicted counts 0.
    """
    # Imported here because it takes a second and is needed only at the end of a run.
    from sklearn.metrics import precision_recall_fscore_support

    labels, fused = predictions.labels, predictions.fused(weights)
    heads = metrics_by_head(predictions, weights)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels.numpy(),
        fused.argmax(-1).numpy(),
        labels=list(range(fused.shape[-1])),
        average="macro",
        zero_division=0,
    )
    return {
        **heads["fused"],
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "ece": expected_calibration_error(fused, labels),
        **heads,
    }


def metrics_by_head(predictions: Predictions, weights: TokenWeights) -> dict:
    """top1, top5 and nll of `cls`, of `dist` (None without a distillation token) and of `fused`."""
    dist, labels = predictions.dist, predictions.labels
    return {
        "cls": head_metrics(predictions.cls, labels),
        "dist": None if dist is None else head_metrics(dist, labels),
        "fused": head_metrics(predictions.fused(weights), labels),
    }


def train_metrics(predictions: Predictions, weights: TokenWeights) -> dict:
    """top1 and nll of training images, which were seen without augmentation and mix."""
    fused = head_metrics(predictions.fused(weights), predictions.labels)
    return {"top1": fused["top1"], "nll": fused["nll"], "num_images": len(predictions.labels)}


def head_metrics(log_probs: Tensor, labels: Tensor) -> dict:
    """top1, top5 and nll (in nats) of log-probabilities (N, k).

    top5 is None below six classes, where it would always be 1.
    """
    top5 = None
    if log_probs.shape[-1] > 5:
        top5 = _share((log_probs.topk(5).indices == labels[:, None]).any(-1))
    return {
        "top1": _share(log_probs.argmax(-1) == labels),
        "top5": top5,
        "nll": F.nll_loss(log_probs.double(), labels).item(),
    }


def _share(hits: Tensor) -> float:
    """The fraction of true values, from whole numbers: float32 would give 0.10000000149 for 0.1."""
    return int(hits.sum()) / len(hits)


def expected_calibration_error(
    log_probs: Tensor, labels: Tensor, bins: int = CALIBRATION_BINS
) -> float:
    """sum over bins of (images in the bin / N) |accuracy - confidence|, in [0, 1].

    Guo et al. (2017), equation 3: bin m of equal width holds the confidences in
    ((m - 1) / bins, m / bins]. log_probs: (N, k).
    """
    log_confidence, predicted = log_probs.max(-1)
    confidence, correct = log_confidence.exp().double(), (predicted == labels).double()
    index = (confidence * bins).ceil().long().clamp(1, bins) - 1
    # A bin's share times its |accuracy - confidence| is |sum of (correct - confidence)| / N.
    gap = torch.zeros(bins, dtype=torch.float64).index_add(0, index, correct - confidence)
    return (gap.abs().sum() / len(labels)).item()


def num_parameters(model: nn.Module) -> int:
    """The number of the model's parameters, trained or not; buffers do not count."""
    return sum(parameter.numel() for parameter in model.parameters())


def macs(model: nn.Module, spec: ImageSpec) -> tuple[int, int]:
    """Multiply-accumulates for one image: as the paper counts them, and with all products.

    The first is what the thop profiler counts: linear layers, convolutions, normalisation (2 for
    each element, 4 if affine) and average pooling. The paper's GFLOPs are this for a batch of 1024
    (table 3). The second adds the products of matrices, and convolutions, that are no such layers,
    as q k^T and the attention weights times v: thop does not see them. Neither has what goes
    element by element: activations, softmax, sums, other normalisations.
    """
    counted = {"paper": 0, "products": 0}
    by_torch = _ProductCounter()
    entered: list[int] = []

    def enter(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if _is_counted(module):
            entered.append(by_torch.macs)

    def count(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not _is_counted(module):
            return
        counted["paper"] += _layer_macs(module, inputs[0], output)
        # A module with products of matrices that thop does not see may offer their number for one
        # sequence; its input is (sequences, n, d). TITN's inner path has b n sequences.
        products = getattr(module, "product_macs", None)
        if callable(products):
            counted["products"] += len(inputs[0]) * products(inputs[0].shape[1])
        before = entered.pop()
        if not entered:  # counted here, so not by torch as well
            counted["products"] -= by_torch.macs - before

    hooks = [module.register_forward_pre_hook(enter) for module in model.modules()]
    hooks += [module.register_forward_hook(count) for module in model.modules()]
    training = model.training
    device = next(model.parameters()).device
    try:
        # torch's counter does not know every kernel that does attention in one.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), by_torch:
            model.eval()(torch.zeros(1, spec.channels, spec.size, spec.size, device=device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    counted["products"] += by_torch.macs
    return counted["paper"], counted["paper"] + counted["products"]


class _ProductCounter(TorchDispatchMode):
    """Multiply-accumulates of all products of matrices and convolutions that torch executes."""

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:  # it counts two for each
            self.macs += formula(*args, **(kwargs or {}), out_val=result) // 2
        return result


def _is_counted(module: nn.Module) -> bool:
    return isinstance(module, COUNTED) or callable(getattr(module, "product_macs", None))


def _layer_macs(module: nn.Module, x: Tensor, y: Tensor) -> int:
    """What thop counts for a layer with input x and output y; biases cost nothing."""
    match module:
        case nn.Linear():
            return module.in_features * y.numel()
        case nn.Conv2d():
            return module.weight[0].numel() * y.numel()
        case nn.LayerNorm():
            return (4 if module.elementwise_affine else 2) * x.numel()
        case nn.BatchNorm2d():
            return (4 if module.affine else 2) * x.numel()
        case nn.AvgPool2d():
            return y.numel()
        case nn.AdaptiveAvgPool2d():
            # A sum over the window and one division for each output, as thop has it: the window
            # of an output that is larger than the input is a fraction of a pixel.
            window = (x.shape[2] / y.shape[2]) * (x.shape[3] / y.shape[3])
            return int((window + 1) * y.numel())
        case _:
            return 0
