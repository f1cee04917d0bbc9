"""Losses that compare what student and teacher compute on the way to their logits."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from titn.config.annotations import Count, Fraction, NonNegative, ProperFraction, Token
from titn.losses.distillation import HardDistillation
from titn.losses.terms import Terms
from titn.types import Batch, Features, Output


class FeatureDistillation(nn.Module):
    """`HardDistillation` plus weight times a term of the two networks' features.

    So that a feature term is compared with hard distillation alone, and at alpha 1 with labels
    alone. name: of the term. num_maps: how many maps of each network it reads; see `Features`.
    """

    needs_teacher = True
    hard_labels = False

    def __init__(
        self,
        name: str,
        weight: float,
        num_maps: int,
        *,
        alpha: float,
        token: Token,
        label_smoothing: float,
    ):
        super().__init__()
        self.name = name
        self.weight = weight
        self.num_maps = num_maps
        self.logits = HardDistillation(alpha=alpha, token=token, label_smoothing=label_smoothing)
        self.token_weights = self.logits.token_weights

    def connect(self, student: Features, teacher: Features) -> None:
        """Make what the shapes of the features decide; called once, with those of an image."""

    def forward(self, output: Output, batch: Batch, teacher: Output | None) -> Terms:
        """teacher: its logits and features for exactly these images."""
        if teacher is None or teacher.features is None or output.features is None:
            raise ValueError("this loss needs the features of a student and of its teacher")
        terms = self.logits(output, batch, teacher.cls.argmax(-1))
        term = self.term(output.features, teacher.features)
        loss = terms["loss"] + self.weight * term
        return terms | {"loss": loss, self.name: term.detach()}

    def term(self, student: Features, teacher: Features) -> Tensor:
        """The term, a scalar, averaged over the batch."""
        raise NotImplementedError


class Guidance(FeatureDistillation):
    """Locality guidance: maps of the student follow those of a convolutional teacher.

    Li et al. (2022), equations 2 to 4: for each of `stages` pairs of maps, from the first layers
    to the last, the mean squared difference between the teacher's map and a learned 1x1 convolution
    of the student's, the smaller one enlarged bilinearly; their sum times `weight`, 2.5 in the
    paper. There the labels are all that is learned from besides, here `alpha` 1.

    alpha, token, label_smoothing: of `HardDistillation`. The convolutions are trained with the
    student and are no part of what is recorded.
    """

    def __init__(
        self,
        *,
        alpha: Fraction = 0.5,
        weight: NonNegative = 2.5,
        stages: Count = 3,
        token: Token = "dist",
        label_smoothing: ProperFraction = 0.0,
    ):
        super().__init__(
            "guidance", weight, stages, alpha=alpha, token=token, label_smoothing=label_smoothing
        )
        self.projections = nn.ModuleList()

    def connect(self, student: Features, teacher: Features) -> None:
        self.projections = nn.ModuleList(
            nn.Conv2d(ours.shape[1], theirs.shape[1], 1)
            for ours, theirs in zip(student.maps, teacher.maps, strict=True)
        )

    def term(self, student: Features, teacher: Features) -> Tensor:
        pairs = zip(self.projections, student.maps, teacher.maps, strict=True)
        return torch.stack(
            [guidance_term(project(ours), theirs) for project, ours, theirs in pairs]
        ).sum()


class AttentionTransfer(FeatureDistillation):
    """The student attends to those places of an image to which its teacher attends.

    Zagoruyko and Komodakis (2017), equation 2 in its authors' code: for each of `stages` pairs of
    maps, the mean over the channels of their squares, made a vector of length 1; then the mean
    squared difference of the two vectors. The larger map is averaged down to the smaller one's
    size. Their sum times `weight`, 1000 in the authors' code and in most of its followers.

    alpha, token, label_smoothing: of `HardDistillation`.
    """

    def __init__(
        self,
        *,
        alpha: Fraction = 0.5,
        weight: NonNegative = 1000.0,
        stages: Count = 3,
        token: Token = "dist",
        label_smoothing: ProperFraction = 0.0,
    ):
        super().__init__(
            "attention", weight, stages, alpha=alpha, token=token, label_smoothing=label_smoothing
        )

    def term(self, student: Features, teacher: Features) -> Tensor:
        pairs = zip(student.maps, teacher.maps, strict=True)
        return torch.stack([attention_term(ours, theirs) for ours, theirs in pairs]).sum()


class RelationalDistillation(FeatureDistillation):
    """Relational knowledge distillation: images lie to each other as they do for the teacher.

    Park et al. (2019), equations 4 to 9, on what the last layer reads: the distances between the
    images of a batch, over their mean, and the cosines of the angles that three images span; of
    both the Huber loss with delta 1, the mean over all pairs and triples. weight multiplies their
    sum, in which they have the weights `distance` and `angle`, 25 and 50 in the paper.

    The angles of b images are b^3 numbers, half a gigabyte at 512.

    token: whose head's input follows the teacher's, and whose logits follow its class. alpha,
    label_smoothing: of `HardDistillation`.
    """

    def __init__(
        self,
        *,
        alpha: Fraction = 0.5,
        weight: NonNegative = 1.0,
        distance: NonNegative = 25.0,
        angle: NonNegative = 50.0,
        token: Token = "dist",
        label_smoothing: ProperFraction = 0.0,
    ):
        super().__init__(
            "relations", weight, 0, alpha=alpha, token=token, label_smoothing=label_smoothing
        )
        self.distance = distance
        self.angle = angle
        self.token = token

    def term(self, student: Features, teacher: Features) -> Tensor:
        ours, theirs = getattr(student, self.token).float(), teacher.cls.float()
        distances = F.smooth_l1_loss(relative_distances(ours), relative_distances(theirs))
        angles = F.smooth_l1_loss(cosines(ours), cosines(theirs))
        return self.distance * distances + self.angle * angles


def guidance_term(ours: Tensor, theirs: Tensor) -> Tensor:
    """The mean squared difference of two maps, (b, d, h, w) and (b, d, h', w')."""
    height, width = (max(ours.shape[axis], theirs.shape[axis]) for axis in (2, 3))
    return F.mse_loss(_enlarged(ours, height, width), _enlarged(theirs, height, width))


def _enlarged(map: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(map.float(), (height, width), mode="bilinear", align_corners=False)


def attention_term(ours: Tensor, theirs: Tensor) -> Tensor:
    """The mean squared difference of two maps' places, (b, d, h, w) and (b, d', h', w')."""
    height, width = (min(ours.shape[axis], theirs.shape[axis]) for axis in (2, 3))
    return F.mse_loss(_attention(ours, height, width), _attention(theirs, height, width))


def _attention(map: Tensor, height: int, width: int) -> Tensor:
    """How much there is at each place: (b, d, h, w) to (b, height width), rows of length 1."""
    map = F.adaptive_avg_pool2d(map.float(), (height, width))
    return F.normalize(map.square().mean(1).flatten(1))


def relative_distances(points: Tensor) -> Tensor:
    """The distances between (b, d) points over the mean of those that are not 0; (b, b)."""
    # Not by way of products, which would leave little of the distance of two close points.
    distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    apart = distances > 0
    return distances / (distances.sum() / apart.sum().clamp(min=1)).clamp(min=1e-12)


def cosines(points: Tensor) -> Tensor:
    """The cosines of the angles at each of (b, d) points between all pairs of others; (b, b, b)."""
    # (1, b, d) - (b, 1, d): row i has the directions from point i to all points.
    directions = F.normalize(points[None] - points[:, None], dim=-1)
    return directions @ directions.transpose(1, 2)
