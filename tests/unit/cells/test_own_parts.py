"""Data sets, views and losses of one's own are tried before anything is trained."""

import sys
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from titn.cells.failures import exits_named
from titn.cells.own_parts import build_checked, check_parts
from titn.cells.planning import Planner
from titn.data.images import Dataset, Images
from titn.data.views import CropFlip
from titn.losses.distillation import HardDistillation, SoftDistillation
from titn.losses.features import Guidance
from titn.losses.supervised import Supervised
from titn.losses.terms import TokenWeights
from titn.system.errors import ConfigError
from titn.types import ImageSpec

SPEC = ImageSpec(num_classes=10, size=8)
RUN = {group: {"_target_": f"mine.{group}"} for group in ("dataset", "augment", "loss")}


def tried(view=None, loss=None) -> None:
    parts = SimpleNamespace(view=view or CropFlip(), loss=loss or Supervised())
    check_parts(parts, RUN, SPEC)


@pytest.mark.parametrize("loss", [HardDistillation(), SoftDistillation(), Supervised(), Guidance()])
def test_what_does_as_it_should_is_taken(loss):
    tried(CropFlip(autoaugment=True), loss)


def test_titns_own_are_not_tried():
    run = {group: {"_target_": "titn.x"} for group in ("augment", "loss")}
    check_parts(SimpleNamespace(view=None, loss=None), run, SPEC)


class View:
    """Its rows are `row` for each image; `see` makes images of images and rows."""

    def __init__(self, see, row=lambda rng: rng.random()):
        self.see, self.row = see, row

    def draw(self, num_samples, rng):
        return {"row": torch.tensor([self.row(rng) for _ in range(num_samples)])}

    def apply(self, images, rows):
        return self.see(images, rows["row"])


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (View(lambda x, r: x / 255), r"apply returns \(16, 3, 8, 8\) torch.float32; "),
        (View(lambda x, r: x[..., 1:]), r"apply returns \(16, 3, 8, 7\) torch.uint8; "),
        (View(lambda x, r: x.missing), "apply fails .AttributeError: 'Tensor' object has no"),
        (View(lambda x, r: x if torch.rand(1) < 0.5 else 255 - x), "another image each time"),
        (View(lambda x, r: x + r[0].byte(), lambda rng: torch.rand(1) * 99), "another image each"),
    ],
)
def test_what_is_wrong_with_a_view_is_said(view, reason):
    with pytest.raises(ConfigError, match=rf"^augment\._target_=mine\.augment: .*{reason}"):
        tried(view)


def test_a_view_draws_a_row_for_each_image():
    view = View(lambda x, r: x)
    view.draw = lambda num_samples, rng: {"row": torch.zeros(3)}
    with pytest.raises(ConfigError, match=r"draw returns \(3,\) torch\.float32; draw\(num_samples"):
        tried(view)


class Loss:
    needs_teacher, hard_labels = True, False
    token_weights = TokenWeights(0.5, 0.5)

    def __init__(self, terms):
        self.terms = terms

    def __call__(self, output, batch, teacher):
        return self.terms(output.cls.logsumexp(-1).mean(), teacher)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (lambda term, teacher: {"task": term}, "returns a dict; a loss returns {'loss': TENSOR"),
        (lambda term, teacher: term, r"returns \(\) torch.float32; a loss returns"),
        (lambda term, teacher: {"loss": term * torch.ones(2)}, r"returns \(2,\) torch.float32; "),
        (lambda term, teacher: {"loss": term.detach()}, "its 'loss' has no gradient, "),
        (lambda term, teacher: {"loss": term * teacher[0, 10]}, "fails .IndexError: "),
    ],
)
def test_what_is_wrong_with_a_loss_is_said(terms, reason):
    with pytest.raises(ConfigError, match=rf"^loss\._target_=mine\.loss: .*{reason}"):
        tried(loss=Loss(terms))


def test_a_loss_says_which_tokens_it_trains():
    loss = Loss(lambda term, teacher: {"loss": term})
    loss.token_weights = (0.5, 0.5)
    with pytest.raises(ConfigError, match=r"its token_weights are a tuple; give titn\.losses"):
        tried(loss=loss)


