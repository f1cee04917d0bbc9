"""Filters that decorrelate the patches of the training images, for a fixed first layer."""

import torch
from torch import Tensor
from torch.nn import functional as F

from titn.types import ImageSpec

# Added to the variance of each component (Jordan, 2024): components that hardly vary, which are
# mostly noise, are not blown up to the size of the others.
EPSILON = 5e-4
# Values of the sample whose patches are in memory together: 1,000 images of 3x32x32.
PIXELS_AT_ONCE = 3_072_000


def whitening_filters(images: ImageSpec, size: int, epsilon: float = EPSILON) -> Tensor:
    """v_i / sqrt(lambda_i + epsilon) and its negative, for i from the largest variance down.

    lambda_i and v_i are the eigenvalues and eigenvectors of the second moments of all patches of
    size x size of the normalised sample `images.sample`. Returns (2 c size^2, c, size, size), in
    float32. After Page (2018), "How to train your ResNet 8", with the negatives of Jordan (2024):
    the GELU that follows would lose the sign.

    Without a sample (a network whose weights are going to be loaded) the moments are the identity.
    """
    width = images.channels * size**2
    moments = torch.eye(width, dtype=torch.float64)
    if images.sample is not None:
        moments = _second_moments(images, images.sample, size)
    variances, vectors = torch.linalg.eigh(moments)  # ascending (width,); vectors in columns
    # The sign of an eigenvector is arbitrary, and libraries differ: its largest entry is positive.
    largest = vectors.abs().argmax(0, keepdim=True)
    vectors = vectors * vectors.gather(0, largest).sign()
    rows = (vectors / (variances + epsilon).sqrt()).T.flip(0)  # (width, width)
    filters = rows.reshape(width, images.channels, size, size)
    return torch.cat([filters, -filters]).float()


def _second_moments(images: ImageSpec, sample: Tensor, size: int) -> Tensor:
    """The mean of p p^T over all patches p of a sample (N, c, h, w), (c size^2, c size^2)."""
    mean, std = (torch.tensor(values).reshape(-1, 1, 1) for values in (images.mean, images.std))
    at_once = max(PIXELS_AT_ONCE // sample.shape[1:].numel(), 1)
    summed, count = torch.zeros((), dtype=torch.float64), 0
    for part in sample.split(at_once):
        pixels = (part.float() / 255 - mean) / std
        patches = F.unfold(pixels, size).double()  # (n, c size^2, positions)
        summed = summed + torch.einsum("nip,njp->ij", patches, patches)
        count += len(patches) * patches.shape[-1]
    return summed / count
