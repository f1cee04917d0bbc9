"""How much memory cells take, and how many fit: hand-computed."""

from types import SimpleNamespace

import pytest
import torch

from titn.cells.planning import Planner
from titn.data.images import Images
from titn.data.stored import InMainMemory, StoredPixels, stored_images
from titn.sweeps import memory
from titn.training import build


# A tiny network and 1,437 small images take less than a quarter of a GiB beside torch's 1.1, and
# CUDA's 3, in each process.
@pytest.mark.parametrize(
    ("devices", "on_gpu", "needs"),
    [
        (1, False, (1280, 0)),
        (2, False, (2560, 0)),
        (1, True, (4352, 1280)),
        (2, True, (8704, 1280)),
    ],
)
def test_memory_is_that_of_all_processes_and_of_one_gpu(tiny, devices, on_gpu, needs):
    cell = Planner(checked=True).plan(tiny("model=titn", f"devices={devices}"))
    assert memory.needs_of(cell, on_gpu) == needs


def test_a_network_that_reads_numbers_when_it_is_built_is_measured(tiny, monkeypatch):
    cell, instantiate = Planner(checked=True).plan(tiny("model=titn", "seed=3")), build.instantiate

    def reading(*given, **more):
        torch.linspace(0, 1, 3).numpy()  # a TypeError without memory for them
        return instantiate(*given, **more)

    expected = memory._measured(cell, "cpu")
    monkeypatch.setattr(build, "instantiate", reading)
    assert memory._size_of_network(cell) == expected


def cell(batch_size, train, teacher=None, **more):
    """Images of 1 MiB each; a layer puts out 2**18 numbers, 1 MiB, for one of them."""
    images = Images(torch.zeros(train, 1, 1024, 1024, dtype=torch.uint8), torch.zeros(train))
    dataset = SimpleNamespace(train=images, evaluated=images.take(torch.arange(1)))
    run = {"batch_size": batch_size, "accumulate": 1, "devices": 1} | more
    return SimpleNamespace(run=run, dataset=dataset, teacher=teacher, device=torch.device("cpu"))


@pytest.fixture
def sized(monkeypatch):
    """Networks of 2**20 weights, whose layers put out 2**18 numbers for an image."""
    monkeypatch.setattr(memory, "_size_of_network", lambda cell: (2**20, 2**18))


@pytest.mark.parametrize(
    ("changes", "batch_of_teacher", "machine"),
    [
        # 1152 + 3 x 10 images + 20 of weights + 1.25 x 400 of outputs = 1702 MiB
        ({}, None, 1792),
        ({"accumulate": 4}, None, 1536),  # 1327
        # another 8 of weights and 500 of outputs = 2210; the teacher alone is smaller
        ({}, 40, 2304),
        # a teacher with larger batches: 1152 + 30 + 20 + 1.25 x 4000 = 6202
        ({}, 4000, 6400),
    ],
)
def test_memory_is_of_images_weights_and_what_layers_put_out(
    sized, changes, batch_of_teacher, machine
):
    teacher = cell(batch_of_teacher, 9) if batch_of_teacher else None
    assert memory.needs_of(cell(400, 9, teacher, **changes), on_gpu=False) == (machine, 0)


def test_a_gpu_holds_the_images_once_and_the_rows_of_its_process(sized):
    # 1024 + 10 images + 20 of weights + 1.25 x 2000 / 2 of outputs = 2304 MiB
    planned = cell(batch_size=2000, train=9, devices=2)
    assert memory.needs_of(planned, on_gpu=True).gpu == 2304


def test_images_on_the_disk_take_no_memory(sized):
    planned = cell(batch_size=1, train=1000)
    pixels = planned.dataset.train.pixels
    rows = StoredPixels(InMainMemory(pixels), torch.arange(len(pixels)))
    planned.dataset.train = stored_images(rows, planned.dataset.train.labels)
    assert memory.needs_of(planned, on_gpu=False).machine == 1280


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (1.0, "a cell takes at most 1.2 GiB of 1.0 GiB of memory free: not even one fits"),
        (2.0, "a cell takes at most 1.2 GiB of 2.0 GiB of memory free: 1 cell at once"),
        (9.9, "a cell takes at most 1.2 GiB of 9.9 GiB of memory free: 7 cells at once"),
    ],
)
def test_how_many_fit_is_said(sized, monkeypatch, free, said):
    monkeypatch.setattr(memory, "available_memory", lambda: int(free * 2**30))
    monkeypatch.setattr(memory, "_size_key", id)
    cells = [cell(1, 1), cell(2, 1)]
    assert memory.room_line(cells) == f"  {said} (by calculation)"