def built(pixels: Tensor, labels: Tensor, names=("a", "b"), **keys: int) -> Dataset:
    images = Images(pixels, labels)
    run = {"dataset": {"_target_": "mine.dataset", "image_size": 8} | keys}
    return build_checked(run, lambda run: Dataset("x", images, images, "test", names, "d"))


PIXELS = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
LABELS = torch.arange(4) % 2


def test_a_data_set_as_networks_take_it_is_returned():
    assert len(built(PIXELS, LABELS).train) == 4


def test_a_data_set_may_have_the_channels_that_it_says():
    assert len(built(PIXELS[:, :1], LABELS, channels=1).train) == 4


@pytest.mark.parametrize(
    ("pixels", "labels", "reason"),
    [
        (PIXELS / 255, LABELS, r"train has pixels \(4, 3, 8, 8\) torch.float32; "),
        (PIXELS[:, :1], LABELS, r"train has pixels \(4, 1, 8, 8\) torch.uint8; "),
        (PIXELS[..., :7], LABELS, "train has images of 8x7, and image_size=8; "),
        (PIXELS, LABELS[:3], r"train has labels \(3,\) torch.int64 for 4 images; "),
        (PIXELS, LABELS + 1, "train has labels from 1 to 2, and 2 class_names; "),
        (PIXELS.numpy(), LABELS, "whose pixels and labels are no tensors; "),
        (PIXELS[:0], LABELS[:0], "train has no images; "),
    ],
)
def test_what_is_wrong_with_a_data_set_is_said(pixels, labels, reason):
    with pytest.raises(ConfigError, match=rf"^dataset\._target_=mine\.dataset: .*{reason}"):
        built(pixels, labels)


def test_a_data_set_has_two_classes():
    with pytest.raises(ConfigError, match=r"has one class, .'a',.; two are the least"):
        built(PIXELS, LABELS * 0, names=("a",))


def test_a_data_set_says_its_image_size():
    with pytest.raises(ConfigError, match="has no image_size, to which titn"):
        built(PIXELS, LABELS, image_size=None)


def test_whatever_its_code_raises_is_one_line():
    def build(run):
        raise KeyError("x")

    with pytest.raises(ConfigError, match=r"makes no data set \(KeyError: 'x'\); titn\.data"):
        build_checked(RUN, build)


def test_a_part_that_ends_the_process_is_named():
    def see(images, rows):
        raise SystemExit("no data")

    with pytest.raises(ConfigError, match=r"apply fails .SystemExit: no data"):
        tried(View(see))


def test_a_module_that_ends_the_process_is_named():
    with (
        pytest.raises(
            ConfigError, match=r"ended the process with sys\.exit\('no data'\); raise a V"
        ),
        exits_named(),
    ):
        sys.exit("no data")


@pytest.mark.parametrize(
    ("name", "head", "built", "said"),
    [
        ("unbuilt", "", "raise KeyError(width)", r"built \(KeyError: 8, in line 4 of .*width$"),
        ("unable", "from torch import ones", "ones(2) @ ones(3)", r"built \(RuntimeError: .* in l"),
        (
            "nameless",
            "",
            "raise ValueError('Too wide')",
            r"built \(ValueError: Too wide, in line 4",
        ),
        ("absent", "import nowhere", "pass", r"imported \(ModuleNotFoundError: .* in line 1 of"),
    ],
)
def test_what_a_module_or_a_constructor_raises_is_one_line(
    name, head, built, said, tiny, tmp_path, monkeypatch
):
    lines = (head, "class Net:", "    def __init__(self, *, images, width):", f"        {built}")
    (tmp_path / f"{name}.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    run = tiny() | {"model": {"_target_": f"{name}.Net", "width": 8}}
    with pytest.raises(ConfigError, match=rf"^model\._target_={name}\.Net: cannot be {said}"):
        Planner().plan(run)


def test_what_names_its_key_is_said_as_it_is(tiny, tmp_path, monkeypatch):
    lines = ("class Net:", "    def __init__(self, *, images, width):", "        raise ValueError")
    (tmp_path / "named.py").write_text("\n".join(lines) + "('width=8: is too wide; give 4')")
    monkeypatch.syspath_prepend(tmp_path)
    run = tiny() | {"model": {"_target_": "named.Net", "width": 8}}
    with pytest.raises(ConfigError, match=r"^model\.width=8: is too wide; give 4$"):
        Planner().plan(run)
