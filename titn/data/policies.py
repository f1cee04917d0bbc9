"""Views of today: crop and flip, then operations of a policy, then perhaps a rectangle erased."""

import numpy as np
import torch
from torch import Tensor

from titn.config.annotations import Bin, Count, Fraction, Whole
from titn.data import erasing, operations
from titn.data.views import CropFlip, Rows

# Magnitudes are numbered from 0, none or the least, to 30, the most, as in torchvision.
NUM_BINS = 31


class PolicyView:
    """Crop and flip as `CropFlip`, `num_operations` operations in turn, random erasing.

    magnitude: the bin of every operation, or None: drawn anew for each. wide: whether magnitudes
    reach as far as TrivialAugment's.
    """

    def __init__(
        self,
        padding: int,
        flip: float,
        erase: float,
        num_operations: int,
        magnitude: int | None,
        wide: bool,
    ):
        self.crop_flip = CropFlip(padding=padding, flip=flip)
        self.erase = erase
        self.num_operations = num_operations
        self.magnitude = magnitude
        self.wide = wide

    def draw(self, num_samples: int, rng: np.random.Generator) -> Rows:
        """operation, bin and negative: (num_samples, num_operations), and the others' rows."""
        rows = self.crop_flip.draw(num_samples, rng)
        shape = (num_samples, self.num_operations)
        rows["operation"] = torch.from_numpy(rng.integers(len(operations.NAMES), size=shape))
        bins = rng.integers(NUM_BINS, size=shape) if self.magnitude is None else self.magnitude
        rows["bin"] = torch.from_numpy(np.broadcast_to(bins, shape).copy())
        rows["negative"] = torch.from_numpy(rng.random(shape) < 0.5)
        return rows | (erasing.draw(num_samples, rng, self.erase) if self.erase else {})

    def apply(self, images: Tensor, rows: Rows) -> Tensor:
        images = self.crop_flip.apply(images, rows)
        table = magnitudes(self.wide, *images.shape[-2:])
        for turn in range(self.num_operations):
            operation, bins = rows["operation"][:, turn], rows["bin"][:, turn]
            # Column 1 has the negative of magnitudes that have a sign.
            magnitude = table[operation, rows["negative"][:, turn].long(), bins]
            images = operations.apply(images, operation, magnitude)
        return erasing.apply(images, rows) if self.erase else images


class RandAugment(PolicyView):
    """Crop, flip, RandAugment (Cubuk et al., 2020) as torchvision has it, random erasing.

    padding, flip: as in `CropFlip`. operations: how many for each image, drawn with replacement.
    magnitude: of all of them, 0 to 30. erase: the probability of an erased rectangle.
    """

    def __init__(
        self,
        *,
        padding: Whole = 4,
        flip: Fraction = 0.5,
        operations: Count = 2,
        magnitude: Bin = 9,
        erase: Fraction = 0.0,
    ):
        super().__init__(padding, flip, erase, operations, magnitude, wide=False)


class TrivialAugment(PolicyView):
    """Crop, flip, one operation of any magnitude, random erasing.

    The operation is TrivialAugment's (Mueller and Hutter, 2021), with the wide magnitudes of
    torchvision's TrivialAugmentWide. padding, flip: as in `CropFlip`. erase: the probability of an
    erased rectangle.
    """

    def __init__(self, *, padding: Whole = 4, flip: Fraction = 0.5, erase: Fraction = 0.0):
        super().__init__(padding, flip, erase, 1, None, wide=True)


def magnitudes(wide: bool, height: int, width: int) -> Tensor:
    """(14, 2, 31) float64: what a bin means to each operation, without and with its sign turned.

    They are torchvision's, whose steps are float32. Those of an operation without one are 0.
    """
    most = dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.99 if wide else 0.9)
    most |= dict.fromkeys(("ShearX", "ShearY"), 0.99 if wide else 0.3)
    most |= {"Rotate": 135.0 if wide else 30.0}
    most |= (
        {"TranslateX": 32.0, "TranslateY": 32.0}
        if wide
        else {
            "TranslateX": 150 / 331 * width,
            "TranslateY": 150 / 331 * height,
        }
    )
    values = {name: torch.linspace(0.0, bound, NUM_BINS) for name, bound in most.items()}
    lost_bits = torch.arange(NUM_BINS) / ((NUM_BINS - 1) / (6 if wide else 4))
    values["Posterize"] = 8 - lost_bits.round()
    values["Solarize"] = torch.linspace(255.0, 0.0, NUM_BINS)
    none = torch.zeros(NUM_BINS)
    table = torch.stack([values.get(name, none) for name in operations.NAMES]).double()
    signed = torch.tensor([name in operations.SIGNED for name in operations.NAMES])
    return torch.stack([table, torch.where(signed[:, None], -table, table)], 1)
