"""Which recipe suits a network of timm, by its name: no torch, and so no timm, is loaded here."""

from omegaconf import OmegaConf

# How the names begin of timm's networks that have attention, or an MLP, between patches. Hybrids
# that learn like convolutional networks (MobileViT, EfficientFormer) are not among them.
TRANSFORMERS = (
    "beit", "cait", "coat_", "convit", "crossvit", "deepseek_vit", "deit", "eva", "flexivit",
    "gcvit", "gemma4_vit", "gmixer", "gmlp", "hiera", "mixer", "mvitv2", "naflexvit", "nest",
    "pit", "poolformer", "pvt", "qwen3_vit", "resmlp", "sam2_hiera", "samvit", "sequencer", "swin",
    "test_vit", "tnt", "twins", "vit", "volo", "xcit",
)  # fmt: skip
RATES = {"transformer": 5e-4, "cnn": 1e-3}


def recipe_of(name: str) -> str:
    """The data sets' recipe for a network of this name."""
    return "transformer" if str(name).lower().startswith(TRANSFORMERS) else "cnn"


def rate_of(recipe: str) -> float:
    """The learning rate under AdamW that goes with a recipe; of others a transformer's."""
    return RATES.get(recipe, RATES["transformer"])


def register_timm_recipes() -> None:
    """Tell OmegaConf of `timm_recipe` and `timm_lr`; once, however often it is called."""
    OmegaConf.register_new_resolver("timm_recipe", recipe_of, replace=True)
    OmegaConf.register_new_resolver("timm_lr", rate_of, replace=True)
