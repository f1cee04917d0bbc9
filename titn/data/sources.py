"""The data sets. Each function here is the `_target_` of a data set's YAML and returns a Dataset.

Keywords that all have: image_size, the side in pixels of the images that the networks see.
num_classes: keep the first so many classes. fraction: keep this part of train, in (0, 1], the same
share of each class and the same images for every seed. split: "validation" evaluates on
`validation_fraction` of train, held out, instead of on test.

Those of one's own images have channels: 3 for colours, 1 for grey (their luma), 4 for colours and
transparency; the networks are built for as many. With 3, transparency is put on white. storage:
where the decoded images are, "ram", "disk", or "auto": on the disk if they do not fit into memory.
It changes no number.
"""

from pathlib import Path
from typing import Annotated

import torch

from titn.config.annotations import (
    Channels,
    CheckedBy,
    Classes,
    Count,
    Portion,
    ProperFraction,
    Published,
    Split,
    Storage,
    Text,
    WithoutAlpha,
)
from titn.data import csv_list, hub_columns, layouts, npz_arrays
from titn.data.cache import cached_arrays
from titn.data.channels import dataset_in_channels, to_channels
from titn.data.folder import FileList, FileRows, Folder
from titn.data.hub import Hub, HubRows
from titn.data.images import Dataset, Images, images_digest
from titn.data.npz_arrays import read_arrays
from titn.data.npz_rows import NpzRows
from titn.data.overlap import Place, check_overlap, row_contents, row_digests
from titn.data.parquet import Parquet, ParquetRows
from titn.data.paths import expand_root
from titn.data.prepare import (
    DecodedDataset,
    Selection,
    decode_cached,
    from_arrays,
    prepare,
    to_arrays,
)
from titn.data.storage import stored
from titn.data.torchvision_layout import TorchvisionLayout
from titn.system.files import cache_dir


