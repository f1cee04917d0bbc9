"""Any classification network of timm (Wightman, 2019), by its name."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from titn.config.annotations import Count, ProperFraction, Stem, Text
from titn.models import timm_weights
from titn.models.feature_maps import forward_timm_with_features
from titn.models.folding import fold_norms
from titn.models.layers import Normalise
from titn.models.timm_building import TimmSpec, build, check_name, create, forward_heads, published
from titn.models.timm_stems import new_stem
from titn.types import ImageSpec, Output


class TimmNetwork(nn.Module):
    """A network of timm, with its own normalisation in front.

    images (b, c, h, w) to Output of (b, k) logits. A network that timm distils has two heads, and
    their logits stay apart in evaluation too, where timm adds them.

    name: one of `timm.list_models()`, perhaps with the tag of pretrained weights. pretrained: it
    starts from these weights (`titn.training.weights` loads them), and normalises images as they
    were trained, not as the data set says. stem: cifar changes a ResNet, EfficientNet or
    MobileNetV3 for 32x32 (`titn.models.timm_stems`). dropout: before the classifier (timm's
    `drop_rate`). drop_path: of stochastic depth (timm's `drop_path_rate`). The other keywords are
    those of timm's transformers and MLPs; None leaves one as timm has it.

    A network with a fixed image size is built for that of the data set; one that cannot take it is
    refused.
    """

    def __init__(
        self,
        *,
        images: ImageSpec,
        name: Text,
        pretrained: bool = False,
        stem: Stem = "imagenet",
        dropout: ProperFraction = 0.0,
        drop_path: ProperFraction = 0.0,
        patch_size: Count | None = None,
        window_size: Count | None = None,
        embed_dim: Count | None = None,
        depth: Count | None = None,
        num_heads: Count | None = None,
    ):
        super().__init__()
        check_name(name, pretrained)
        self.published = published(name)
        options: dict[str, Any] = {
            "patch_size": patch_size,
            "window_size": window_size,
            "embed_dim": embed_dim,
            "depth": depth,
            "num_heads": num_heads,
            "dropout": dropout or None,
            "drop_path": drop_path or None,
        }
        given = {key: value for key, value in options.items() if value is not None}
        # Without the sample of images, which a copy of this network need not carry along.
        images = replace(images, sample=None)
        self.spec = TimmSpec(name, images, given, cifar_stem=stem == "cifar")
        self.pretrained = pretrained
        self.normalise = Normalise(self._as_pretrained(images) if pretrained else images)
        self.net, self.has_distillation_token = build(self.spec)

    def _as_pretrained(self, images: ImageSpec) -> ImageSpec:
        """With the mean and standard deviation of the pretrained weights; grey has their means."""
        mean, std = (
            tuple(map(float, values)) for values in (self.published.mean, self.published.std)
        )
        if len(mean) != images.channels:
            mean, std = ((sum(values) / len(values),) * images.channels for values in (mean, std))
        return replace(images, mean=mean, std=std)

    @property
    def gives_features(self) -> bool:
        return hasattr(self.net, "forward_intermediates")

    def forward(self, images: Tensor, num_maps: int | None = None) -> Output:
        """num_maps: how many maps the output has among its features; None: no features."""
        normalised = self.normalise(images)
        if num_maps is None:
            return forward_heads(self.net, self.net, normalised)
        net: Any = self.net
        forward_head = partial(forward_heads, net, net.forward_head)
        return forward_timm_with_features(net, forward_head, normalised, num_maps)

    # --- weights from elsewhere -------------------------------------------------------------

    @property
    def new_layers(self) -> tuple[str, ...]:
        """Prefixes of the parameters that weights for other classes have otherwise."""
        return tuple(f"net.{name}." for name in timm_weights.classifier_names(self.published))

    @property
    def pretrained_address(self) -> str:
        """Where timm has the weights of this name."""
        return timm_weights.address(self.published)

    def fetch_pretrained(self) -> Path:
        """timm's weights of this name, from its cache or fetched; raises what its clients raise."""
        return timm_weights.fetch(self.published)

    def adapt(self, state: dict[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        """Weights of this network for other classes, channels or sizes; and its new layers.

        state: with the names of this module. The new layers are those of the classes, and a stem
        that the weights do not have. As in timm, pretrained weights for as many classes keep
        theirs, and what they have beyond the network's own names is left out. Raises what timm
        raises of weights that are another network's.
        """
        inner = {name.removeprefix("net."): value for name, value in state.items()}
        own = self.net.state_dict()
        stem = {
            name: value
            for layer in (new_stem(self.net) if self.spec.cifar_stem else ())
            if (value := inner.pop(name := f"{layer}.weight", None)) is not None
        }
        found = timm_weights.adapt(
            inner,
            self.published,
            lambda **loading: create(replace(self.spec, cifar_stem=False), **loading),
        )
        adapted = found.state | (found.unknown if not self.pretrained else {})
        new = () if self._keeps_classes(adapted) else self.new_layers
        for name, value in stem.items():
            if value.shape == own[name].shape:
                adapted[name] = value
            else:
                new += (f"net.{name.removesuffix('weight')}",)
        return {f"net.{name}": value for name, value in adapted.items()}, new

    def _keeps_classes(self, adapted: dict[str, Tensor]) -> bool:
        names = [f"{name}.weight" for name in timm_weights.classifier_names(self.published)]
        return self.pretrained and all(name in adapted for name in names)

    # --- inference --------------------------------------------------------------------------

    def folded(self) -> "TimmNetwork":
        """Change this network in place into its form for inference and return it.

        Batch normalisations are folded into the convolutions before them. A network that
        `torch.fx` cannot follow stays as it is.
        """
        if not self.has_distillation_token:  # its two heads would be traced as one
            images = self.spec.images
            image = self.normalise.mean.new_zeros(1, images.channels, images.size, images.size)
            with torch.no_grad():
                self.net = fold_norms(self.net.eval(), image)
        return self
