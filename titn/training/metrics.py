"""What a record says of a model: accuracies, calibration, size and cost."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from titn.losses.terms import TokenWeights
from titn.types import ImageSpec

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Predictions:
    """Log-probabilities of n evaluated images on the CPU.

    cls, dist: (n, k) float32; `dist` is None for a model without a distillation token.
    labels: (n,). teacher: (n,) the teacher's predicted classes, or None.
    """

    cls: Tensor
    dist: Tensor | None
    labels: Tensor
    teacher: Tensor | None = None

    def fused(self, weights: TokenWeights) -> Tensor:
        """Log of the mean of the two softmaxes; a token that was not trained is left out."""
        if self.dist is None or not weights.dist:
            return self.cls
        if not weights.cls:
            return self.dist
        return torch.stack([self.cls, self.dist]).logsumexp(0) - torch.log(torch.tensor(2.0))


def summarise(predictions: Predictions, weights: TokenWeights) -> dict:
    """The metrics of a record, as fractions. `top1` and all others are those of `fused`."""
    # A second to import, and asked for only when a run has ended.
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
    """top1, top5 and nll of `cls`, `dist` (None without a token) and `fused`."""
    dist, labels = predictions.dist, predictions.labels
    return {
        "cls": head_metrics(predictions.cls, labels),
        "dist": None if dist is None else head_metrics(dist, labels),
        "fused": head_metrics(predictions.fused(weights), labels),
    }


def train_metrics(predictions: Predictions, weights: TokenWeights) -> dict:
    """What a record says of training images, as they are: without augmentation or mix."""
    fused = head_metrics(predictions.fused(weights), predictions.labels)
    return {"top1": fused["top1"], "nll": fused["nll"], "num_images": len(predictions.labels)}


def head_metrics(log_probs: Tensor, labels: Tensor) -> dict:
    """top1, top5 (None below six classes, where it would say nothing) and nll of (n, k)."""
    top5 = None
    if log_probs.shape[-1] > 5:
        top5 = _share((log_probs.topk(5).indices == labels[:, None]).any(-1))
    return {
        "top1": _share(log_probs.argmax(-1) == labels),
        "top5": top5,
        "nll": F.nll_loss(log_probs.double(), labels).item(),
    }


def _share(hits: Tensor) -> float:
    """As a quotient of whole numbers: float32 would print 0.1 as 0.10000000149."""
    return int(hits.sum()) / len(hits)


def expected_calibration_error(
    log_probs: Tensor, labels: Tensor, bins: int = CALIBRATION_BINS
) -> float:
    """Mean of |accuracy - confidence| over bins of equal width, weighted by their images.

    Guo et al. (2017), equation 3: bin m holds the confidences in ((m - 1) / bins, m / bins].
    """
    log_confidence, predicted = log_probs.max(-1)
    confidence, correct = log_confidence.exp().double(), (predicted == labels).double()
    index = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = torch.zeros(bins, dtype=torch.float64).index_add(0, index, correct - confidence)
    return (gap.abs().sum() / len(labels)).item()


def num_parameters(model: nn.Module) -> int:
    """All of the model's own parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def macs(model: nn.Module, spec: ImageSpec) -> tuple[int, int]:
    """Multiply-accumulates for one image: as the paper counts them, and with attention.

    The first is what the thop profiler counts, the paper's GFLOPs divided by 1024: linear layers,
    convolutions, normalisation (2 for each element, 4 if affine LayerNorm or BatchNorm) and
    average pooling. The second adds q k^T and the weights times v.
    """
    counted = {"paper": 0, "attention": 0}

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        counted["paper"] += _layer_macs(module, inputs[0], output)
        products = getattr(module, "product_macs", None)
        if callable(products):
            counted["attention"] += len(inputs[0]) * products(inputs[0].shape[1])

    hooks = [module.register_forward_hook(count) for module in model.modules()]
    training = model.training
    device = next(model.parameters()).device
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, spec.channels, spec.size, spec.size, device=device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return counted["paper"], counted["paper"] + counted["attention"]


def _layer_macs(module: nn.Module, x: Tensor, y: Tensor) -> int:
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