def digits(
    *,
    image_size: Count = 32,
    num_classes: Annotated[Classes | None, CheckedBy("titn.data.layouts.digits")] = None,
    fraction: Portion = 1.0,
    split: Split = "test",
    validation_fraction: ProperFraction = 0.2,
) -> Dataset:
    """scikit-learn's 1,797 handwritten digits of 8x8 pixels, enlarged to `image_size`.

    They have no test set of their own: 360 images, the same share of each class, are set aside,
    always the same ones. A writer may be in both parts, which makes this an easy test set.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    # (1797, 8, 8) with 17 grey levels, 0 to 16, to (1797, 1, 8, 8) in 0..255.
    pixels = torch.from_numpy(raw.images).mul(255 / 16).round().to(torch.uint8).unsqueeze(1)
    everything = Images(pixels, torch.from_numpy(raw.target).to(torch.int64))
    parts = train_test_split(
        torch.arange(len(everything)).numpy(), test_size=360, stratify=raw.target, random_state=0
    )
    train, test = (everything.take(torch.from_numpy(part).sort().values) for part in parts)
    class_names = tuple(str(name) for name in raw.target_names)
    decoded = DecodedDataset(train, test, class_names, images_digest(train, test, class_names))
    selection = Selection(image_size, num_classes, fraction, split, validation_fraction)
    return prepare("digits", decoded, selection)


def published(
    *,
    name: Published,
    root: Annotated[str | None, CheckedBy("titn.data.layouts.published")] = None,
    download: bool = False,
    image_size: Count = 32,
    num_classes: Classes | None = None,
    fraction: Portion = 1.0,
    split: Split = "test",
    validation_fraction: ProperFraction = 0.1,
) -> Dataset:
    """MNIST, CIFAR-10 or CIFAR-100, in either of two layouts.

    root: a directory with train-*.parquet and test-*.parquet, as the Hugging Face hub has them, or
    torchvision's root. download: let torchvision fetch them, into `root` or the cache. Both layouts
    give the same images and so the same digest. They are decoded once and cached.

    Raises ValueError if the files are not there or are those of another data set.
    """
    selection = Selection(image_size, num_classes, fraction, split, validation_fraction)
    shards = layouts.published(name=name, root=root, download=download, num_classes=num_classes)
    place = expand_root(root) if root else cache_dir() / "downloads"
    layout = TorchvisionLayout(name, place)
    if shards is None and not layout.is_there():
        layout.download()
    decoded = decode_cached(layout if shards is None else Parquet(shards))
    layouts.check_published(name, place, _format(decoded))
    return prepare(name, decoded, selection)


def _format(decoded: DecodedDataset) -> layouts.PublishedFormat:
    splits = (decoded.train, decoded.test)
    train, test = (
        tuple(images.labels.bincount(minlength=len(decoded.class_names)).tolist())
        for images in splits
    )
    channels, side = decoded.train.pixels.shape[1:3]
    return layouts.PublishedFormat(channels, side, train, test)


def parquet(
    *,
    root: Annotated[str | None, CheckedBy("titn.data.layouts.parquet")] = None,
    image_size: Count = 32,
    channels: WithoutAlpha = 3,
    storage: Storage = "auto",
    num_classes: Classes | None = None,
    fraction: Portion = 1.0,
    split: Split = "test",
    validation_fraction: ProperFraction = 0.1,
) -> Dataset:
    """A directory of train-*.parquet and test-*.parquet in the Hugging Face layout.

    Encoded images are in a column `img` or `image`, integer labels in `fine_label` or `label`, and
    class names in the schema's metadata. They are decoded once and cached.

    Raises ValueError if the directory is not given or does not hold such files.
    """
    source = Parquet(layouts.parquet(root=root, num_classes=num_classes))
    selection = Selection(image_size, num_classes, fraction, split, validation_fraction)
    if on_disk := stored(ParquetRows(source), storage, image_size, channels):
        return on_disk.prepared("parquet", selection)
    decoded = decode_cached(source)
    _check_images(source.root, decoded)
    dataset = prepare("parquet", decoded, selection)
    return dataset_in_channels(dataset, channels)


def huggingface(
    *,
    root: Annotated[str | None, CheckedBy("titn.data.hub_columns.huggingface")] = None,
    config_name: Text | None = None,
    test_split: Text = "test",
    image_column: Text | None = None,
    label_column: Text | None = None,
    image_size: Count = 32,
    channels: Channels = 3,
    storage: Storage = "auto",
    num_classes: Classes | None = None,
    fraction: Portion = 1.0,
    split: Split = "test",
    validation_fraction: ProperFraction = 0.1,
) -> Dataset:
    """A data set as `datasets` saved it (`save_to_disk`), or a folder fetched from the hub.

    Arrow files as their JSON files list them, or parquet files as their names or the README's
    `configs` say. Images are encoded, or arrays (h, w), (h, w, c) or (c, h, w) of uint8 or of
    floating point in [0, 1]; of any size, and resized as those of `folder` are. Labels are whole
    numbers or words.

    config_name: which of several configurations. test_split: what `split` "test" means.
    image_column, label_column: the columns to read, where features and names leave a choice.

    Raises ValueError that names the file and the row, or what is to be chosen.
    """
    tables = hub_columns.huggingface(
        root=root,
        config_name=config_name,
        test_split=test_split,
        image_column=image_column,
        label_column=label_column,
        num_classes=num_classes,
    )
    selection = Selection(image_size, num_classes, fraction, split, validation_fraction)
    if on_disk := stored(HubRows(Hub(tables)), storage, image_size, channels):
        return on_disk.prepared("huggingface", selection)
    decoded = Hub(tables).decoded(image_size, 4 if channels == 4 else 3)
    return dataset_in_channels(prepare("huggingface", decoded, selection), channels)


def folder(
    *,
    root: Annotated[str | None, CheckedBy("titn.data.layouts.folder")] = None,
    image_size: Count = 32,
    channels: Channels = 3,
    storage: Storage = "auto",
    num_classes: Classes | None = None,
    fraction: Portion = 1.0,
    split: Split = "test",
    validation_fraction: ProperFraction = 0.1,
) -> Dataset:
    """Image files in train/CLASS/ and test/CLASS/, of any format that Pillow reads, size and mode.

    Each is resized as a whole to `image_size` x `image_size` when it is decoded; its proportions
    are not kept. The arrays are cached. Files whose name begins with a dot are left out; links are
    followed.

    Raises ValueError that names what is not an image, not in a class, empty, or in one split only.
    """
    files = Folder(layouts.folder(root=root, num_classes=num_classes))
    selection = Selection(image_size, num_classes, fraction, split, validation_fraction)
    return _from_files("folder", files, selection, channels, storage)


def csv(
    *,
    root: Annotated[str | None, CheckedBy("titn.data.csv_list.csv")] = None,
    image_size: Count = 32,
    channels: Channels = 3,
    storage: Storage = "auto",
    num_classes: Classes | None = None,
    fraction: Portion = 1.0,
    split: Split = "test",
    validation_fraction: ProperFraction = 0.1,
) -> Dataset:
    """Image files that a CSV file lists: a line for each with its path, label and split.

    Paths are relative to the file's own directory. Labels that are whole numbers are classes in the
    order of their numbers, others in that of their names. Images are read as those of `folder` are.

    Raises ValueError that names the line, or what is not an image.
    """
    files = FileList(csv_list.csv(root=root, num_classes=num_classes))
    selection = Selection(image_size, num_classes, fraction, split, validation_fraction)
    return _from_files("csv", files, selection, channels, storage)


def npz(
    *,
    root: Annotated[str | None, CheckedBy("titn.data.npz_arrays.npz")] = None,
    image_size: Count = 32,
    channels: Channels = 3,
    storage: Storage = "auto",
    num_classes: Classes | None = None,
    fraction: Portion = 1.0,
    split: Split = "test",
    validation_fraction: ProperFraction = 0.1,
) -> Dataset:
    """Arrays in an .npz file: x_train, y_train, x_test, y_test, or MedMNIST's and scikit's names.

    Images are (N, h, w), (N, h, w, c) or (N, c, h, w) with c of 1, 3 or 4, uint8 or floating point
    in [0, 1]; labels whole numbers from 0, or one-hot; `class_names`, if it is there, has their
    names.

    Raises ValueError that names the array; of a fourth channel, too, that is neither opaque nor to
    be kept.
    """
    file = npz_arrays.npz(root=root)
    selection = Selection(image_size, num_classes, fraction, split, validation_fraction)
    if on_disk := stored(NpzRows(file), storage, image_size, channels):
        return on_disk.prepared("npz", selection)
    arrays = read_arrays(file)
    train, test = (
        Images(torch.from_numpy(pixels), torch.from_numpy(labels))
        for pixels, labels in (arrays.train, arrays.test)
    )
    digest = images_digest(train, test, arrays.class_names)
    _check_images(file, DecodedDataset(train, test, arrays.class_names, digest))
    if channels == 4 or train.pixels.shape[1] == 4:
        if channels != 4:
            arrays.check_opaque()
        train, test = (
            Images(to_channels(images.pixels, channels), images.labels) for images in (train, test)
        )
    decoded = DecodedDataset(train, test, arrays.class_names, digest)
    return dataset_in_channels(prepare("npz", decoded, selection), channels)


def _check_images(root: Path, decoded: DecodedDataset) -> None:
    """`check_overlap` of images that were no files."""
    contents: dict[Place, str] = {}
    for split, images in (("train", decoded.train), ("test", decoded.test)):
        digests = row_digests(images.pixels.numpy())
        contents |= row_contents(split, decoded.class_names, images.labels.numpy(), digests)
    check_overlap(root, contents)


def _from_files(
    name: str, files: Folder, selection: Selection, channels: int, storage: Storage
) -> Dataset:
    """Images from files of any size, resized."""
    contents = files.contents()
    check_overlap(files.folders.root, contents)
    size = selection.image_size
    if on_disk := stored(FileRows(files, contents), storage, size, channels):
        return on_disk.prepared(name, selection)
    decoded = _decode_files(files, contents, size, 4 if channels == 4 else 3)
    return dataset_in_channels(prepare(name, decoded, selection), channels)


def _decode_files(
    files: Folder, contents: dict[Place, str], size: int, channels: int
) -> DecodedDataset:
    """All images with 3 or 4 channels, kept in the cache."""
    digest = files.digest(contents)
    stamp: tuple = ("folder", 3, size, digest)
    if channels == 4:
        stamp = (*stamp, "rgba")
    tensors, _ = cached_arrays(
        repr(stamp), lambda: (to_arrays(*files.decode(size, contents, channels)), {})
    )
    return DecodedDataset(*from_arrays(tensors), files.class_names, digest)
