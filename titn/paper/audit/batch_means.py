"""Accuracies that can only be means over batches of which the last is smaller."""

from titn.paper.audit import prose


def batch_sizes_of_means() -> list[int]:
    """The usual batch sizes with which all accuracies of many decimals are possible."""
    return [
        size
        for size in prose.BATCH_SIZES
        if all(
            is_mean_over_batches(accuracy, digits, size)
            for accuracy, digits in prose.FINE_ACCURACIES.values()
        )
    ]


def is_mean_over_batches(
    accuracy: float, digits: int, size: int, num_images: int = prose.TEST_IMAGES
) -> bool:
    """Whether an unweighted mean over batches can be printed so.

    A mean of k batches, the last of r images: (s / size + d / r) / k, with s of all full batches'
    images and d of the last one's classified rightly. digits: decimals of the print in percent.
    """
    full, last = divmod(num_images, size)
    batches = full + (last > 0)
    # Half of the last printed digit, and what binary fractions may add to it.
    tolerance = 0.5 * 10 ** -(digits + 2) * (1 + 1e-7)
    for right in range(last + 1) if last else (0,):
        of_last = right / last if last else 0.0
        of_full = round((accuracy * batches - of_last) * size)
        is_count = 0 <= of_full <= full * size
        if is_count and abs((of_full / size + of_last) / batches - accuracy) <= tolerance:
            return True
    return False
