"""Logits at a temperature, and logits that are standardised before."""

from torch import Tensor


def log_probabilities(logits: Tensor, temperature: float, standardize: bool = False) -> Tensor:
    """log softmax(z / T) in float32; with `standardize`, z is `standardized` before.

    logits: (b, k). In float32 because a bf16 logit has three digits, and the losses multiply its
    rounding error by T^2.
    """
    logits = logits.float()
    if standardize:
        logits = standardized(logits)
    return (logits / temperature).log_softmax(-1)


def standardized(logits: Tensor) -> Tensor:
    """(z - mean(z)) / (1e-7 + std(z)) over the classes of each image; (b, k).

    Sun et al. (2024), algorithm 1: a student then follows the order and the proportions of its
    teacher's logits, and not their range. As in the authors' code, std divides by k - 1; in the
    paper's equation 9 it divides by k.
    """
    centred = logits - logits.mean(-1, keepdim=True)
    return centred / (1e-7 + logits.std(-1, keepdim=True))
